import type { SaleId } from '#schemas/ids.ts';
import type { EvidenceFault, Verdict } from './evidence.ts';

/** A verdict as it is printed with --json and answered over HTTP. */
export type VerdictJson = Omit<Verdict, 'signedThrough'> & { readonly sale_id: SaleId | null; readonly signed_through: number };

export function verdictJson(saleId: SaleId | null, verdict: Verdict): VerdictJson {
  const { signedThrough, seconds, ...said } = verdict;
  return { sale_id: saleId, ...said, signed_through: signedThrough, seconds: Math.round(seconds * 1_000) / 1_000 };
}

/** Of evidence that cannot be looked at at all. */
export function verdictOfFault({ verdict, code, why, seq }: EvidenceFault): Verdict {
  const nothing = { events: 0, checkpoints: 0, signedThrough: 0, replayed: false, invariants: [], seconds: 0 };
  return { verdict, code, seq: seq ?? null, why, ...nothing };
}
