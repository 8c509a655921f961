import type { Pool } from 'pg';
import type { Event } from '#schemas/event.ts';
import { recordFacts, type RecordedFact } from './record-facts.ts';

/** What this service wants to hear of a sale. */
export const PAYMENT_EVENT_TYPES = ['checkout.requested', 'refund.requested'] as const;
export type PaymentRequested = Extract<Event, { type: (typeof PAYMENT_EVENT_TYPES)[number] }>;

const INSERT = `
  INSERT INTO payments (order_id, sale_id, reservation_id, state, due_at, amount, currency, request_id, traceparent)
  SELECT order_id, sale_id, reservation_id, $8, now(), amount, currency, request_id, traceparent
  FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::text[], $6::text[], $7::text[])
    AS e (order_id, sale_id, reservation_id, amount, currency, request_id, traceparent)
  ORDER BY order_id
  ON CONFLICT (order_id) DO NOTHING`;

async function insert(pool: Pick<Pool, 'query'>, events: readonly PaymentRequested[], state: 'due' | 'refund_due') {
  if (events.length === 0) return;
  await pool.query({
    name: 'payments-enroll',
    text: INSERT,
    values: [
      events.map((event) => event.order_id),
      events.map((event) => event.sale_id),
      events.map((event) => event.reservation_id),
      events.map((event) => event.amount),
      events.map((event) => event.currency),
      events.map((event) => event.request_id),
      events.map((event) => event.traceparent ?? null),
      state,
    ],
  });
}

/** What of a sale's events goes into the books: a refund once an order, and as the fact that it was asked for. */
export function toEnroll(events: readonly Event[]) {
  const checkouts = events.filter((event) => event.type === 'checkout.requested');
  const refunds = [
    ...new Map(events.filter((event) => event.type === 'refund.requested').map((event) => [event.order_id, event] as const)).values(),
  ];
  const requested = refunds.map(({ order_id }): RecordedFact => ({ orderId: order_id, fact: 'refund_requested', delayMs: 0 }));
  return { checkouts, refunds, requested };
}

/**
 * Puts what the line asks for into the books, once, however often the events come:
 * an order has one row, and a refund of what is refunded already changes nothing.
 * Gives how many of the events were ours. Throws what pg throws.
 */
export async function enroll(pool: Pick<Pool, 'query'>, events: readonly Event[]): Promise<number> {
  const { checkouts, refunds, requested } = toEnroll(events);
  await insert(pool, checkouts, 'due');
  // A refund of an order that these books never had is made too: the charge is looked up at the gateway.
  await insert(pool, refunds, 'refund_due');
  await recordFacts(pool, requested);
  return checkouts.length + refunds.length;
}
