import type { RequestedItem } from '#schemas/command.ts';
import type { OrderStatus, ReservationStatus, SaleStatus } from '#schemas/event.ts';
import type { EpochMs, Fingerprint, OrderId, RequestKey, ReservationId, SaleId, Seq, Sku, UserRef } from '#schemas/ids.ts';
import type { SaleTerms } from '#schemas/terms.ts';

/** What the core needs back from storage: all that still lives, and answers to questions about what does not. */

/** A sale as the writer needs it back: terms, counters and everything that still lives. */
export interface SaleSnapshot {
  readonly saleId: SaleId;
  readonly terms: SaleTerms;
  readonly status: SaleStatus;
  readonly seq: Seq | 0;
  readonly items: readonly { readonly sku: Sku; readonly total: number; readonly held: number; readonly sold: number }[];
  /** held, waitlisted and paying. */
  readonly live: readonly LiveReservation[];
  /** pending, refunding, and failed ones whose payment has no last word yet. */
  readonly orders: readonly LiveOrder[];
  /** Units bought (confirmed), by user; empty where the sale has no limit per user. */
  readonly bought: readonly { readonly user: UserRef; readonly units: number }[];
}

export interface LiveReservation {
  readonly id: ReservationId;
  readonly user: UserRef;
  readonly status: 'held' | 'waitlisted' | 'paying';
  /** Granted where held or paying, asked for where waitlisted. */
  readonly items: readonly RequestedItem[];
  readonly allowPartial: boolean;
  /** null where waitlisted. */
  readonly expiresAt: EpochMs | null;
  /** Checkout has extended the hold already. */
  readonly extended: boolean;
  /** Of the decision that answered the request. */
  readonly decidedSeq: Seq;
}

export interface LiveOrder {
  readonly id: OrderId;
  readonly reservationId: ReservationId;
  readonly user: UserRef;
  readonly status: 'pending' | 'failed' | 'refunding';
  /** What was sold with it. */
  readonly items: readonly RequestedItem[];
  readonly amount: number;
  readonly currency: string;
}

/** A request decided earlier: its answer is the event `seq`. */
export interface EarlierDecision {
  readonly key: ReservationId | OrderId | RequestKey;
  readonly fingerprint: Fingerprint;
  readonly seq: Seq;
}

/** What the ledger knows of what a batch refers to and memory does not hold. */
export interface Known {
  readonly decisions: readonly EarlierDecision[];
  readonly reservations: readonly { readonly id: ReservationId; readonly user: UserRef; readonly status: ReservationStatus }[];
  readonly orders: readonly KnownOrder[];
}

export interface KnownOrder {
  readonly id: OrderId;
  readonly status: OrderStatus;
  readonly reservationId: ReservationId;
  readonly user: UserRef;
  /** Minor units. */
  readonly amount: number;
  readonly currency: string;
}
