import type { Pool } from 'pg';
import type { EpochMs, Offset, Partition, SaleId, SaleNo } from '#schemas/ids.ts';
import type { ReplayStart } from '#shared/replay/replay-sale.ts';

/** A sale's log as the ledger has it, for comparing. */

export interface LoggedEvent {
  readonly seq: number;
  readonly leaf: string;
  /** Hex. */
  readonly hash: string;
}

export interface SaleLog {
  readonly start: ReplayStart;
  readonly partition: Partition;
  /** Of the newest event when the log was opened; what is decided later is not compared. */
  readonly throughSeq: number;
  /** Offset of the record that led to it. */
  readonly throughOffset: Offset;
  /** In seq order, page by page. */
  readonly pages: () => AsyncGenerator<readonly LoggedEvent[]>;
}

const pageEventsMax = 5_000;

/** null: no such sale, or nothing of it is decided yet. */
export async function openSaleLog(pool: Pick<Pool, 'query'>, saleId: SaleId): Promise<SaleLog | null> {
  const { rows } = await pool.query<{ sale_no: number; partition: number; seq: string; last_offset: string; created_at_ms: string }>(
    `SELECT sale_no, partition, seq, last_offset, created_at_ms
     FROM sale_lines JOIN sales USING (sale_no) JOIN sale_terms USING (sale_no) WHERE sale_id = $1`,
    [saleId],
  );
  const row = rows[0];
  if (row === undefined) return null;
  const firsts = await pool.query<{ sale_id: string; command_offset: string }>(
    `SELECT sale_id, command_offset FROM sale_lines JOIN events USING (sale_no) WHERE partition = $1 AND events.seq = 1`,
    [row.partition],
  );
  const scheduledAt = new Map(firsts.rows.map((first) => [first.sale_id as SaleId, Number(first.command_offset) as Offset]));
  const firstOffset = scheduledAt.get(saleId);
  if (firstOffset === undefined) return null;
  scheduledAt.delete(saleId);
  const throughSeq = Number(row.seq);
  return {
    start: { saleId, firstOffset, firstAt: Number(row.created_at_ms) as EpochMs, others: scheduledAt },
    partition: row.partition as Partition,
    throughSeq,
    throughOffset: Number(row.last_offset) as Offset,
    pages: () => pagesOf(pool, row.sale_no as SaleNo, throughSeq),
  };
}

async function* pagesOf(pool: Pick<Pool, 'query'>, saleNo: SaleNo, throughSeq: number): AsyncGenerator<readonly LoggedEvent[]> {
  for (let after = 0; after < throughSeq;) {
    const { rows } = await pool.query<{ seq: string; leaf: Buffer; hash: Buffer }>(
      `SELECT seq, leaf, hash FROM events WHERE sale_no = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4`,
      [saleNo, after, throughSeq, pageEventsMax],
    );
    if (rows.length === 0) return;
    after = Number(rows.at(-1)!.seq);
    // Whatever the bytes are now: what is no text any more differs, and that is said.
    yield rows.map(({ seq, leaf, hash }) => ({ seq: Number(seq), leaf: leaf.toString('utf8'), hash: hash.toString('hex') }));
  }
}
