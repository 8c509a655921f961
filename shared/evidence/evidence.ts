import type { SaleStatus } from '#schemas/event.ts';
import type { EpochMs, Offset, Partition, SaleId } from '#schemas/ids.ts';
import type { SaleTerms } from '#schemas/terms.ts';
import type { SaleRecord } from '#shared/replay/replay-sale.ts';

/**
 * What there is to judge a sale by: its log, the line that led to it, signed
 * checkpoints. It comes from an export (`read-export.ts`), from a running system
 * (`ledger-evidence.ts`) or from memory, is read once, in pages, and nothing of it is
 * believed before `verifyEvidence` has looked.
 */
export interface Evidence {
  readonly start: EvidenceStart;
  /** In the order in which they are said to stand; page by page. Each call reads from the first. */
  readonly events: () => AsyncIterable<readonly EvidenceEvent[]>;
  /** From `start.line.firstOffset` to `throughOffset`; null where the line is not at hand. */
  readonly line: () => AsyncIterable<readonly EvidenceRecord[]> | null;
  /** By size. */
  readonly checkpoints: () => AsyncIterable<EvidenceCheckpoint>;
  /** Keys that came with the evidence: whoever could alter it could put his own here. */
  readonly keys: readonly EvidenceKey[];
  /** What is wrong with it as a container, as far as it has been read: asked for before and after reading. */
  readonly faults: () => readonly EvidenceFault[];
}

export interface EvidenceStart {
  readonly saleId: SaleId;
  /** First line of the sale's checkpoints: `<AUDIT_ORIGIN>/<sale_id>`. */
  readonly origin: string;
  /** How many events are to be judged. */
  readonly auditedThrough: number;
  /** Hash of the last of them, as the system says. */
  readonly head: Buffer;
  readonly terms: SaleTerms;
  readonly status: SaleStatus;
  /** Closed, and nothing of it lives any more: no hold, no waiter, no payment under way. */
  readonly settled: boolean;
  readonly line: EvidenceLine | null;
}

export interface EvidenceLine {
  readonly partition: Partition;
  /** Of the record that scheduled the sale. */
  readonly firstOffset: Offset;
  /** Logical time of that record's events. */
  readonly firstAt: EpochMs;
  /** Of the record that led to the last event. */
  readonly throughOffset: Offset;
  /** Other sales the partition had, and the offset that scheduled each. */
  readonly others: ReadonlyMap<SaleId, Offset>;
}

export interface EvidenceEvent {
  /** The bytes as they are stored, whatever they are by now. */
  readonly leaf: Buffer;
  /** 32 bytes, as stored beside the leaf; null where there is none. */
  readonly storedHash: Buffer | null;
}

/** A record of the line, and what it is to this sale. `unreadable`: it is no record any more, and nothing stands behind it. */
export type EvidenceRecord = SaleRecord | { readonly kind: 'unreadable'; readonly offset: Offset; readonly why: string };

export interface EvidenceCheckpoint {
  /** As it is said to be: the note itself says what was signed. */
  readonly size: number;
  /** A C2SP checkpoint. */
  readonly note: string;
}

export interface EvidenceKey {
  readonly name: string;
  /** As in C2SP signed-note. */
  readonly vkey: string;
}

export interface EvidenceFault {
  readonly verdict: 'tampered' | 'truncated' | 'unverifiable';
  readonly code: string;
  /** What is wrong and what to do. */
  readonly why: string;
  /** Where it is known: the first event that it concerns. */
  readonly seq?: number;
}

/** In descending precedence: the first that applies is the verdict. */
export const VERDICTS = ['tampered', 'forked', 'truncated', 'unverifiable', 'verified'] as const;
export type VerdictName = (typeof VERDICTS)[number];

/** How `firstcome audit verify` and `verify-receipt` end; 1 is for a command that failed, 2 for one that was called wrongly. */
export const VERDICT_EXIT_CODES: Readonly<Record<VerdictName, number>> = {
  verified: 0,
  tampered: 10,
  truncated: 11,
  forked: 12,
  unverifiable: 13,
};

/** One of I1 to I11, as in the sale's report. */
export interface CheckedInvariant {
  readonly id: string;
  readonly holds: boolean;
  /** Whether this evidence says anything of it; `detail` says what was or was not looked at. */
  readonly checked: boolean;
  readonly detail?: string;
}

export interface Verdict {
  readonly verdict: VerdictName;
  /** Stable, says what was found: docs/AUDIT.md lists them; where a fault kept it from being looked at, the fault's. */
  readonly code: string;
  /** The first event that is not what it was; null where it cannot be said or nothing is wrong. */
  readonly seq: number | null;
  /** For a person: what was found and what to do. */
  readonly why: string;
  /** Looked at. */
  readonly events: number;
  /** Validly signed by a trusted key. */
  readonly checkpoints: number;
  /** Events up to this seq stand under a trusted signature; 0: none. */
  readonly signedThrough: number;
  /** Whether every event was decided again from the line. */
  readonly replayed: boolean;
  readonly invariants: readonly CheckedInvariant[];
  readonly seconds: number;
}
