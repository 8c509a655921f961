import { z } from 'zod';
import { EpochMs, Fingerprint, OrderId, RequestKey, ReservationId, SaleId, Sku, UserRef } from './ids.ts';
import { SaleTerms } from './terms.ts';
import { keptText } from './text.ts';

/**
 * What is put on a sale's line. Version 1; a reader of version n takes n and n-1.
 * Clients' and operators' requests come with a key and a fingerprint: the same key
 * is the same request and is decided once. Payment results are idempotent by the
 * state of their order, ticks by the clock.
 */
export const COMMAND_VERSION = 1;

const envelope = {
  v: z.literal(COMMAND_VERSION),
  sale_id: SaleId,
  request_id: keptText(200),
  /** W3C Trace Context, so that a request reads as one trace from HTTP to decision to payment. */
  traceparent: z
    .string()
    .regex(/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/)
    .optional(),
};

const keyed = {
  ...envelope,
  fingerprint: Fingerprint,
  /** When the edge took the request in; never used to decide, kept for the fairness report. */
  accepted_at: EpochMs,
  /** Who waits for the answer: `<API instance>/<waiter>`. Absent: nobody. */
  reply_to: z.string().min(1).max(100).optional(),
};

export const RequestedItem = z.strictObject({ sku: Sku, quantity: z.int().min(1).max(100) });
export type RequestedItem = z.infer<typeof RequestedItem>;

export const ScheduleSale = z.strictObject({ ...keyed, type: z.literal('sale.schedule'), key: RequestKey, terms: SaleTerms });
export const ChangeSaleStatus = z.strictObject({
  ...keyed,
  type: z.enum(['sale.open', 'sale.pause', 'sale.resume', 'sale.close']),
  key: RequestKey,
});
export const ChangeStock = z.strictObject({
  ...keyed,
  type: z.literal('stock.change'),
  key: RequestKey,
  sku: Sku,
  delta: z.int().min(-100_000_000).max(100_000_000),
});
export const CreateReservation = z.strictObject({
  ...keyed,
  type: z.literal('reservation.create'),
  /** Also the request's key. */
  reservation_id: ReservationId,
  user: UserRef,
  /** Distinct skus. */
  items: z.array(RequestedItem).min(1).max(20),
  allow_partial: z.boolean(),
  /** The client was told 202 without waiting. */
  respond_async: z.boolean(),
});
export const CancelReservation = z.strictObject({
  ...keyed,
  type: z.literal('reservation.cancel'),
  key: RequestKey,
  reservation_id: ReservationId,
  user: UserRef,
});
export const RequestCheckout = z.strictObject({
  ...keyed,
  type: z.literal('checkout.request'),
  /** Also the request's key. */
  order_id: OrderId,
  reservation_id: ReservationId,
  user: UserRef,
  /** A token of the payment gateway's; never card data. */
  payment_method_id: keptText(255),
  /** The client was told 202 without waiting. */
  respond_async: z.boolean(),
});
export const ReportPaymentSucceeded = z.strictObject({
  ...envelope,
  type: z.literal('payment.succeeded'),
  order_id: OrderId,
  reservation_id: ReservationId,
  charge_id: keptText(255),
});
export const ReportPaymentFailed = z.strictObject({
  ...envelope,
  type: z.literal('payment.failed'),
  order_id: OrderId,
  reservation_id: ReservationId,
  /** The gateway's last word: `declined`, or `gave_up` where an operator settled it as failed. */
  reason: z.enum(['declined', 'gave_up']),
});
export const ReportRefundCompleted = z.strictObject({
  ...envelope,
  type: z.literal('refund.completed'),
  order_id: OrderId,
  reservation_id: ReservationId,
  refund_id: keptText(255),
});
export const Tick = z.strictObject({ ...envelope, type: z.literal('tick') });

export const Command = z.discriminatedUnion('type', [
  CreateReservation,
  CancelReservation,
  RequestCheckout,
  ReportPaymentSucceeded,
  ReportPaymentFailed,
  ReportRefundCompleted,
  ChangeStock,
  ChangeSaleStatus,
  ScheduleSale,
  Tick,
]);
export type ScheduleSale = z.infer<typeof ScheduleSale>;
export type ChangeSaleStatus = z.infer<typeof ChangeSaleStatus>;
export type ChangeStock = z.infer<typeof ChangeStock>;
export type CreateReservation = z.infer<typeof CreateReservation>;
export type CancelReservation = z.infer<typeof CancelReservation>;
export type RequestCheckout = z.infer<typeof RequestCheckout>;
export type ReportPaymentSucceeded = z.infer<typeof ReportPaymentSucceeded>;
export type ReportPaymentFailed = z.infer<typeof ReportPaymentFailed>;
export type ReportRefundCompleted = z.infer<typeof ReportRefundCompleted>;
export type Tick = z.infer<typeof Tick>;
export type Command = z.infer<typeof Command>;
