import type { Pool } from 'pg';
import type { Event } from '#schemas/event.ts';
import type { Partition } from '#schemas/ids.ts';
import type { DuePayment } from './claim.ts';
import { recordFacts, type RecordedFact } from './record-facts.ts';

/** What this service wants to hear of a sale. */
export const PAYMENT_EVENT_TYPES = ['checkout.requested', 'refund.requested'] as const;
export type PaymentRequested = Extract<Event, { type: (typeof PAYMENT_EVENT_TYPES)[number] }>;

/** What of that which is new may be claimed with it. */
export interface ClaimOfNew {
  /** The first ones, at most. */
  readonly limit: number;
  readonly leaseMs: number;
}

export interface Enrolled {
  /** How many of the events were ours. */
  readonly ours: number;
  /** What was new and is claimed now, each for its first call; all else is due and has to be claimed. */
  readonly claimed: readonly DuePayment[];
}

const ASKED = `unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::text[], $6::text[], $7::text[])`;
const COLUMNS = 'order_id, sale_id, reservation_id, amount, currency, request_id, traceparent';

const INSERT_REFUNDS = `
  INSERT INTO payments (${COLUMNS}, state, due_at)
  SELECT ${COLUMNS}, 'refund_due', now() FROM ${ASKED} AS e (${COLUMNS})
  ORDER BY order_id
  ON CONFLICT (order_id) DO NOTHING`;

/**
 * Enrolled and claimed in one, for that is what becomes of nearly every order at once: a statement and a version of the
 * row less for each. What is not plain (an order that is no longer pending, or not there) is left to be claimed.
 */
const INSERT_CHECKOUTS = `
  WITH asked AS (
    SELECT e.*, o.payment_method_id, l.partition, e.place <= $8 AND coalesce(o.status = 'pending', false) AS calling
    FROM ${ASKED} WITH ORDINALITY AS e (${COLUMNS}, place)
    LEFT JOIN orders o ON o.id = e.order_id LEFT JOIN sale_lines l ON l.sale_id = e.sale_id
  ), taken AS (
    INSERT INTO payments (${COLUMNS}, state, due_at, calls, tries)
    SELECT ${COLUMNS}, 'due', now() + CASE WHEN calling THEN $9::float8 ELSE 0 END * interval '1 millisecond', calling::int, calling::int
    FROM asked ORDER BY order_id
    ON CONFLICT (order_id) DO NOTHING
    RETURNING order_id, calls
  ), attempts AS (
    INSERT INTO payment_attempts (order_id, call, kind) SELECT order_id, calls, 'charge' FROM taken WHERE calls = 1
  )
  SELECT order_id AS "orderId", payment_method_id AS "paymentMethodId", partition FROM taken JOIN asked USING (order_id) WHERE calls = 1`;

function columnsOf(events: readonly PaymentRequested[]): unknown[] {
  return [
    events.map((event) => event.order_id),
    events.map((event) => event.sale_id),
    events.map((event) => event.reservation_id),
    events.map((event) => event.amount),
    events.map((event) => event.currency),
    events.map((event) => event.request_id),
    events.map((event) => event.traceparent ?? null),
  ];
}

async function insertRefunds(pool: Pick<Pool, 'query'>, events: readonly PaymentRequested[]): Promise<void> {
  if (events.length === 0) return;
  await pool.query({ name: 'payments-enroll-refunds', text: INSERT_REFUNDS, values: columnsOf(events) });
}

async function insertCheckouts(
  pool: Pick<Pool, 'query'>,
  events: readonly PaymentRequested[],
  { limit, leaseMs }: ClaimOfNew,
): Promise<readonly DuePayment[]> {
  if (events.length === 0) return [];
  const { rows } = await pool.query<{ orderId: string; paymentMethodId: string; partition: Partition | null }>({
    name: 'payments-enroll-checkouts',
    text: INSERT_CHECKOUTS,
    values: [...columnsOf(events), limit, leaseMs],
  });
  const byOrder = new Map(events.map((event) => [event.order_id as string, event]));
  return rows.map(({ orderId, paymentMethodId, partition }) => firstCall(byOrder.get(orderId)!, paymentMethodId, partition));
}

/** A payment that is new and claimed for its first call. */
export function firstCall(event: PaymentRequested, paymentMethodId: string, partition: Partition | null): DuePayment {
  return {
    orderId: event.order_id,
    saleId: event.sale_id,
    reservationId: event.reservation_id,
    state: 'due',
    call: 1,
    tries: 1,
    amount: event.amount,
    currency: event.currency,
    chargeId: null,
    refundId: null,
    failureReason: null,
    requestId: event.request_id,
    traceparent: event.traceparent ?? null,
    cameTooLate: false,
    paymentMethodId,
    partition,
  };
}

/** What of a sale's events goes into the books, each once an order, and a refund as the fact that it was asked for. */
export function toEnroll(events: readonly Event[]) {
  const once = <Requested extends PaymentRequested>(asked: readonly Requested[]): Requested[] => [
    ...new Map(asked.map((event) => [event.order_id, event] as const)).values(),
  ];
  const checkouts = once(events.filter((event) => event.type === 'checkout.requested'));
  const refunds = once(events.filter((event) => event.type === 'refund.requested'));
  const requested = refunds.map(({ order_id }): RecordedFact => ({ orderId: order_id, fact: 'refund_requested', delayMs: 0 }));
  return { checkouts, refunds, requested };
}

/**
 * Puts what the line asks for into the books, once, however often the events come:
 * an order has one row, and a refund of what is refunded already changes nothing.
 * Claims what is new of the payments at once. Throws what pg throws.
 */
export async function enroll(pool: Pick<Pool, 'query'>, events: readonly Event[], claim: ClaimOfNew): Promise<Enrolled> {
  const { checkouts, refunds, requested } = toEnroll(events);
  // A refund of an order that these books never had is made too: the charge is looked up at the gateway.
  await insertRefunds(pool, refunds);
  const claimed = await insertCheckouts(pool, checkouts, claim);
  await recordFacts(pool, requested);
  return { ours: checkouts.length + refunds.length, claimed };
}
