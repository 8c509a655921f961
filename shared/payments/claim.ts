import type { Pool } from 'pg';
import type { Partition } from '#schemas/ids.ts';
import type { PaymentState } from './states.ts';

/** One order whose next step is due, leased to the worker that claimed it. */
export interface DuePayment {
  readonly orderId: string;
  readonly saleId: string;
  readonly reservationId: string;
  readonly state: PaymentState;
  /** Number of the call that is to be made now, which stands in payment_attempts already; null: none is, tries are used up or only the report is missing. */
  readonly call: number | null;
  /** Tries of this step, this one included. */
  readonly tries: number;
  /** Minor units. */
  readonly amount: number;
  readonly currency: string;
  readonly chargeId: string | null;
  readonly refundId: string | null;
  readonly failureReason: 'declined' | 'gave_up' | null;
  readonly requestId: string;
  readonly traceparent: string | null;
  /** It was never called for and its order is no longer pending: there is nothing to charge for. */
  readonly cameTooLate: boolean;
  /** The gateway's token; null where the order is not in the ledger. */
  readonly paymentMethodId: string | null;
  /** The sale's line; null where the sale has none. */
  readonly partition: Partition | null;
}

/**
 * Several processes may claim at once: a row that another is claiming is passed over. The attempt is on record before
 * anybody calls. Once there was a call, money may have moved, so that only before the first one it may be left undone.
 */
const CLAIM = `
  WITH locked AS (
    SELECT p.order_id, p.state IN ('due', 'refund_due') AND p.tries < $3 AS stepping,
      p.state = 'due' AND p.calls = 0 AND EXISTS (SELECT FROM orders o WHERE o.id = p.order_id AND o.status <> 'pending') AS late
    FROM payments p WHERE p.due_at <= now() ORDER BY p.due_at LIMIT $1 FOR UPDATE OF p SKIP LOCKED
  ), due AS (
    SELECT order_id, late, stepping AND NOT late AS calling FROM locked
  ), claimed AS (
    UPDATE payments p SET
      due_at = now() + $2 * interval '1 millisecond',
      calls = p.calls + due.calling::int,
      tries = p.tries + due.calling::int
    FROM due WHERE p.order_id = due.order_id
    RETURNING p.*, due.calling, due.late
  ), attempts AS (
    INSERT INTO payment_attempts (order_id, call, kind)
    SELECT order_id, calls, CASE state WHEN 'due' THEN 'charge' ELSE 'refund' END FROM claimed WHERE calling
  )
  SELECT c.order_id AS "orderId", c.sale_id AS "saleId", c.reservation_id AS "reservationId", c.state,
    CASE WHEN c.calling THEN c.calls END AS call, c.tries, c.amount::float8 AS amount, c.currency,
    c.charge_id AS "chargeId", c.refund_id AS "refundId", c.failure_reason AS "failureReason",
    c.request_id AS "requestId", c.traceparent, c.late AS "cameTooLate", o.payment_method_id AS "paymentMethodId", l.partition
  FROM claimed c LEFT JOIN orders o ON o.id = c.order_id LEFT JOIN sale_lines l ON l.sale_id = c.sale_id`;

/** Claims at most `limit` due payments for `leaseMs`: a worker that dies frees them by that. Throws what pg throws. */
export async function claimDue(
  pool: Pick<Pool, 'query'>,
  limit: number,
  leaseMs: number,
  triesMax: number,
): Promise<readonly DuePayment[]> {
  const { rows } = await pool.query<DuePayment>({ name: 'payments-claim', text: CLAIM, values: [limit, leaseMs, triesMax] });
  return rows;
}
