import { bare, type Statement } from '../columns.ts';
import { type Copy, CopyRows } from '../copy-rows.ts';
import type { OrderChange, OrderRow } from '../rows.ts';
import { DECIDED_COLUMNS, decidedColumns } from './decided-columns.ts';

/** What an order takes. */
const USUAL_ROW_BYTES = 288;

/** By COPY also because its values stand in no statement: a refused one is written into the server's log, and a payment method's token must not be. */
export function insertOrders(rows: readonly OrderRow[]): Copy {
  const copy = new CopyRows(rows.length * USUAL_ROW_BYTES);
  for (const row of rows) {
    copy.row(16);
    copy.uuid(row.id);
    copy.integer(row.saleNo);
    copy.uuid(row.reservationId);
    copy.uuid(row.user);
    copy.text(row.status);
    if (row.failureReason === null) copy.null();
    else copy.text(row.failureReason);
    copy.boolean(row.paymentSettled);
    copy.bigint(row.amount);
    copy.text(row.currency);
    copy.text(row.paymentMethodId);
    decidedColumns(copy, row);
  }
  return { name: 'insert_orders', text: insertText, messages: copy.end() };
}

const insertText = `
COPY orders (id, sale_no, reservation_id, user_ref, status, failure_reason, payment_settled, amount, currency, payment_method_id,
      ${DECIDED_COLUMNS}) FROM STDIN (FORMAT binary)`;

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
