import type { Partition, SaleId, SaleNo } from '#schemas/ids.ts';
import type { Statement } from '../columns.ts';

export interface SaleHeadRow {
  readonly sale_no: number;
  readonly sale_id: string;
  readonly active: boolean;
  /** All null where the sale has its line and nothing is decided yet. */
  readonly status: string | null;
  readonly seq: string | null;
  readonly head: string | null;
  readonly settled: boolean | null;
  readonly terms: unknown;
}

const headText = `
SELECT sale_no, sale_id, active, status, seq, encode(head, 'hex') AS head, settled, terms
FROM sale_lines LEFT JOIN sales USING (sale_no) LEFT JOIN sale_terms USING (sale_no)`;

export function saleHead(partition: Partition, saleId: SaleId): Statement {
  return { name: 'sale_head', text: `${headText} WHERE partition = $1::integer AND sale_id = $2::text`, values: [partition, saleId] };
}

export interface CounterRow {
  readonly sku: string;
  readonly total: string;
  readonly held: string;
  readonly sold: string;
}

export function counters(saleNo: SaleNo): Statement {
  const text = 'SELECT sku, total, held, sold FROM items WHERE sale_no = $1::integer ORDER BY position';
  return { name: 'counters', text, values: [saleNo] };
}

/** Read by a cursor, each row an array of texts. */
export type LiveReservationColumns = [
  id: string,
  user: string,
  status: 'held' | 'waitlisted' | 'paying',
  items: string,
  allowPartial: 't' | 'f',
  expiresAtMs: string | null,
  extended: 't' | 'f',
  decidedSeq: string,
];

export const liveReservationsText = (saleNo: SaleNo): string => `
SELECT id, user_ref, status, items::text, allow_partial, expires_at_ms, extended, decided_seq
FROM reservations WHERE sale_no = ${saleNo} AND status IN ('held', 'waitlisted', 'paying')`;

export type LiveOrderColumns = [
  id: string,
  reservationId: string,
  user: string,
  status: 'pending' | 'failed' | 'refunding',
  items: string,
  amount: string,
  currency: string,
];

export const liveOrdersText = (saleNo: SaleNo): string => `
SELECT o.id, o.reservation_id, o.user_ref, o.status, r.items::text, o.amount, o.currency
FROM orders o JOIN reservations r ON r.id = o.reservation_id
WHERE o.sale_no = ${saleNo} AND (o.status IN ('pending', 'refunding') OR (o.status = 'failed' AND NOT o.payment_settled))
ORDER BY o.decided_seq`;

/** What was bought. `user` is empty, and equal purchases are one row, where nobody asks who bought. */
export type BoughtColumns = [user: string, items: string, reservations: string];

export const boughtText = (saleNo: SaleNo, byUser: boolean): string => {
  const confirmed = `FROM reservations WHERE sale_no = ${saleNo} AND status = 'confirmed'`;
  return byUser ? `SELECT user_ref, items::text, 1 ${confirmed}` : `SELECT '', items::text, count(*) ${confirmed} GROUP BY items`;
};
