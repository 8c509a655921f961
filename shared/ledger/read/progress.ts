import type { Offset, Partition } from '#schemas/ids.ts';
import type { Reads, Statement } from './reads.ts';

const NEXT_OFFSETS: Statement = { name: 'next_offsets', text: 'SELECT partition, next_offset FROM partitions' };

/** How old the figures may be. */
const cachedMs = 200;
/** Believed until a line has been seen moving. */
const decisionsPerSecondAssumed = 5_000;

export interface LinePlace {
  readonly offset: number;
  /** Requests that stand before it. */
  readonly ahead: number;
  readonly estimated_wait_ms: number;
}

/**
 * Makes the function that tells where a record stands in its line. How fast the
 * line moves is learned from how the writer's progress grew while something waited.
 */
export function createProgress(reads: Reads, now: () => number = Date.now): (partition: Partition, offset: Offset) => Promise<LinePlace> {
  let readAt = -Infinity;
  let reading: Promise<void> | null = null;
  const lines = new Map<Partition, { nextOffset: number; at: number; perSecond: number }>();

  async function read(): Promise<void> {
    const rows = await reads.rows<{ partition: Partition; next_offset: number }>(NEXT_OFFSETS, []);
    readAt = now();
    for (const { partition, next_offset: nextOffset } of rows) {
      const line = lines.get(partition);
      let perSecond = line?.perSecond ?? decisionsPerSecondAssumed;
      if (line !== undefined && nextOffset > line.nextOffset && readAt > line.at) {
        const seen = ((nextOffset - line.nextOffset) * 1_000) / (readAt - line.at);
        // A line that had little to do says nothing about how fast it can be.
        if (seen > 50) perSecond = perSecond * 0.7 + seen * 0.3;
      }
      lines.set(partition, { nextOffset, at: readAt, perSecond });
    }
  }

  return async (partition, offset) => {
    if (now() - readAt > cachedMs) {
      reading ??= read().finally(() => {
        reading = null;
      });
      // The place is a courtesy: an old figure will do where the ledger does not answer.
      await reading.catch(() => undefined);
    }
    const line = lines.get(partition);
    const ahead = line === undefined ? 0 : Math.max(0, offset - line.nextOffset);
    return { offset, ahead, estimated_wait_ms: Math.ceil((ahead * 1_000) / (line?.perSecond ?? decisionsPerSecondAssumed)) };
  };
}
