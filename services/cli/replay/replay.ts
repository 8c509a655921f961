import { assert } from '#shared/faults/assert.ts';
import type { SaleLog } from '#shared/ledger/sale-log.ts';
import { hasRange, recordsOfRange } from '#shared/line/line-range.ts';
import type { LineReader } from '#shared/line/line.ts';
import { parseCommand } from '#shared/line/parse-command.ts';
import { replaySale } from '#shared/replay/replay-sale.ts';

/** What a sale's line leads to, decided again, beside what the ledger says it led to. */

export interface ReplayResult {
  readonly saleId: string;
  /** null: there is no event 1, which would say where the line begins. */
  readonly partition: number | null;
  readonly fromOffset: number | null;
  readonly records: number;
  /** Events that are the same, byte for byte, hash for hash, from seq 1 on. */
  readonly same: number;
  readonly events: number;
  /** The first that is not; a side that has no such event is null. */
  readonly difference: { readonly seq: number; readonly replayed: ComparedEvent | null; readonly ledger: ComparedEvent | null } | null;
}

interface ComparedEvent {
  readonly seq: number;
  readonly leaf: string;
  /** Hex. */
  readonly hash: string;
}

/**
 * @param crashed rejects when the reader of the line gives up
 * @param onProgress called now and then with the events compared so far
 */
export async function replay(
  log: SaleLog,
  line: LineReader,
  crashed: Promise<never>,
  onProgress: (same: number) => void,
): Promise<ReplayResult> {
  const logged = eventsOf(log);
  let records = 0;
  let same = 0;
  const result = (difference: ReplayResult['difference']): ReplayResult => ({
    saleId: log.saleId,
    partition: log.line?.partition ?? null,
    fromOffset: log.line?.firstOffset ?? null,
    records,
    same,
    events: log.throughSeq,
    difference,
  });

  if (log.line === null) return result({ seq: 1, replayed: null, ledger: await logged() });
  const { firstOffset, throughOffset } = log.line;
  assert(await hasRange(line, log.line), `the line still has offsets ${firstOffset} to ${throughOffset}: restore the topic`);
  const { take } = replaySale({ saleId: log.saleId, ...log.line });
  for await (const batch of recordsOfRange(line, log.line, crashed)) {
    for (const record of batch) {
      records += 1;
      for (const { event, leaf, hash } of take(record, parseCommand(record.value))) {
        if (same === log.throughSeq) return result(null);
        const ledger = await logged();
        const replayed = { seq: event.seq, leaf, hash };
        if (ledger?.seq !== replayed.seq || ledger.leaf !== leaf || ledger.hash !== hash)
          return result({ seq: same + 1, replayed, ledger });
        same += 1;
      }
    }
    onProgress(same);
  }
  const missing = await logged();
  return result(same === log.throughSeq ? null : { seq: same + 1, replayed: null, ledger: missing });
}

/** One event after the other; null behind the last. Resolves at once but at the end of a page. */
function eventsOf(log: SaleLog): () => Promise<ComparedEvent | null> | ComparedEvent | null {
  const pages = log.pages();
  let page: readonly ComparedEvent[] = [];
  let at = 0;
  const turn = async (): Promise<ComparedEvent | null> => {
    const next = await pages.next();
    if (next.done === true) return null;
    // Whatever the bytes are now: what is no text any more differs, and that is said.
    page = next.value.map(({ seq, leaf, hash }) => ({ seq, leaf: leaf.toString('utf8'), hash: hash.toString('hex') }));
    at = 1;
    return page[0] ?? null;
  };
  return () => (at < page.length ? page[at++]! : turn());
}
