import type { Pool } from 'pg';

/** How much is left to do, over all processes. */
export interface Backlog {
  /** Waiting for a step, retries included. */
  readonly pending: number;
  /** On the manual-intervention list. */
  readonly manual: number;
  /** How long the longest waiting step has been due; 0 where none is. */
  readonly overdueSeconds: number;
}

/** Both counts are answered by small partial indexes. Throws what pg throws. */
export async function readBacklog(pool: Pick<Pool, 'query'>): Promise<Backlog> {
  const { rows } = await pool.query<Backlog>(
    `SELECT (SELECT count(*)::int FROM payments WHERE due_at IS NOT NULL) AS pending,
            (SELECT count(*)::int FROM payments WHERE state IN ('manual', 'refund_manual')) AS manual,
            (SELECT coalesce(greatest(0, extract(epoch FROM now() - min(due_at))), 0)::float8 FROM payments WHERE due_at IS NOT NULL) AS "overdueSeconds"`,
  );
  return rows[0] ?? { pending: 0, manual: 0, overdueSeconds: 0 };
}
