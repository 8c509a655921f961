import type { RequestedItem } from '#schemas/command.ts';
import type { NotGranted, OrderStatus, ReservationStatus, SaleStatus } from '#schemas/event.ts';
import type { EpochMs, Fingerprint, Offset, OrderId, RequestKey, ReservationId, SaleNo, Seq, Sku, UserRef } from '#schemas/ids.ts';
import type { SaleTerms } from '#schemas/terms.ts';
import type { SealedEvent } from '#shared/proof/seal.ts';

/** Rows as a batch writes them, in the words of the code; the tables' are in migrations/. */

export interface SaleRow {
  readonly saleNo: SaleNo;
  readonly status: SaleStatus;
  readonly seq: Seq;
  readonly head: string;
  /** As the row must stand: what the first of the new events is chained on. */
  readonly headBefore: string;
  readonly lastOffset: Offset;
  readonly settled: boolean;
  /** How many events lead from the row as it stood to this one. */
  readonly eventsCount: number;
}

export interface TermsRow {
  readonly saleNo: SaleNo;
  readonly terms: SaleTerms;
  readonly createdAt: EpochMs;
}

export interface ItemRow {
  readonly saleNo: SaleNo;
  readonly sku: Sku;
  /** As the seller listed it, from 0. */
  readonly position: number;
  readonly total: number;
  readonly held: number;
  readonly sold: number;
}

export interface ReservationRow {
  readonly id: ReservationId;
  readonly saleNo: SaleNo;
  readonly user: UserRef;
  readonly status: ReservationStatus;
  readonly reason: string | null;
  readonly items: readonly RequestedItem[];
  readonly notGranted: readonly NotGranted[] | null;
  readonly allowPartial: boolean;
  readonly expiresAt: EpochMs | null;
  readonly extended: boolean;
  readonly respondAsync: boolean;
  readonly fingerprint: Fingerprint;
  readonly commandOffset: Offset;
  readonly decidedSeq: Seq;
  readonly seq: Seq;
  readonly createdAt: EpochMs;
}

/** Of a row that stands in the table; what is null stays as it is, but for the reason. */
export interface ReservationChange {
  readonly id: ReservationId;
  readonly status: ReservationStatus;
  readonly reason: string | null;
  readonly items: readonly RequestedItem[] | null;
  readonly notGranted: readonly NotGranted[] | null;
  readonly expiresAt: EpochMs | null;
  /** Checkout extended the hold. */
  readonly extended: boolean;
  readonly seq: Seq;
}

export interface OrderRow {
  readonly id: OrderId;
  readonly saleNo: SaleNo;
  readonly reservationId: ReservationId;
  readonly user: UserRef;
  readonly status: OrderStatus;
  readonly failureReason: string | null;
  readonly paymentSettled: boolean;
  readonly amount: number;
  readonly currency: string;
  readonly paymentMethodId: string;
  readonly respondAsync: boolean;
  readonly fingerprint: Fingerprint;
  readonly commandOffset: Offset;
  readonly decidedSeq: Seq;
  readonly seq: Seq;
  readonly createdAt: EpochMs;
}

/** Of a row that stands in the table; the status and its reason stay as they are where the status is null. */
export interface OrderChange {
  readonly id: OrderId;
  readonly status: OrderStatus | null;
  readonly failureReason: string | null;
  readonly paymentSettled: boolean;
  readonly seq: Seq;
}

export interface RequestRow {
  readonly key: RequestKey;
  readonly saleNo: SaleNo;
  readonly fingerprint: Fingerprint;
  readonly seq: Seq;
}

export interface EventRow {
  readonly saleNo: SaleNo;
  readonly sealed: SealedEvent;
}

export interface BatchRows {
  readonly newSales: readonly SaleRow[];
  readonly newTerms: readonly TermsRow[];
  readonly newItems: readonly ItemRow[];
  readonly sales: readonly SaleRow[];
  readonly items: readonly Omit<ItemRow, 'position'>[];
  readonly settledSales: readonly SaleNo[];
  readonly newReservations: readonly ReservationRow[];
  readonly reservations: readonly ReservationChange[];
  readonly newOrders: readonly OrderRow[];
  readonly orders: readonly OrderChange[];
  readonly newRequests: readonly RequestRow[];
  readonly newEvents: readonly EventRow[];
}
