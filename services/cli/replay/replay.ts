import type { Offset } from '#schemas/ids.ts';
import { assert } from '#shared/faults/assert.ts';
import type { LineReader, LineRecord } from '#shared/line/line.ts';
import { parseCommand } from '#shared/line/parse-command.ts';
import { replaySale } from '#shared/replay/replay-sale.ts';
import type { LoggedEvent, SaleLog } from './ledger-log.ts';

/** What a sale's line leads to, decided again, beside what the ledger says it led to. */

export interface ReplayResult {
  readonly saleId: string;
  readonly partition: number;
  readonly fromOffset: number;
  readonly records: number;
  /** Events that are the same, byte for byte, hash for hash, from seq 1 on. */
  readonly same: number;
  readonly events: number;
  /** The first that is not; a side that has no such event is null. */
  readonly difference: { readonly seq: number; readonly replayed: LoggedEvent | null; readonly ledger: LoggedEvent | null } | null;
}

/** Records read ahead of the comparing. */
const aheadRecordsMax = 10_000;

/** @param onProgress called now and then with the events compared so far */
export async function replay(log: SaleLog, line: LineReader, onProgress: (same: number) => void): Promise<ReplayResult> {
  const { take } = replaySale(log.start);
  const logged = eventsOf(log);
  let records = 0;
  let same = 0;
  const result = (difference: ReplayResult['difference']): ReplayResult => ({
    saleId: log.start.saleId,
    partition: log.partition,
    fromOffset: log.start.firstOffset,
    records,
    same,
    events: log.throughSeq,
    difference,
  });

  for await (const batch of recordsOf(line, log)) {
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
function eventsOf(log: SaleLog): () => Promise<LoggedEvent | null> | LoggedEvent | null {
  const pages = log.pages();
  let page: readonly LoggedEvent[] = [];
  let at = 0;
  const turn = async (): Promise<LoggedEvent | null> => {
    const next = await pages.next();
    if (next.done === true) return null;
    page = next.value;
    at = 1;
    return page[0] ?? null;
  };
  return () => (at < page.length ? page[at++]! : turn());
}

/** The sale's part of the line, to the record of the newest event. */
async function* recordsOf(line: LineReader, { partition, start, throughOffset }: SaleLog): AsyncGenerator<readonly LineRecord[]> {
  const { low, high } = await line.watermarks(partition);
  assert(
    low <= start.firstOffset && throughOffset < high,
    `the line still has offsets ${start.firstOffset} to ${throughOffset}; it has ${low} to ${high - 1}: restore the topic`,
  );
  let waiting: LineRecord[] = [];
  let wake: (() => void) | null = null;
  line.open(partition, start.firstOffset, (records) => {
    for (const record of records) waiting.push(record);
    if (waiting.length > aheadRecordsMax) line.pause(partition);
    wake?.();
  });
  try {
    for (let next = start.firstOffset; next <= throughOffset;) {
      if (waiting.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      const records = waiting.filter(({ offset }) => offset <= throughOffset);
      waiting = [];
      line.resume(partition);
      next = (next + records.length) as Offset;
      yield records;
    }
  } finally {
    line.close(partition);
  }
}
