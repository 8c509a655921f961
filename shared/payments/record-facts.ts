import type { Pool } from 'pg';
import { PAYMENT_FACTS, PAYMENT_STATES, RESTING_STATES, TRANSITIONS, type PaymentFact, type PaymentState } from './states.ts';

/** Something that is now known about one order's payment. */
export interface RecordedFact {
  readonly orderId: string;
  readonly fact: PaymentFact;
  /** When the next step may be taken, counted from now; of no effect where there is none. */
  readonly delayMs: number;
  /** Of which call it is the result; that attempt is closed with `outcome`. */
  readonly call?: number;
  readonly outcome?: string;
  readonly chargeId?: string;
  readonly refundId?: string;
}

/** The two are the same where the fact changed nothing. */
export interface StateChange {
  readonly before: PaymentState;
  readonly after: PaymentState;
}

/** A fact after which the same step is tried again. */
const tryAgain = `(l.state = 'due' AND l.fact = 'charge_unanswered' OR l.state = 'refund_due' AND l.fact = 'refund_unanswered')`;
const resting = `l.next IN (${RESTING_STATES.map((state) => `'${state}'`).join(', ')})`;

/** The table of transitions as an expression over p.state and f.fact, so that it stands in one place and rows are locked once. */
function transitionSql(): string {
  const facts = PAYMENT_FACTS.map((fact) => {
    const changes = PAYMENT_STATES.filter((state) => TRANSITIONS[state][fact] !== state);
    const cases = changes.map((state) => `WHEN '${state}' THEN '${TRANSITIONS[state][fact]}'`).join(' ');
    return changes.length === 0 ? '' : `WHEN '${fact}' THEN CASE p.state ${cases} ELSE p.state END `;
  });
  return `CASE f.fact ${facts.join('')}ELSE p.state END`;
}

// Rows are locked in one order everywhere, so that two batches cannot wait for each other.
const SQL = `
  WITH l AS (
    SELECT f.*, p.state, ${transitionSql()} AS next
    FROM unnest($1::uuid[], $2::text[], $3::float8[], $4::int[], $5::text[], $6::text[], $7::text[])
      AS f (order_id, fact, delay_ms, call, outcome, charge_id, refund_id)
    JOIN payments p USING (order_id)
    ORDER BY p.order_id
    FOR UPDATE OF p
  ), closed AS (
    UPDATE payment_attempts a SET finished_at = now(), outcome = l.outcome
    FROM l WHERE a.order_id = l.order_id AND a.call = l.call
  )
  UPDATE payments p SET
    state = l.next,
    due_at = CASE WHEN ${resting} THEN NULL
                  WHEN l.next <> l.state OR ${tryAgain} THEN now() + l.delay_ms * interval '1 millisecond'
                  ELSE p.due_at END,
    tries = CASE WHEN l.next <> l.state THEN 0 ELSE p.tries END,
    charge_id = coalesce(p.charge_id, l.charge_id),
    refund_id = coalesce(p.refund_id, l.refund_id),
    failure_reason = CASE WHEN l.next <> 'declined' OR l.state = 'declined' THEN p.failure_reason
                          WHEN l.fact = 'charge_declined' THEN 'declined' ELSE 'gave_up' END,
    last_outcome = coalesce(l.outcome, p.last_outcome),
    changed_at = now()
  FROM l WHERE p.order_id = l.order_id
  RETURNING p.order_id, p.state, l.state AS before`;

/**
 * Applies facts about distinct orders in one statement. Gives the state of each order
 * before and after; orders that have no payment are absent. Throws what pg throws.
 */
export async function recordFacts(pool: Pick<Pool, 'query'>, facts: readonly RecordedFact[]): Promise<ReadonlyMap<string, StateChange>> {
  if (facts.length === 0) return new Map();
  const { rows } = await pool.query<{ order_id: string; state: PaymentState; before: PaymentState }>({
    name: 'payments-record-facts',
    text: SQL,
    values: [
      facts.map((fact) => fact.orderId),
      facts.map((fact) => fact.fact),
      facts.map((fact) => fact.delayMs),
      facts.map((fact) => fact.call ?? null),
      facts.map((fact) => fact.outcome ?? null),
      facts.map((fact) => fact.chargeId ?? null),
      facts.map((fact) => fact.refundId ?? null),
    ],
  });
  return new Map(rows.map((row) => [row.order_id, { before: row.before, after: row.state }]));
}
