import type { Reads, Statement } from './reads.ts';

/** What the reconciliation of a sale is made of. Each statement reads one thing; some read the whole log. */

const reportMsMax = 60_000;

const RESERVATIONS_BY_STATUS: Statement = {
  name: 'report_reservations',
  msMax: reportMsMax,
  text: 'SELECT status, count(*) AS n FROM reservations WHERE sale_no = $1 GROUP BY status',
};

const ORDERS_BY_STATUS: Statement = {
  name: 'report_orders',
  msMax: reportMsMax,
  text: 'SELECT status, count(*) AS n, coalesce(sum(amount), 0)::bigint AS amount FROM orders WHERE sale_no = $1 GROUP BY status',
};

/** Waits are counted from when the edge took a request in to its decision on the line's clock. */
const FAIRNESS: Statement = {
  name: 'report_fairness',
  msMax: reportMsMax,
  text: `
    WITH log AS (
      SELECT seq, command_offset, convert_from(leaf, 'UTF8')::jsonb AS event FROM events WHERE sale_no = $1
    ), answers AS (
      SELECT command_offset, seq,
        extract(epoch FROM (event->>'at')::timestamptz - (event->>'accepted_at')::timestamptz) * 1000 AS wait_ms,
        lag(command_offset) OVER (ORDER BY seq) AS before
      FROM log WHERE event ? 'accepted_at' AND event ? 'fingerprint'
    )
    SELECT count(*) AS requests, min(command_offset) AS first_offset, max(command_offset) AS last_offset,
      count(*) FILTER (WHERE command_offset < before) AS decided_out_of_order,
      percentile_disc(0.5) WITHIN GROUP (ORDER BY wait_ms)::float8 AS wait_ms_p50,
      percentile_disc(0.99) WITHIN GROUP (ORDER BY wait_ms)::float8 AS wait_ms_p99,
      max(wait_ms)::float8 AS wait_ms_max
    FROM answers`,
};

export interface FairnessRow {
  readonly requests: number;
  readonly first_offset: number | null;
  readonly last_offset: number | null;
  readonly decided_out_of_order: number;
  readonly wait_ms_p50: number | null;
  readonly wait_ms_p99: number | null;
  readonly wait_ms_max: number | null;
}

export interface ReportReads {
  reservationsByStatus(saleNo: number): Promise<readonly { readonly status: string; readonly n: number }[]>;
  ordersByStatus(saleNo: number): Promise<readonly { readonly status: string; readonly n: number; readonly amount: number }[]>;
  fairness(saleNo: number): Promise<FairnessRow>;
  /** How many rows break each invariant; see `invariants.ts`. */
  violations(statement: Statement, saleNo: number): Promise<readonly { readonly detail: string }[]>;
}

export function createReportReads(reads: Reads): ReportReads {
  return {
    reservationsByStatus: (saleNo) => reads.rows(RESERVATIONS_BY_STATUS, [saleNo]),
    ordersByStatus: (saleNo) => reads.rows(ORDERS_BY_STATUS, [saleNo]),
    fairness: async (saleNo) => (await reads.rows<FairnessRow>(FAIRNESS, [saleNo]))[0]!,
    violations: (statement, saleNo) => reads.rows({ msMax: reportMsMax, ...statement }, [saleNo]),
  };
}
