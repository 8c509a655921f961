import type { OrderStatus, SaleStatus } from '#schemas/event.ts';
import type { EpochMs, Offset, OrderId, RequestKey, ReservationId, SaleId, Seq, Sku, UserRef } from '#schemas/ids.ts';
import type { SaleTerms } from '#schemas/terms.ts';
import { DeadlineQueue } from './deadline-queue.ts';
import { LiveOrders } from './live-orders.ts';
import { IdMemory } from './id-memory.ts';
import { Memory } from './memory.ts';
import { DECISION, type EarlierAnswer, PAST_RESERVATION, type PastReservation } from './past-columns.ts';
import { ReservationTable } from './reservation-table.ts';
import { type ItemCounts, Stock } from './stock.ts';
import { UsageTable } from './usage.ts';
import { Waitlist } from './waitlist.ts';

/**
 * Everything the core knows of one sale. Opaque to its owner; changed in place by
 * `evolve`, `advance`, `learn` and `forget`.
 */
export interface SaleState {
  readonly saleId: SaleId;
  /** null until the sale is scheduled. */
  terms: SaleTerms | null;
  status: SaleStatus;
  /** Of the newest event. */
  seq: Seq | 0;
  /** Of the newest record that was advanced. */
  lastAt: EpochMs | 0;
  lastOffset: Offset | -1;
  /** Holds that are due, or waiters whose turn it is, may be left over from the record before. */
  behind: boolean;
  stock: Stock;
  readonly reservations: ReservationTable;
  /** Held and paying reservations, in the order in which they end by themselves. */
  readonly deadlines: DeadlineQueue;
  readonly waitlist: Waitlist;
  readonly orders: LiveOrders;
  readonly usage: UsageTable;
  readonly decisions: IdMemory<ReservationId | OrderId | RequestKey, EarlierAnswer>;
  readonly pastReservations: IdMemory<ReservationId, PastReservation>;
  readonly pastOrders: Memory<OrderId, PastOrder>;
}

/** An order that no longer lives. `failed` here: the gateway has had its last word; should it be wrong, it has to be paid back. */
export type PastOrder =
  | { readonly status: Exclude<OrderStatus, 'pending' | 'refunding' | 'failed'> }
  | {
      readonly status: 'failed';
      readonly id: OrderId;
      readonly reservationId: ReservationId;
      readonly user: UserRef;
      readonly amount: number;
      readonly currency: string;
    };

/** A sale of which nothing is decided yet: seq 0, and any command but `sale.schedule` leads to nothing. */
export function initialState(saleId: SaleId): SaleState {
  const reservations = new ReservationTable();
  return {
    saleId,
    terms: null,
    status: 'scheduled',
    seq: 0,
    lastAt: 0,
    lastOffset: -1,
    behind: false,
    stock: new Stock([]),
    reservations,
    deadlines: new DeadlineQueue((a, b) => {
      const difference = reservations.deadline(a) - reservations.deadline(b);
      return difference < 0 || (difference === 0 && reservations.decidedSeq(a) < reservations.decidedSeq(b));
    }),
    waitlist: new Waitlist(reservations),
    orders: new LiveOrders(),
    usage: new UsageTable(),
    decisions: new IdMemory(DECISION),
    pastReservations: new IdMemory(PAST_RESERVATION),
    pastOrders: new Memory(),
  };
}

/** null while nothing is scheduled. */
export function statusOf(state: SaleState): SaleStatus | null {
  return state.terms === null ? null : state.status;
}

/** Of the newest event; 0 where there is none. */
export function seqOf(state: SaleState): Seq | 0 {
  return state.seq;
}

/** An item's counters; null where the sale has no such item. */
export function countsOf(state: SaleState, sku: Sku): ItemCounts | null {
  const item = state.stock.item(sku);
  if (item === undefined) return null;
  return { total: state.stock.total(item), held: state.stock.held(item), sold: state.stock.sold(item) };
}

/** Closed, and nothing lives any more: no hold, no waiter, no order whose payment can still change. */
export function isSettled(state: SaleState): boolean {
  return state.terms !== null && state.status === 'closed' && state.reservations.size === 0 && state.orders.size === 0;
}
