import type { Offset, Partition } from '#schemas/ids.ts';
import type { LineReader, LineRecord } from './line.ts';

/** A part of one partition, from its first offset to its last. */
export interface LineRange {
  readonly partition: Partition;
  readonly firstOffset: Offset;
  readonly throughOffset: Offset;
}

/** Records read ahead of whoever takes them: enough to keep him busy, a megabyte or two. */
const aheadRecordsMax = 1_000;
/** Of a reader whose ranges are read by `recordsOfRange`: what it reads ahead of that. */
export const RANGE_READ_AHEAD = { heldRecordsMax: aheadRecordsMax, heldBytesMax: 2 * 1024 * 1024 };
/** Records handed over at once: what is made of them is gone before the next ones come. */
const pieceRecordsMax = 500;

/** Whether the line still has all of it. Throws RetryableFault `line_unavailable`. */
export async function hasRange(line: LineReader, { partition, firstOffset, throughOffset }: LineRange): Promise<boolean> {
  const { low, high } = await line.watermarks(partition);
  return low <= firstOffset && throughOffset < high;
}

/**
 * The records of a range that the line has, in order and without a hole, a few hundred at a time.
 *
 * @param crashed rejects when the reader gives up, and ends the reading with its reason
 */
export async function* recordsOfRange(line: LineReader, range: LineRange, crashed: Promise<never>): AsyncGenerator<readonly LineRecord[]> {
  const { partition, firstOffset, throughOffset } = range;
  let waiting: LineRecord[] = [];
  let wake: (() => void) | null = null;
  line.open(partition, firstOffset, (records) => {
    for (const record of records) waiting.push(record);
    if (waiting.length > aheadRecordsMax) line.pause(partition);
    wake?.();
  });
  try {
    for (let next = firstOffset; next <= throughOffset;) {
      if (waiting.length === 0) await Promise.race([crashed, new Promise<void>((resolve) => (wake = resolve))]);
      const records = waiting.filter(({ offset }) => offset <= throughOffset);
      waiting = [];
      line.resume(partition);
      next = (next + records.length) as Offset;
      for (let from = 0; from < records.length; from += pieceRecordsMax) yield records.slice(from, from + pieceRecordsMax);
    }
  } finally {
    line.close(partition);
  }
}
