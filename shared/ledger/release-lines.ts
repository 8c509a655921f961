import type { Pool } from 'pg';
import { withLedgerFaults } from './ledger-fault.ts';

/**
 * A creation that was given up between taking a line and putting the sale on it
 * keeps the line. Lines with no sale after this time are free again.
 */
export const unscheduledMsMax = 600_000;

// Only where a writer is at work: while none is, the sale may still stand undecided on its line.
const RELEASE = `
  UPDATE sale_lines l SET active = false
  WHERE l.active AND l.created_at < now() - $1 * interval '1 millisecond'
    AND NOT EXISTS (SELECT FROM sales s WHERE s.sale_no = l.sale_no)
    AND EXISTS (SELECT FROM partitions p WHERE p.partition = l.partition AND p.lease_until > now())
  RETURNING l.sale_id`;

/** Gives the ids of the sales whose lines were released. */
export async function releaseUnscheduledLines(pool: Pick<Pool, 'query'>): Promise<readonly string[]> {
  return withLedgerFaults('releasing lines without a sale', async () => {
    const { rows } = await pool.query<{ sale_id: string }>(RELEASE, [unscheduledMsMax]);
    return rows.map((row) => row.sale_id);
  });
}
