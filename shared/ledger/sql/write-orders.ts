import { bare, type Statement, texts } from '../columns.ts';
import type { OrderChange, OrderRow } from '../rows.ts';

export function insertOrders(rows: readonly OrderRow[]): Statement {
  return {
    name: 'insert_orders',
    text: insertText,
    values: [
      bare(rows.map((row) => row.id)),
      bare(rows.map((row) => row.saleNo)),
      bare(rows.map((row) => row.reservationId)),
      bare(rows.map((row) => row.user)),
      bare(rows.map((row) => row.status)),
      bare(rows.map((row) => row.failureReason)),
      bare(rows.map((row) => row.paymentSettled)),
      bare(rows.map((row) => row.amount)),
      texts(rows.map((row) => row.currency)),
      texts(rows.map((row) => row.paymentMethodId)),
      bare(rows.map((row) => row.respondAsync)),
      bare(rows.map((row) => row.fingerprint)),
      bare(rows.map((row) => row.commandOffset)),
      bare(rows.map((row) => row.decidedSeq)),
      bare(rows.map((row) => row.seq)),
      bare(rows.map((row) => row.createdAt)),
    ],
  };
}

const insertText = `
INSERT INTO orders (id, sale_no, reservation_id, user_ref, status, failure_reason, payment_settled, amount, currency, payment_method_id,
                    respond_async, fingerprint, command_offset, decided_seq, seq, created_at_ms)
SELECT * FROM unnest($1::uuid[], $2::integer[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::boolean[], $8::bigint[], $9::text[],
                     $10::text[], $11::boolean[], $12::uuid[], $13::bigint[], $14::bigint[], $15::bigint[], $16::bigint[])`;

/** Raises division_by_zero where an order is not there. */
export function updateOrders(rows: readonly OrderChange[]): Statement {
  return {
    name: 'update_orders',
    text: updateText,
    values: [
      bare(rows.map((row) => row.id)),
      bare(rows.map((row) => row.status)),
      bare(rows.map((row) => row.failureReason)),
      bare(rows.map((row) => row.paymentSettled)),
      bare(rows.map((row) => row.seq)),
    ],
  };
}

const updateText = `
WITH changed AS (
  UPDATE orders SET
    status = COALESCE(row.status, orders.status),
    failure_reason = COALESCE(row.failure_reason, orders.failure_reason),
    payment_settled = orders.payment_settled OR row.payment_settled,
    seq = row.seq
  FROM unnest($1::uuid[], $2::text[], $3::text[], $4::boolean[], $5::bigint[]) AS row (id, status, failure_reason, payment_settled, seq)
  WHERE orders.id = row.id
  RETURNING 1
)
SELECT 1 / (count(*) = cardinality($1::uuid[]))::integer FROM changed`;
