import type { SealedEvent } from '#shared/proof/seal.ts';
import { type Replay, replaySale } from '#shared/replay/replay-sale.ts';
import type { Evidence, EvidenceFault, EvidenceRecord } from './evidence.ts';

/** A sale's line, decided again as far as it is asked for. */
export interface DecidedAgain {
  /** The events that the next records lead to; null behind the last record, or where one cannot be read. */
  readonly more: () => Promise<readonly SealedEvent[] | null>;
  /** Why the line ended before its last record; null while it has not. */
  readonly fault: () => EvidenceFault | null;
  readonly replay: Replay;
  readonly records: () => number;
  /** Ends the reading of the line. */
  readonly close: () => Promise<void>;
}

/** So that whoever else lives in this process has its turn. */
const recordsAtOnceMax = 1_000;

/** null where the line is not at hand. */
export function decideAgain({ start, line }: Pick<Evidence, 'start' | 'line'>): DecidedAgain | null {
  const batches = start.line === null ? null : line();
  if (start.line === null || batches === null) return null;
  const { firstOffset, firstAt, throughOffset, others } = start.line;
  const replay = replaySale({ saleId: start.saleId, firstOffset, firstAt, others });
  const reading: AsyncIterator<readonly EvidenceRecord[]> = batches[Symbol.asyncIterator]();
  /** The batch at hand, and how far it was taken. */
  let batch: readonly EvidenceRecord[] = [];
  let at = 0;
  let records = 0;
  let fault: EvidenceFault | null = null;

  function broken(why: string): void {
    fault = {
      verdict: 'tampered',
      code: 'line_broken',
      why: `${why} Events behind it were checked without the line. Get the line again from where it came.`,
    };
  }

  /** The events that the next records of the batch lead to, up to where it cannot be read on. */
  function take(): readonly SealedEvent[] {
    const events: SealedEvent[] = [];
    for (const end = Math.min(at + recordsAtOnceMax, batch.length); at < end; at++) {
      const record = batch[at]!;
      if (record.kind === 'unreadable') {
        broken(`The record of the line at offset ${record.offset} cannot be read: ${record.why}.`);
        break;
      }
      if (record.offset !== replay.next()) {
        broken(`The line goes on at offset ${record.offset} where ${replay.next()} has to be: records are missing or out of their order.`);
        break;
      }
      records += 1;
      for (const event of replay.takeRecord(record)) events.push(event);
    }
    return events;
  }

  return {
    async more() {
      while (fault === null) {
        if (at === batch.length) {
          const next = await reading.next();
          if (next.done === true) {
            if (replay.next() <= throughOffset) fault = incomplete(replay.next(), throughOffset);
            return null;
          }
          batch = next.value;
          at = 0;
        }
        const events = take();
        if (events.length > 0) return events;
      }
      return null;
    },
    fault: () => fault,
    replay,
    records: () => records,
    close: async () => {
      await reading.return?.();
    },
  };
}

function incomplete(next: number, throughOffset: number): EvidenceFault {
  return {
    verdict: 'unverifiable',
    code: 'line_incomplete',
    why: `The line ends before offset ${next}, and the last event was decided at offset ${throughOffset}: what stands behind was checked without it. Get the line again from where it came.`,
  };
}
