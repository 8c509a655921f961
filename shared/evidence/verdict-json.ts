import type { SaleId } from '#schemas/ids.ts';
import type { CheckedInvariant, EvidenceFault, Verdict, VerdictName } from './evidence.ts';

/** A verdict as it is printed with --json and answered over HTTP. */
export interface VerdictJson {
  readonly sale_id: SaleId | null;
  readonly verdict: VerdictName;
  readonly code: string;
  readonly seq: number | null;
  readonly why: string;
  readonly events: number;
  readonly checkpoints: number;
  readonly signed_through: number;
  readonly replayed: boolean;
  readonly seconds: number;
  readonly invariants: readonly CheckedInvariant[];
}

export function verdictJson(saleId: SaleId | null, verdict: Verdict): VerdictJson {
  const { verdict: name, code, seq, why, events, checkpoints, signedThrough, replayed, seconds, invariants } = verdict;
  return {
    sale_id: saleId,
    verdict: name,
    code,
    seq,
    why,
    events,
    checkpoints,
    signed_through: signedThrough,
    replayed,
    seconds: Math.round(seconds * 1_000) / 1_000,
    invariants,
  };
}

/** Of evidence that cannot be looked at at all. */
export function verdictOfFault({ verdict, code, why, seq }: EvidenceFault): Verdict {
  const nothing = { events: 0, checkpoints: 0, signedThrough: 0, replayed: false, invariants: [], seconds: 0 };
  return { verdict, code, seq: seq ?? null, why, ...nothing };
}
