import type { SaleStatus } from '#schemas/event.ts';
import type { EpochMs, Offset, SaleId, Seq, Sku } from '#schemas/ids.ts';
import type { SaleTerms } from '#schemas/terms.ts';

/** Everything the core knows of one sale. Opaque: owned by the caller, changed by `evolve`, `learn` and `forget` only. */
export interface SaleState {
  readonly saleId: SaleId;
  terms: SaleTerms | null;
  status: SaleStatus;
  seq: Seq | 0;
  lastAt: EpochMs;
  lastOffset: Offset | -1;
}

/** A sale of which nothing is decided yet: seq 0, and any command but `sale.schedule` leads to nothing. */
export function initialState(saleId: SaleId): SaleState {
  throw new Error(`not yet ${saleId}`);
}

/** null while nothing is scheduled. */
export function statusOf(state: SaleState): SaleStatus | null {
  return state.terms === null ? null : state.status;
}

export function seqOf(state: SaleState): Seq | 0 {
  return state.seq;
}

/** An item's counters; null where the sale has no such item. */
export function countsOf(_state: SaleState, _sku: Sku): { total: number; held: number; sold: number } | null {
  throw new Error('not yet');
}

/** Closed, and nothing lives any more: no hold, no waiter, no order whose payment can still change. */
export function isSettled(_state: SaleState): boolean {
  throw new Error('not yet');
}
