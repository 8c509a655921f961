import { z } from 'zod';
import { RequestedItem } from './command.ts';
import { NotGranted, OrderStatus, RESERVATION_STATUSES, SaleStatus } from './event.ts';
import { distinctSkus, oneCurrency, SaleTerms, TermsItem } from './terms.ts';
import { keptText } from './text.ts';

/** Bodies of requests and answers of the HTTP API, version 1. Requests are strict: unknown fields are refused. */

const printableAscii = (max: number) =>
  z.string().regex(new RegExp(`^[\\x20-\\x7e]{1,${max}}$`), `must be 1 to ${max} printable ASCII characters`);

/** Means the same as the header Idempotency-Key. */
const idempotency_key = printableAscii(255).optional();

export const ReservationRequest = z.strictObject({
  items: z.array(RequestedItem).min(1).max(20).superRefine(distinctSkus),
  allow_partial: z.boolean().default(false),
  idempotency_key,
});
/** Short for one item. */
export const OneItemReservationRequest = z.strictObject({
  ...RequestedItem.shape,
  allow_partial: z.boolean().default(false),
  idempotency_key,
});

export const CancelRequest = z.strictObject({ idempotency_key });
export const TransitionRequest = z.strictObject({ idempotency_key });

export const StockRequest = z.strictObject({
  sku: RequestedItem.shape.sku,
  /** Units to add, or to take away where negative. */
  delta: z
    .int()
    .min(-100_000_000)
    .max(100_000_000)
    .refine((delta) => delta !== 0, 'must not be 0'),
  idempotency_key,
});

export const OrderRequest = z.strictObject({
  reservation_id: printableAscii(64),
  /** A token of the payment gateway's; never card data. */
  payment_method_id: printableAscii(255),
  idempotency_key,
});

/** RFC 3339 in UTC or with an offset, kept in UTC with milliseconds; years 1970 to 9999. */
const time = z.iso.datetime({ offset: true }).transform((text, context) => {
  const ms = Date.parse(text);
  if (ms >= 0 && ms < 253_402_300_800_000) return new Date(ms).toISOString();
  context.addIssue({ code: 'custom', message: 'must be a time from 1970 to 9999' });
  return z.NEVER;
});

export const SaleRequest = z
  .strictObject({
    name: keptText(200),
    starts_at: time,
    ends_at: time,
    items: z
      .array(
        z.strictObject({
          ...TermsItem.shape,
          image_url: z
            .url({ protocol: /^https?$/ })
            .max(500)
            .optional(),
        }),
      )
      .min(1)
      .max(10_000)
      .superRefine(distinctSkus)
      .superRefine(oneCurrency),
    per_user_limit: z.int().min(1).max(1_000_000_000).nullable().default(null),
    active_holds_per_user: z.int().min(1).max(1_000_000_000).nullable().default(null),
    hold_seconds: SaleTerms.shape.hold_seconds.default(120),
    payment_seconds: SaleTerms.shape.payment_seconds.default(900),
    waitlist_limit: SaleTerms.shape.waitlist_limit.default(0),
    late_payment: SaleTerms.shape.late_payment.default('refund'),
    on_payment_failure: SaleTerms.shape.on_payment_failure.default('keep_hold'),
    retention_years: SaleTerms.shape.retention_years,
    idempotency_key,
  })
  .superRefine(({ starts_at, ends_at }, context) => {
    if (ends_at <= starts_at) context.addIssue({ code: 'custom', path: ['ends_at'], message: 'must be after starts_at' });
  });

const id = z.string();
const answeredTime = z.iso.datetime({ precision: 3 });
const queue = z.strictObject({ offset: z.int(), ahead: z.int(), estimated_wait_ms: z.int() });

export const SaleAnswer = z.strictObject({
  id,
  name: z.string(),
  status: SaleStatus,
  starts_at: answeredTime,
  ends_at: answeredTime,
  /** In a list only for sales of at most 100 items. */
  items: z.array(z.strictObject(TermsItem.shape)).optional(),
  items_count: z.int(),
  per_user_limit: z.int().nullable(),
  active_holds_per_user: z.int().nullable(),
  hold_seconds: z.int(),
  payment_seconds: z.int(),
  waitlist_limit: z.int(),
  late_payment: z.enum(['refund', 'reacquire']),
  on_payment_failure: z.enum(['keep_hold', 'release']),
  retention_years: z.int(),
  /** Only in a 202: of the request that is not decided yet. */
  queue: queue.optional(),
  seq: z.int(),
  created_at: answeredTime,
});

export const AvailabilityItem = z.strictObject({ sku: z.string(), total: z.int(), held: z.int(), sold: z.int(), available: z.int() });
export const AvailabilityAnswer = z.strictObject({ sale_id: id, status: SaleStatus, as_of_seq: z.int(), items: z.array(AvailabilityItem) });
export const StockAnswer = z.strictObject({ sale_id: id, delta: z.int(), seq: z.int(), ...AvailabilityItem.shape });

/** A change of stock that is not decided yet. */
export const StockQueued = z.strictObject({ sale_id: id, sku: z.string(), delta: z.int(), status: z.literal('queued'), queue });

export const ReservationAnswer = z.strictObject({
  id,
  sale_id: id,
  user_id: z.string(),
  status: z.enum(['queued', ...RESERVATION_STATUSES]),
  /** Where it was released or rejected. */
  reason: z.string().optional(),
  items: z.array(z.strictObject({ sku: z.string(), quantity: z.int(), unit_price: z.int(), currency: z.string() })),
  not_granted: z.array(NotGranted).optional(),
  expires_at: answeredTime.optional(),
  expires_in_seconds: z.int().optional(),
  queue,
  /** Absent while it is queued. */
  seq: z.int().optional(),
  created_at: answeredTime,
});

/** An order that was told 202 and refused by the line is `failed` under its id; lists hold those that were made. */
export const OrderAnswer = z.strictObject({
  id,
  reservation_id: id,
  sale_id: id,
  status: OrderStatus,
  reason: z.string().optional(),
  /** How the reservation stood, where the checkout was refused after a 202. */
  reservation_status: z.string().optional(),
  /** Minor units. Absent while neither the reservation nor the order is decided. */
  amount: z.int().optional(),
  currency: z.string().optional(),
  /** In a 202, and while it is not decided. */
  queue: queue.optional(),
  seq: z.int().optional(),
  created_at: answeredTime,
});

const listOf = <Item extends z.ZodType>(item: Item) => z.strictObject({ data: z.array(item), next_cursor: z.string().nullable() });
export const SaleList = listOf(SaleAnswer);
export const ReservationList = listOf(ReservationAnswer);
export const OrderList = listOf(OrderAnswer);

export const InvariantReport = z.strictObject({ id: z.string(), holds: z.boolean(), checked: z.boolean(), detail: z.string().optional() });
export const SaleReport = z.strictObject({
  sale_id: id,
  status: SaleStatus,
  as_of_seq: z.int(),
  events: z.int(),
  items: z.array(AvailabilityItem),
  reservations_by_status: z.record(z.string(), z.int()),
  payments: z.strictObject({
    orders_by_status: z.record(z.string(), z.int()),
    captured_amount: z.int(),
    refunded_amount: z.int(),
    currency: z.string(),
  }),
  fairness: z.strictObject({
    requests: z.int(),
    first_offset: z.int().nullable(),
    last_offset: z.int().nullable(),
    decided_out_of_order: z.int(),
    wait_ms_p50: z.number().nullable(),
    wait_ms_p99: z.number().nullable(),
    wait_ms_max: z.number().nullable(),
  }),
  invariants: z.array(InvariantReport),
});

export const ProblemAnswer = z.looseObject({
  type: z.url(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  instance: z.string(),
  code: z.string(),
  retryable: z.boolean(),
  request_id: z.string(),
  trace_id: z.string(),
  errors: z.array(z.strictObject({ pointer: z.string(), reason: z.string() })).optional(),
});
