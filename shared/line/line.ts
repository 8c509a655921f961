import type { EpochMs, Offset, Partition } from '#schemas/ids.ts';

/**
 * The line as its users see it: put commands on it, read one partition of it.
 * Functions, so that the whole writer can run in memory.
 */

export interface LineRecord {
  readonly offset: Offset;
  /** Broker time (LogAppendTime). */
  readonly timestamp: EpochMs;
  /** Bytes as they stand in the topic; null where a tombstone was written. */
  readonly value: Buffer | null;
}

/** Where an enqueued command stands; it is durable (acks=all) once this is known. */
export interface Place {
  readonly partition: Partition;
  readonly offset: Offset;
}

/** Puts one encoded command on a line. Throws RetryableFault `line_unavailable` within its time limit; the record may then still arrive. */
export type Enqueue = (partition: Partition, value: Buffer) => Promise<Place>;

/** The extent of a partition: first offset kept and next offset to be written. */
export interface Watermarks {
  readonly low: Offset;
  readonly high: Offset;
}
