import type { Command } from '#schemas/command.ts';
import type { EpochMs, Offset, SaleId } from '#schemas/ids.ts';
import { assert } from '#shared/faults/assert.ts';
import type { LineRecord, ParsedCommand } from '#shared/line/line.ts';
import { recordSha256 } from '#shared/line/record-sha256.ts';
import { EMPTY_HEAD, seal, type SealedEvent } from '#shared/proof/seal.ts';
import { advance, type Entry } from '#shared/sale/advance.ts';
import { checkInvariants } from '#shared/sale/check-invariants.ts';
import { initialState, isSettled, statusOf } from '#shared/sale/state.ts';
import type { SaleStatus } from '#schemas/event.ts';

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

/** A record of the line, and what it is to one sale. */
export type SaleRecord = { readonly offset: Offset; readonly timestamp: EpochMs } & (
  | { readonly kind: 'command'; readonly command: Command }
  | { readonly kind: 'other_sale' }
  /** `sha256`: hex, of the record's bytes. */
  | { readonly kind: 'malformed'; readonly sha256: string; readonly requestId?: string }
);

/** How the records were answered. */
export interface ReplayAnswers {
  /** Commands of the sale, ticks and reports of payments among them. */
  readonly commands: number;
  /** Requests with a key: each was decided, or had been decided before. */
  readonly decided: number;
  readonly repeated: number;
  /** Requests with a key that led to nothing; none may. */
  readonly unanswered: number;
}

export interface Replay {
  /** The next record of the line, from `firstOffset` on and without a hole. Gives the sale's events it leads to, sealed. */
  readonly take: (record: LineRecord, parsed: ParsedCommand) => readonly SealedEvent[];
  /** The same for a record that was looked at by `recordOf`. */
  readonly takeRecord: (record: SaleRecord) => readonly SealedEvent[];
  /** Of the record that comes next. */
  readonly next: () => Offset;
  readonly answers: () => ReplayAnswers;
  readonly status: () => SaleStatus | null;
  readonly settled: () => boolean;
  /** What is wrong with the state, a sentence each (`checkInvariants`). */
  readonly violations: () => readonly string[];
}

/** What a record is to a sale. */
export function recordOf(
  record: LineRecord,
  parsed: ParsedCommand,
  { saleId, others }: Pick<ReplayStart, 'saleId' | 'others'>,
): SaleRecord {
  const { offset, timestamp } = record;
  if (parsed.ok) {
    const { command } = parsed;
    if (command.sale_id === saleId) return { kind: 'command', offset, timestamp, command };
    const scheduledAt = others.get(command.sale_id);
    if (scheduledAt !== undefined && scheduledAt <= offset) return { kind: 'other_sale', offset, timestamp };
    return { kind: 'malformed', offset, timestamp, sha256: recordSha256(record), requestId: command.request_id };
  }
  const { sha256, requestId } = parsed;
  return requestId === undefined
    ? { kind: 'malformed', offset, timestamp, sha256 }
    : { kind: 'malformed', offset, timestamp, sha256, requestId };
}

/**
 * Decides a sale again from its line, from its first record, without the ledger (I3):
 * the same core and the same chain as the writer's, and nothing else of the writer.
 * Pure: what it gives follows from `start` and the records.
 */
export function replaySale(start: ReplayStart): Replay {
  const { saleId, firstOffset } = start;
  const state = initialState(saleId);
  let next = firstOffset;
  let lastAt = start.firstAt;
  let head = EMPTY_HEAD;
  let wasSettled = false;
  const answers = { commands: 0, decided: 0, repeated: 0, unanswered: 0 };

  /** As the writer does it: null where the record is another sale's, or no active sale's. */
  function entryOf(record: SaleRecord): Entry | null {
    const { offset } = record;
    if (record.kind === 'command') return { offset, at: lastAt, command: record.command };
    // Once settled, its line is another sale's, whatever a late payment gives it to do.
    if (record.kind === 'other_sale' || statusOf(state) === null || wasSettled) return null;
    return { offset, at: lastAt, malformed: { sha256: record.sha256, requestId: record.requestId ?? `line-${String(offset)}` } };
  }

  function takeRecord(record: SaleRecord): readonly SealedEvent[] {
    assert(record.offset === next, `records stand without a hole: ${String(record.offset)} where ${String(next)} is next`);
    next = (next + 1) as Offset;
    if (record.timestamp > lastAt) lastAt = record.timestamp;
    const entry = entryOf(record);
    if (entry === null) return [];
    const { events, answer } = advance(state, entry);
    wasSettled ||= isSettled(state);
    if ('command' in entry) {
      answers.commands += 1;
      if ('fingerprint' in entry.command)
        answers[answer.kind === 'event' ? 'decided' : answer.kind === 'repeated' ? 'repeated' : 'unanswered'] += 1;
    }
    const sealed = seal(events, head);
    head = sealed.head;
    return sealed.sealed;
  }

  return {
    take: (record, parsed) => takeRecord(recordOf(record, parsed, start)),
    takeRecord,
    next: () => next,
    answers: () => ({ ...answers }),
    status: () => statusOf(state),
    settled: () => isSettled(state),
    violations: () => checkInvariants(state),
  };
}
