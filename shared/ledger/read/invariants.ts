import type { Statement } from './reads.ts';

/**
 * What of the invariants one statement over a sale's tables and its parsed log
 * (`report_log`, see `report.ts`) can check: each gives a row for every violation, at
 * most `violationsMax`, with what is wrong in `detail`.
 */

const violationsMax = 5;

/** `null`: the tables alone cannot tell; `detail` says what checks it. */
interface InvariantCheck {
  readonly id: string;
  /** Its `$1`, where it has one, is the sale's number. */
  readonly statement: Statement | null;
  readonly detail?: string;
}

const statement = (id: string, text: string): Statement => ({ name: `invariant_${id}`, text: `${text} LIMIT ${violationsMax}` });

export const INVARIANT_CHECKS: readonly InvariantCheck[] = [
  {
    id: 'I1',
    statement: statement(
      'i1',
      `WITH moved AS (
         SELECT seq, c.key AS sku, (c.value->>'total')::bigint AS total, (c.value->>'held')::bigint AS held, (c.value->>'sold')::bigint AS sold
         FROM report_log, jsonb_each(counts) AS c (key, value) WHERE counts IS NOT NULL
         UNION ALL SELECT NULL, sku, total, held, sold FROM items WHERE sale_no = $1
       )
       SELECT format('%s at seq %s: held %s, sold %s, total %s', sku, coalesce(seq::text, 'now'), held, sold, total) AS detail
       FROM moved WHERE held < 0 OR sold < 0 OR held + sold > total`,
    ),
  },
  {
    id: 'I2',
    statement: statement(
      'i2',
      `WITH sums AS (
         SELECT i.value->>'sku' AS sku,
           sum((i.value->>'quantity')::bigint) FILTER (WHERE r.status IN ('held', 'paying')) AS held,
           sum((i.value->>'quantity')::bigint) FILTER (WHERE r.status = 'confirmed') AS sold
         FROM reservations r, jsonb_array_elements(r.items) AS i
         WHERE r.sale_no = $1 AND r.status IN ('held', 'paying', 'confirmed') GROUP BY 1
       )
       SELECT format('%s: counters held %s, sold %s; reservations held %s, sold %s',
         i.sku, i.held, i.sold, coalesce(s.held, 0), coalesce(s.sold, 0)) AS detail
       FROM items i LEFT JOIN sums s ON s.sku = i.sku
       WHERE i.sale_no = $1 AND (i.held <> coalesce(s.held, 0) OR i.sold <> coalesce(s.sold, 0))`,
    ),
  },
  {
    id: 'I3',
    statement: statement(
      'i3',
      `SELECT format('seq %s at offset %s follows seq %s at offset %s', seq, command_offset, before, offset_before) AS detail
       FROM (SELECT seq, command_offset, lag(seq, 1, 0::bigint) OVER w AS before, lag(command_offset, 1, -1::bigint) OVER w AS offset_before
             FROM report_log WINDOW w AS (ORDER BY seq)) AS log
       WHERE seq <> before + 1 OR command_offset < offset_before`,
    ),
    detail: 'seq dense and offsets ascending; the line is not replayed here',
  },
  {
    id: 'I4',
    statement: statement(
      'i4',
      `WITH answers AS (
         SELECT key, seq FROM report_log WHERE fingerprint IS NOT NULL AND NOT conflict
       ), twice AS (
         SELECT key, min(seq) AS first, max(seq) AS last FROM answers GROUP BY key HAVING count(*) > 1
       ), rows AS (
         SELECT id AS key, decided_seq AS seq FROM reservations WHERE sale_no = $1
         UNION ALL SELECT id, decided_seq FROM orders WHERE sale_no = $1
         UNION ALL SELECT key, seq FROM requests WHERE sale_no = $1
       )
       SELECT format('request %s was decided more than once (seq %s, seq %s)', key, first, last) AS detail FROM twice
       UNION ALL
       SELECT format('request %s: row and log differ (row seq %s, log seq %s)',
         coalesce(r.key, a.key), coalesce(r.seq::text, 'none'), coalesce(a.seq::text, 'none'))
       FROM rows r FULL JOIN answers a ON a.key = r.key AND a.seq = r.seq WHERE a.seq IS NULL OR r.seq IS NULL`,
    ),
    detail: 'every decision has its row and no key has two; what the line still holds is not looked at',
  },
  { id: 'I5', statement: null, detail: 'held by the fence of each commit; see the fault tests' },
  { id: 'I6', statement: null, detail: 'held by answering after the commit only; see the fault tests' },
  {
    id: 'I7',
    statement: statement(
      'i7',
      `SELECT format('key %s was refused as reused (seq %s) with the fingerprint it was first used with (seq %s)', c.key, c.seq, f.seq) AS detail
       FROM report_log c JOIN report_log f ON f.key = c.key AND f.fingerprint = c.fingerprint AND NOT f.conflict
       WHERE c.conflict`,
    ),
  },
  {
    id: 'I8',
    statement: statement(
      'i8',
      `WITH deadlines AS (
         SELECT reservation_id, type, seq, at, max(expires_at) OVER (PARTITION BY reservation_id ORDER BY seq) AS deadline
         FROM report_log WHERE reservation_id IS NOT NULL
       )
       SELECT format('reservation %s was released at %s, its deadline was %s (seq %s)', reservation_id, at, deadline, seq) AS detail
       FROM deadlines WHERE type = 'reservation.expired' AND at < deadline`,
    ),
    detail: 'no hold was released before its deadline; how long after is not looked at',
  },
  {
    id: 'I9',
    statement: statement(
      'i9',
      `WITH captured AS (
         SELECT order_id,
           count(*) FILTER (WHERE type = 'payment.succeeded') AS succeeded,
           count(*) FILTER (WHERE type = 'order.confirmed') AS confirmed,
           count(*) FILTER (WHERE type = 'refund.requested') AS refunding,
           count(*) FILTER (WHERE type = 'refund.completed') AS refunded
         FROM report_log WHERE order_id IS NOT NULL GROUP BY order_id
       )
       SELECT format('order %s: %s payments, %s confirmations, %s refunds asked for, %s done',
         order_id, succeeded, confirmed, refunding, refunded) AS detail
       FROM captured WHERE succeeded > 1 OR confirmed + refunding <> succeeded OR refunded > refunding`,
    ),
  },
  {
    id: 'I10',
    statement: statement(
      'i10',
      `SELECT format('seq %s: %s', seq, CASE WHEN genuine THEN 'prev is not the hash before' ELSE 'the leaf does not have its hash' END) AS detail
       FROM report_log WHERE NOT genuine OR chained IS NOT TRUE
       UNION ALL
       SELECT format('the sale''s head is not the hash of seq %s', s.seq) FROM sales s LEFT JOIN events e USING (sale_no, seq)
       WHERE s.sale_no = $1 AND (e.hash IS NULL OR e.hash <> s.head)`,
    ),
    detail: 'the chain to the newest event',
  },
  { id: 'I11', statement: null, detail: 'the line is first in, first out; needs the clients’ own times, see the tests' },
];
