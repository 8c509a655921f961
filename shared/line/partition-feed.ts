import type { Offset } from '#schemas/ids.ts';
import type { LineRecord } from './line.ts';
import { recordSha256 } from './record-sha256.ts';

/**
 * What a reader knows of one partition it reads: the next offset, where records
 * go, and what was read ahead. Pure bookkeeping; the reader does the fetching.
 *
 * Modes: held (no sink, or paused: records gather up to a bound) and flowing
 * (records go to the sink as they come). Records are accepted only if they
 * follow on from the last without a hole, and if the last, where it is among them
 * again, is the one that it was.
 */

export interface FeedLimits {
  /** Above either, fetching stops; below half of both it starts again. */
  readonly heldRecordsMax: number;
  readonly heldBytesMax: number;
}

export type Accepted =
  | { readonly kind: 'accepted' }
  /** Nothing new in it: all of it was read before. */
  | { readonly kind: 'behind'; readonly last: Offset }
  /** The expected record is not there; the first that is has this offset. */
  | { readonly kind: 'hole'; readonly first: Offset }
  /** The record accepted last is another one now: these records are of another line. */
  | { readonly kind: 'another'; readonly at: Offset };

export interface Feed {
  /** Offset of the next record that will be accepted. */
  readonly next: () => Offset;
  /** From where to read: with the record accepted last, where there is one, so that it shows whether this is the same line still. */
  readonly readFrom: () => Offset;
  /** Offset of the next record that the sink will get. */
  readonly undelivered: () => Offset;
  readonly flowing: () => boolean;
  /** False while more is held than the limits allow. */
  readonly wantsMore: () => boolean;
  readonly accept: (records: readonly LineRecord[]) => Accepted;
  /** From now on records go to the sink, those held first. */
  readonly attach: (sink: (records: LineRecord[]) => void) => void;
  readonly attached: () => boolean;
  readonly pause: () => void;
  readonly resume: () => void;
  /** The first record held, taken out; null where none is held. */
  readonly takeOne: () => LineRecord | null;
}

export function createFeed(from: Offset, limits: FeedLimits): Feed {
  let next = from;
  let sink: ((records: LineRecord[]) => void) | null = null;
  let paused = false;
  let held: LineRecord[] = [];
  let heldBytes = 0;
  let full = false;
  let newest: { readonly timestamp: LineRecord['timestamp']; readonly sha256: string } | null = null;

  const flowing = (): boolean => sink !== null && !paused;

  function note(): void {
    const over = (share: number): boolean => held.length > limits.heldRecordsMax * share || heldBytes > limits.heldBytesMax * share;
    full = full ? over(0.5) : over(1);
  }

  function deliver(): void {
    if (sink === null || paused || held.length === 0) return;
    const records = held;
    held = [];
    heldBytes = 0;
    note();
    sink(records);
  }

  function accept(records: readonly LineRecord[]): Accepted {
    const last = records.at(-1);
    if (last === undefined) return { kind: 'accepted' };
    const again = newest === null ? undefined : records[next - 1 - records[0]!.offset];
    if (again !== undefined && (again.timestamp !== newest!.timestamp || recordSha256(again) !== newest!.sha256))
      return { kind: 'another', at: again.offset };
    if (last.offset < next) return again === last ? { kind: 'accepted' } : { kind: 'behind', last: last.offset };
    const fresh = records[0]!.offset >= next ? records : records.filter((record) => record.offset >= next);
    for (const record of fresh) {
      if (record.offset !== next) {
        deliver();
        return { kind: 'hole', first: record.offset };
      }
      held.push(record);
      heldBytes += record.value?.length ?? 0;
      next = (next + 1) as Offset;
    }
    newest = { timestamp: last.timestamp, sha256: recordSha256(last) };
    deliver();
    note();
    return { kind: 'accepted' };
  }

  return {
    next: () => next,
    readFrom: () => (newest === null ? next : ((next - 1) as Offset)),
    undelivered: () => (next - held.length) as Offset,
    flowing,
    wantsMore: () => !full,
    accept,
    attach: (newSink) => {
      sink = newSink;
      deliver();
    },
    attached: () => sink !== null,
    pause: () => {
      paused = true;
    },
    resume: () => {
      paused = false;
      deliver();
    },
    takeOne: () => {
      const record = held.shift() ?? null;
      heldBytes -= record?.value?.length ?? 0;
      note();
      return record;
    },
  };
}
