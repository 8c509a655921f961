import type { EpochMs, SaleId } from '#schemas/ids.ts';
import type { LineRecord } from '#shared/line/line.ts';
import { EMPTY_HEAD, seal } from '#shared/proof/seal.ts';
import { advance } from '#shared/sale/advance.ts';
import { initialState, isSettled, statusOf, type SaleState } from '#shared/sale/state.ts';
import { recordSha256 } from '#shared/line/record-sha256.ts';
import { parseForTests } from './world.ts';

/** What the line means, decided by the core alone, one record after the other: what any writer must have committed. */
export function decideLine(records: readonly LineRecord[], saleIds: readonly SaleId[]): Map<SaleId, string[]> {
  const sales = new Map<SaleId, { state: SaleState; wasSettled: boolean; head: string; leaves: string[] }>();
  for (const saleId of saleIds) sales.set(saleId, { state: initialState(saleId), wasSettled: false, head: EMPTY_HEAD, leaves: [] });
  let at = 0 as EpochMs;
  for (const record of records) {
    at = Math.max(at, record.timestamp) as EpochMs;
    const parsed = parseForTests(record.value ?? Buffer.alloc(0));
    const own = parsed.ok ? sales.get(parsed.command.sale_id) : undefined;
    const takesIt = parsed.ok && own !== undefined && (parsed.command.type === 'sale.schedule' || statusOf(own.state) !== null);
    const sale = takesIt ? own : [...sales.values()].findLast(({ state, wasSettled }) => statusOf(state) !== null && !wasSettled);
    if (sale === undefined) continue;
    const malformed = { sha256: recordSha256(record), requestId: parsed.ok ? parsed.command.request_id : `line-${String(record.offset)}` };
    const { events } = advance(
      sale.state,
      takesIt ? { offset: record.offset, at, command: parsed.command } : { offset: record.offset, at, malformed },
    );
    sale.wasSettled ||= isSettled(sale.state);
    const { sealed, head } = seal(events, sale.head);
    sale.head = head;
    for (const { leaf } of sealed) sale.leaves.push(leaf);
  }
  return new Map([...sales].map(([saleId, { leaves }]) => [saleId, leaves]));
}
