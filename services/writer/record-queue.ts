import type { LineRecord } from '#shared/line/line.ts';

/** Records read from the line and not yet taken; tells the source when to pause. */
export interface RecordQueue {
  readonly push: (records: readonly LineRecord[]) => void;
  readonly peek: () => LineRecord | undefined;
  readonly shift: () => LineRecord | undefined;
  readonly size: () => number;
}

/**
 * @param bounds the source is paused at `recordsMax` or `bytesMax` and goes on at half of both
 * @param source called once at each change
 */
export function createRecordQueue(
  bounds: { readonly recordsMax: number; readonly bytesMax: number },
  source: { readonly pause: () => void; readonly resume: () => void },
): RecordQueue {
  let records: (LineRecord | undefined)[] = [];
  let first = 0;
  let bytes = 0;
  let paused = false;
  const size = () => records.length - first;
  return {
    size,
    push(more) {
      for (const record of more) {
        records.push(record);
        bytes += record.value?.length ?? 0;
      }
      if (!paused && (size() >= bounds.recordsMax || bytes >= bounds.bytesMax)) {
        paused = true;
        source.pause();
      }
    },
    peek: () => records[first],
    shift() {
      const record = records[first];
      if (record === undefined) return undefined;
      records[first++] = undefined;
      bytes -= record.value?.length ?? 0;
      if (first === records.length) {
        records = [];
        first = 0;
      } else if (first >= 4_096 && first * 2 >= records.length) {
        records = records.slice(first);
        first = 0;
      }
      if (paused && size() * 2 <= bounds.recordsMax && bytes * 2 <= bounds.bytesMax) {
        paused = false;
        source.resume();
      }
      return record;
    },
  };
}
