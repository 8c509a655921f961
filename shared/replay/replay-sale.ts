import type { EpochMs, Offset, SaleId } from '#schemas/ids.ts';
import { assert } from '#shared/faults/assert.ts';
import type { LineRecord, ParsedCommand } from '#shared/line/line.ts';
import { recordSha256 } from '#shared/line/record-sha256.ts';
import { EMPTY_HEAD, seal, type SealedEvent } from '#shared/proof/seal.ts';
import { advance, type Entry } from '#shared/sale/advance.ts';
import { initialState, isSettled, statusOf } from '#shared/sale/state.ts';

/** What a replay has to know beside the line itself. */
export interface ReplayStart {
  readonly saleId: SaleId;
  /** Of the record that scheduled the sale. */
  readonly firstOffset: Offset;
  /** Logical time of that record's events: those before it on the line may have been later than its own. */
  readonly firstAt: EpochMs;
  /** Every other sale the line ever had, and the offset that scheduled it: records for anything else are malformed. */
  readonly others: ReadonlyMap<SaleId, Offset>;
}

export interface Replay {
  /** The next record of the line, from `firstOffset` on and without a hole. Gives the sale's events it leads to, sealed. */
  readonly take: (record: LineRecord, parsed: ParsedCommand) => readonly SealedEvent[];
}

/**
 * Decides a sale again from its line, from its first record, without the ledger (I3):
 * the same core and the same chain as the writer's, and nothing else of the writer.
 * Pure: what it gives follows from `start` and the records.
 */
export function replaySale(start: ReplayStart): Replay {
  const { saleId, firstOffset, others } = start;
  const state = initialState(saleId);
  let next = firstOffset;
  let lastAt = start.firstAt;
  let head = EMPTY_HEAD;
  let wasSettled = false;

  /** As the writer does it: null where the record is another sale's, or no active sale's. */
  function entryOf(record: LineRecord, parsed: ParsedCommand): Entry | null {
    const { offset } = record;
    if (parsed.ok) {
      const { command } = parsed;
      if (command.sale_id === saleId) return { offset, at: lastAt, command };
      const scheduledAt = others.get(command.sale_id);
      if (scheduledAt !== undefined && scheduledAt <= offset) return null;
    }
    // Once settled, its line is another sale's, whatever a late payment gives it to do.
    if (statusOf(state) === null || wasSettled) return null;
    const sha256 = parsed.ok ? recordSha256(record) : parsed.sha256;
    const requestId = (parsed.ok ? parsed.command.request_id : parsed.requestId) ?? `line-${String(offset)}`;
    return { offset, at: lastAt, malformed: { sha256, requestId } };
  }

  return {
    take(record, parsed) {
      assert(record.offset === next, `records stand without a hole: ${String(record.offset)} where ${String(next)} is next`);
      next = (next + 1) as Offset;
      if (record.timestamp > lastAt) lastAt = record.timestamp;
      const entry = entryOf(record, parsed);
      if (entry === null) return [];
      const { events } = advance(state, entry);
      wasSettled ||= isSettled(state);
      const sealed = seal(events, head);
      head = sealed.head;
      return sealed.sealed;
    },
  };
}
