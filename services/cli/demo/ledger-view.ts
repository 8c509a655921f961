import type { Pool } from 'pg';

/** What the demo looks up in PostgreSQL, behind the API's back: the truth that its answers are compared with. */

export interface LinePosition {
  readonly partition: number;
  readonly epoch: number;
  /** INSTANCE_ID of the writer that holds the lease. */
  readonly owner: string | null;
  readonly seq: number;
}

export interface ReservationRow {
  readonly id: string;
  readonly status: string;
  readonly reason: string | null;
}

export interface OrderRow {
  readonly id: string;
  readonly reservationId: string;
  readonly status: string;
  readonly amount: number;
}

export interface LedgerView {
  /** Null while the sale is not on its line yet. */
  line(saleId: string): Promise<LinePosition | null>;
  /** Live and paying reservations, orders without a last word. */
  unfinished(saleId: string): Promise<{ readonly live: number; readonly orders: number }>;
  /** Counters of the sale's items, added up. */
  stock(saleId: string): Promise<{ readonly total: number; readonly held: number; readonly sold: number }>;
  reservations(saleId: string): Promise<ReadonlyMap<string, ReservationRow>>;
  orders(saleId: string): Promise<ReadonlyMap<string, OrderRow>>;
}

export function createLedgerView(pool: Pick<Pool, 'query'>): LedgerView {
  const saleNo = '(SELECT sale_no FROM sale_lines WHERE sale_id = $1)';
  return {
    async line(saleId) {
      const { rows } = await pool.query<{ partition: number; epoch: string; owner: string | null; seq: string | null }>(
        `SELECT l.partition, p.epoch, p.owner, s.seq FROM sale_lines l JOIN partitions p USING (partition) LEFT JOIN sales s USING (sale_no)
         WHERE l.sale_id = $1`,
        [saleId],
      );
      const row = rows[0];
      return row === undefined ? null : { partition: row.partition, epoch: Number(row.epoch), owner: row.owner, seq: Number(row.seq ?? 0) };
    },
    async unfinished(saleId) {
      const { rows } = await pool.query<{ live: string; orders: string }>(
        `SELECT (SELECT count(*) FROM reservations WHERE sale_no = ${saleNo} AND status IN ('held', 'waitlisted', 'paying')) AS live,
                (SELECT count(*) FROM orders WHERE sale_no = ${saleNo}
                 AND (status IN ('pending', 'refunding') OR (status = 'failed' AND NOT payment_settled))) AS orders`,
        [saleId],
      );
      return { live: Number(rows[0]!.live), orders: Number(rows[0]!.orders) };
    },
    async stock(saleId) {
      const { rows } = await pool.query<{ total: string | null; held: string | null; sold: string | null }>(
        `SELECT sum(total) AS total, sum(held) AS held, sum(sold) AS sold FROM items WHERE sale_no = ${saleNo}`,
        [saleId],
      );
      const { total, held, sold } = rows[0]!;
      return { total: Number(total ?? 0), held: Number(held ?? 0), sold: Number(sold ?? 0) };
    },
    async reservations(saleId) {
      const { rows } = await pool.query<ReservationRow>(
        `SELECT id::text, status, reason FROM reservations WHERE sale_no = ${saleNo} ORDER BY decided_seq`,
        [saleId],
      );
      return new Map(rows.map((row) => [row.id, row]));
    },
    async orders(saleId) {
      const { rows } = await pool.query<{ id: string; reservation_id: string; status: string; amount: string }>(
        `SELECT id::text, reservation_id::text, status, amount FROM orders WHERE sale_no = ${saleNo} ORDER BY decided_seq`,
        [saleId],
      );
      return new Map(
        rows.map((row) => [row.id, { id: row.id, reservationId: row.reservation_id, status: row.status, amount: Number(row.amount) }]),
      );
    },
  };
}
