import { INVARIANT_CHECKS } from './invariants.ts';
import type { Reads, Rows, Statement } from './reads.ts';
import { type Availability, createSaleReads } from './sales.ts';

/**
 * What the reconciliation of a sale is made of. Its log is parsed once, into a table
 * of this transaction; the figures and the invariants are statements over that.
 */

/** Under what an answer may take; see `http/serve.ts`. */
const reportMsMax = 50_000;

/**
 * Of each event what the checks ask for. A leaf that does not have its hash is believed
 * in nothing, so its fields are null.
 */
const REPORT_LOG: Statement = {
  name: 'report_log',
  text: `
    CREATE TEMPORARY TABLE report_log (
      seq             bigint,
      command_offset  bigint,
      -- SHA-256 of the leaf is its hash, and its prev is the hash before.
      genuine         boolean,
      chained         boolean,
      type            text,
      -- Of the request that it answers; both null where it answers none.
      key             uuid,
      fingerprint     uuid,
      -- The key had been used for another request: a decision on record that changes no row.
      conflict        boolean,
      reservation_id  uuid,
      order_id        uuid,
      at              timestamptz,
      accepted_at     timestamptz,
      expires_at      timestamptz,
      counts          jsonb
    ) ON COMMIT DROP`,
};

/** json and not jsonb: only a few of a leaf's fields are read, and those once. OFFSET 0 keeps the hash from being taken twice. */
const FILL_REPORT_LOG: Statement = {
  name: 'fill_report_log',
  text: `
    INSERT INTO report_log
    SELECT seq, command_offset, genuine, prev = encode(hash_before, 'hex'), type,
      CASE WHEN fingerprint IS NOT NULL THEN coalesce(order_id, key, reservation_id) END,
      fingerprint, coalesce(reason = 'idempotency_conflict', false),
      reservation_id, order_id, at, accepted_at, expires_at, counts
    FROM (
      SELECT seq, command_offset, leaf, sha256('\\x00'::bytea || leaf) = hash AS genuine,
        lag(hash, 1, decode(repeat('00', 32), 'hex')) OVER (ORDER BY seq) AS hash_before
      FROM events WHERE sale_no = $1 OFFSET 0
    ) AS stored
    LEFT JOIN LATERAL json_to_record(CASE WHEN genuine THEN convert_from(leaf, 'UTF8')::json END) AS told (
      type text, prev text, key uuid, fingerprint uuid, reason text, reservation_id uuid, order_id uuid,
      at timestamptz, accepted_at timestamptz, expires_at timestamptz, counts jsonb
    ) ON true`,
};

const ANALYZE_REPORT_LOG: Statement = { name: 'analyze_report_log', text: 'ANALYZE report_log' };

const RESERVATIONS_BY_STATUS: Statement = {
  name: 'report_reservations',
  text: 'SELECT status, count(*) AS n FROM reservations WHERE sale_no = $1 GROUP BY status',
};

const ORDERS_BY_STATUS: Statement = {
  name: 'report_orders',
  text: 'SELECT status, count(*) AS n, coalesce(sum(amount), 0)::bigint AS amount FROM orders WHERE sale_no = $1 GROUP BY status',
};

/** Waits are counted from when the edge took a request in to its decision on the line's clock. */
const FAIRNESS: Statement = {
  name: 'report_fairness',
  text: `
    WITH answers AS (
      SELECT command_offset,
        extract(epoch FROM at - accepted_at) * 1000 AS wait_ms,
        lag(command_offset) OVER (ORDER BY seq) AS before
      FROM report_log WHERE accepted_at IS NOT NULL AND fingerprint IS NOT NULL
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

/** All of it as it stood at one moment. */
export interface SaleFigures extends Availability {
  readonly reservationsByStatus: readonly { readonly status: string; readonly n: number }[];
  readonly ordersByStatus: readonly { readonly status: string; readonly n: number; readonly amount: number }[];
  readonly fairness: FairnessRow;
  readonly invariants: readonly Invariant[];
}

interface Invariant {
  readonly id: string;
  readonly holds: boolean;
  readonly checked: boolean;
  readonly detail?: string;
}

export interface ReportReads {
  /** Reads the whole log: seconds for a large sale. The sale must be one that is decided. */
  figures(sale: { readonly sale_id: string; readonly sale_no: number }): Promise<SaleFigures>;
}

export function createReportReads(reads: Pick<Reads, 'inOneMoment'>): ReportReads {
  return {
    figures: ({ sale_id: saleId, sale_no: saleNo }) =>
      reads.inOneMoment(reportMsMax, async (moment) => {
        const standing = (await createSaleReads(moment).availability(saleId))!;
        await moment.rows(REPORT_LOG, []);
        await moment.rows(FILL_REPORT_LOG, [saleNo]);
        await moment.rows(ANALYZE_REPORT_LOG, []);
        return {
          ...standing,
          reservationsByStatus: await moment.rows(RESERVATIONS_BY_STATUS, [saleNo]),
          ordersByStatus: await moment.rows(ORDERS_BY_STATUS, [saleNo]),
          fairness: (await moment.rows<FairnessRow>(FAIRNESS, []))[0]!,
          invariants: await checkInvariants(moment, saleNo),
        };
      }),
  };
}

async function checkInvariants(moment: Rows, saleNo: number): Promise<Invariant[]> {
  const invariants: Invariant[] = [];
  for (const { id, statement, detail } of INVARIANT_CHECKS) {
    const told = detail === undefined ? {} : { detail };
    if (statement === null) {
      // Nothing says that it is broken, and nothing here could: that is what `checked` tells.
      invariants.push({ id, holds: true, checked: false, ...told });
      continue;
    }
    // Many ask the parsed log alone, which is of this sale only.
    const values = statement.text.includes('$1') ? [saleNo] : [];
    const violations = await moment.rows<{ detail: string }>(statement, values);
    if (violations.length === 0) invariants.push({ id, holds: true, checked: true, ...told });
    else invariants.push({ id, holds: false, checked: true, detail: violations.map((one) => one.detail).join('; ') });
  }
  return invariants;
}
