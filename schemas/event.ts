import { z } from 'zod';
import { RequestedItem } from './command.ts';
import { type EpochMs, Fingerprint, Offset, OrderId, RequestKey, ReservationId, SaleId, Seq, Sku, UserRef } from './ids.ts';
import { SaleTerms, UtcTime } from './terms.ts';

/**
 * What was decided: the leaves of a sale's log and the records of `sale.events`.
 * Version 1; a reader of version n takes n and n-1. A leaf is the canonical JSON
 * (RFC 8785) of one of these objects.
 */
export const EVENT_VERSION = 1;

/** Why a reservation was refused, in descending precedence: the first that applies is given. */
export const RESERVATION_REFUSALS = [
  'malformed',
  'idempotency_conflict',
  'sale_not_open',
  'sale_paused',
  'sale_closed',
  'unknown_item',
  'active_hold_exists',
  'per_user_limit',
  'sold_out',
  'insufficient_stock',
] as const;
export const ReservationRefusal = z.enum(RESERVATION_REFUSALS);
export type ReservationRefusal = z.infer<typeof ReservationRefusal>;

/** Why any other request was refused, in descending precedence. */
export const REQUEST_REFUSALS = [
  'idempotency_conflict',
  'reservation_not_found',
  'not_cancellable',
  'reservation_not_held',
  'invalid_transition',
  'unknown_item',
  'stock_below_committed',
] as const;
export const RequestRefusal = z.enum(REQUEST_REFUSALS);
export type RequestRefusal = z.infer<typeof RequestRefusal>;

/** A reservation once decided. `queued` is known to the API only: it is what is not decided yet. */
export const RESERVATION_STATUSES = ['held', 'waitlisted', 'paying', 'confirmed', 'released', 'rejected', 'refunding', 'refunded'] as const;
export const ReservationStatus = z.enum(RESERVATION_STATUSES);
export type ReservationStatus = z.infer<typeof ReservationStatus>;

export const ORDER_STATUSES = ['pending', 'paid', 'failed', 'refunding', 'refunded'] as const;
export const OrderStatus = z.enum(ORDER_STATUSES);
export type OrderStatus = z.infer<typeof OrderStatus>;

export const SALE_STATUSES = ['scheduled', 'open', 'paused', 'closed'] as const;
export const SaleStatus = z.enum(SALE_STATUSES);
export type SaleStatus = z.infer<typeof SaleStatus>;

/** Counters of each item an event moved, as they stand after it. */
export const Counts = z.record(Sku, z.strictObject({ total: z.int(), held: z.int(), sold: z.int() }));
export type Counts = z.infer<typeof Counts>;

export const NotGranted = z.strictObject({ ...RequestedItem.shape, reason: z.enum(['sold_out', 'insufficient_stock', 'per_user_limit']) });
export type NotGranted = z.infer<typeof NotGranted>;

const envelope = {
  v: z.literal(EVENT_VERSION),
  sale_id: SaleId,
  seq: Seq,
  /** Of the command that led to it. */
  offset: Offset,
  /** Logical time of the decision. */
  at: UtcTime,
  request_id: z.string(),
  traceparent: z.string().optional(),
  /** Hash of the event before, in hex; 64 zeros at seq 1. */
  prev: z.string().regex(/^[0-9a-f]{64}$/),
};

/** Of events that answer a client's or operator's request. */
const answer = { ...envelope, fingerprint: Fingerprint, accepted_at: UtcTime };

const reservation = { reservation_id: ReservationId, user: UserRef };
const order = { order_id: OrderId, reservation_id: ReservationId, user: UserRef };

export const Event = z.discriminatedUnion('type', [
  z.strictObject({ ...answer, type: z.literal('sale.scheduled'), key: RequestKey, terms: SaleTerms }),
  /** `key` is absent where the sale opened by itself because it was created after its start. */
  z.strictObject({
    ...envelope,
    type: z.literal('sale.opened'),
    fingerprint: Fingerprint.optional(),
    accepted_at: UtcTime.optional(),
    key: RequestKey.optional(),
  }),
  z.strictObject({ ...answer, type: z.literal('sale.paused'), key: RequestKey }),
  z.strictObject({ ...answer, type: z.literal('sale.resumed'), key: RequestKey }),
  z.strictObject({ ...answer, type: z.literal('sale.closed'), key: RequestKey }),
  z.strictObject({ ...answer, type: z.literal('stock.changed'), key: RequestKey, sku: Sku, delta: z.int(), counts: Counts }),
  z.strictObject({
    ...answer,
    ...reservation,
    type: z.literal('reservation.created'),
    /** What was granted. */
    items: z.array(RequestedItem),
    not_granted: z.array(NotGranted).optional(),
    expires_at: UtcTime,
    respond_async: z.boolean(),
    counts: Counts,
  }),
  z.strictObject({
    ...answer,
    ...reservation,
    type: z.literal('reservation.waitlisted'),
    items: z.array(RequestedItem),
    allow_partial: z.boolean(),
    respond_async: z.boolean(),
  }),
  /** Stock came back and the first in the waitlist has it: the reservation is held from here on. */
  z.strictObject({
    ...envelope,
    ...reservation,
    type: z.literal('reservation.offered'),
    items: z.array(RequestedItem),
    not_granted: z.array(NotGranted).optional(),
    expires_at: UtcTime,
    counts: Counts,
  }),
  /**
   * Without `user` and `reservation_id`: the record was malformed, `record_sha256` is of its bytes.
   * Without `fingerprint`: one of the waitlist was turned away.
   */
  z.strictObject({
    ...envelope,
    type: z.literal('reservation.rejected'),
    fingerprint: Fingerprint.optional(),
    accepted_at: UtcTime.optional(),
    reservation_id: ReservationId.optional(),
    user: UserRef.optional(),
    items: z.array(RequestedItem).optional(),
    respond_async: z.boolean().optional(),
    record_sha256: z.string().optional(),
    reason: ReservationRefusal,
  }),
  z.strictObject({ ...answer, ...reservation, type: z.literal('reservation.cancelled'), key: RequestKey, counts: Counts }),
  z.strictObject({ ...envelope, ...reservation, type: z.literal('reservation.expired'), counts: Counts }),
  z.strictObject({
    ...envelope,
    ...reservation,
    type: z.literal('reservation.released'),
    reason: z.literal('payment_failed'),
    counts: Counts,
  }),
  z.strictObject({
    ...answer,
    ...order,
    type: z.literal('checkout.requested'),
    /** Minor units. */
    amount: z.int(),
    currency: z.string(),
    /** The hold's deadline from here on. */
    expires_at: UtcTime,
    respond_async: z.boolean(),
  }),
  z.strictObject({ ...envelope, ...order, type: z.literal('payment.succeeded'), charge_id: z.string(), late: z.boolean() }),
  z.strictObject({ ...envelope, ...order, type: z.literal('payment.failed'), reason: z.enum(['declined', 'gave_up']), late: z.boolean() }),
  /** The reservation is confirmed. `reacquired`: it had been released and its stock was free. */
  z.strictObject({ ...envelope, ...order, type: z.literal('order.confirmed'), reacquired: z.boolean(), counts: Counts }),
  /** `reservation_status`: `held` where the hold goes on, `released` where it ended with the order. */
  z.strictObject({
    ...envelope,
    ...order,
    type: z.literal('order.failed'),
    reason: z.enum(['declined', 'gave_up', 'deadline']),
    reservation_status: z.enum(['held', 'released']),
  }),
  z.strictObject({ ...envelope, ...order, type: z.literal('refund.requested'), amount: z.int(), currency: z.string() }),
  z.strictObject({ ...envelope, ...order, type: z.literal('refund.completed'), refund_id: z.string() }),
  /** A request other than a reservation was refused. */
  z.strictObject({
    ...answer,
    type: z.literal('request.rejected'),
    request: z.enum([
      'sale.schedule',
      'sale.open',
      'sale.pause',
      'sale.resume',
      'sale.close',
      'stock.change',
      'reservation.cancel',
      'checkout.request',
    ]),
    /** The request's key; for a checkout the order's id. */
    key: RequestKey,
    user: UserRef.optional(),
    reservation_id: ReservationId.optional(),
    reservation_status: ReservationStatus.optional(),
    respond_async: z.boolean().optional(),
    reason: RequestRefusal,
  }),
]);
export type Event = z.infer<typeof Event>;
export type EventType = Event['type'];

/** Times of an event inside the process, in milliseconds; on the wire they are RFC 3339. */
type InMs<T> = T extends unknown
  ? { [K in keyof T]: K extends 'at' | 'accepted_at' | 'expires_at' ? EpochMs | Extract<T[K], undefined> : T[K] }
  : never;
type Decided<T> = T extends unknown ? Omit<T, 'v' | 'prev'> : never;

/** An event as the core decides it: with its place (sale, seq, offset, at), not yet chained and encoded. */
export type DecidedEvent = InMs<Decided<Event>>;
