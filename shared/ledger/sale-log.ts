import type { Pool, QueryResult, QueryResultRow } from 'pg';
import type { SaleStatus } from '#schemas/event.ts';
import type { EpochMs, Offset, Partition, SaleId, SaleNo } from '#schemas/ids.ts';
import type { SaleTerms } from '#schemas/terms.ts';
import { withLedgerFaults } from './ledger-fault.ts';

/** A sale's log as the ledger has it, for whoever checks it: rows as they are stored, believed in nothing. */

export interface LoggedEvent {
  readonly seq: number;
  readonly leaf: Buffer;
  readonly hash: Buffer;
}

export interface LoggedCheckpoint {
  readonly size: number;
  readonly note: string;
}

/** Where the line has what led to the log. */
export interface SaleLine {
  readonly partition: Partition;
  /** Of the record that scheduled the sale, and its events' logical time. */
  readonly firstOffset: Offset;
  readonly firstAt: EpochMs;
  /** Of the record that led to the newest event. */
  readonly throughOffset: Offset;
  /** Every other sale of the partition, and the offset that scheduled it. */
  readonly others: ReadonlyMap<SaleId, Offset>;
}

/** All of it as it stood at one moment; what is decided later is not looked at. */
export interface SaleLog {
  readonly saleId: SaleId;
  readonly terms: SaleTerms;
  readonly status: SaleStatus;
  readonly settled: boolean;
  /** Of the newest event. */
  readonly throughSeq: number;
  /** Its hash, as the sale's row has it. */
  readonly head: Buffer;
  /** null: there is no event 1, which would say where it begins. */
  readonly line: SaleLine | null;
  /** In seq order, page by page. */
  readonly pages: () => AsyncGenerator<readonly LoggedEvent[]>;
  /** By size. */
  readonly checkpoints: () => AsyncGenerator<LoggedCheckpoint>;
}

type Ask = <Row extends QueryResultRow>(text: string, values: unknown[]) => Promise<QueryResult<Row>>;

const pageEventsMax = 500;
const pageCheckpointsMax = 1_000;

/** null: no such sale, or nothing of it is decided yet. It, its pages and its checkpoints throw RetryableFault while PostgreSQL is away. */
export async function openSaleLog(connections: Pick<Pool, 'query'>, saleId: SaleId): Promise<SaleLog | null> {
  const ask: Ask = (text, values) => withLedgerFaults(`reading the log of sale ${saleId}`, () => connections.query(text, values));
  const { rows } = await ask<{
    sale_no: number;
    partition: number;
    terms: SaleTerms;
    created_at_ms: string;
    status: SaleStatus;
    settled: boolean;
    seq: string;
    head: Buffer;
    last_offset: string;
    signed: string | null;
  }>(
    `SELECT sale_no, partition, terms, created_at_ms, status, settled, seq, head, last_offset,
       (SELECT max(size) FROM log_checkpoints c WHERE c.sale_no = l.sale_no) AS signed
     FROM sale_lines l JOIN sales USING (sale_no) JOIN sale_terms USING (sale_no) WHERE sale_id = $1`,
    [saleId],
  );
  const row = rows[0];
  if (row === undefined) return null;
  const firsts = await ask<{ sale_id: string; command_offset: string }>(
    `SELECT sale_id, command_offset FROM sale_lines JOIN events USING (sale_no) WHERE partition = $1 AND events.seq = 1`,
    [row.partition],
  );
  const scheduledAt = new Map(firsts.rows.map((first) => [first.sale_id as SaleId, Number(first.command_offset) as Offset]));
  const firstOffset = scheduledAt.get(saleId);
  scheduledAt.delete(saleId);
  const saleNo = row.sale_no as SaleNo;
  const throughSeq = Number(row.seq);
  return {
    saleId,
    terms: row.terms,
    status: row.status,
    settled: row.settled,
    throughSeq,
    head: row.head,
    line:
      firstOffset === undefined
        ? null
        : {
            partition: row.partition as Partition,
            firstOffset,
            firstAt: Number(row.created_at_ms) as EpochMs,
            throughOffset: Number(row.last_offset) as Offset,
            others: scheduledAt,
          },
    pages: () => eventPages(ask, saleNo, throughSeq),
    checkpoints: () => checkpointsOf(ask, saleNo, Number(row.signed ?? 0)),
  };
}

async function* eventPages(ask: Ask, saleNo: SaleNo, throughSeq: number): AsyncGenerator<readonly LoggedEvent[]> {
  for (let after = 0; after < throughSeq;) {
    const { rows } = await ask<{ seq: string; leaf: Buffer; hash: Buffer }>(
      `SELECT seq, leaf, hash FROM events WHERE sale_no = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4`,
      [saleNo, after, throughSeq, pageEventsMax],
    );
    if (rows.length === 0) return;
    after = Number(rows.at(-1)!.seq);
    yield rows.map(({ seq, leaf, hash }) => ({ seq: Number(seq), leaf, hash }));
  }
}

async function* checkpointsOf(ask: Ask, saleNo: SaleNo, throughSize: number): AsyncGenerator<LoggedCheckpoint> {
  for (let after = 0; after < throughSize;) {
    const { rows } = await ask<{ size: string; note: string }>(
      `SELECT size, note FROM log_checkpoints WHERE sale_no = $1 AND size > $2 AND size <= $3 ORDER BY size LIMIT $4`,
      [saleNo, after, throughSize, pageCheckpointsMax],
    );
    if (rows.length === 0) return;
    after = Number(rows.at(-1)!.size);
    for (const { size, note } of rows) yield { size: Number(size), note };
  }
}
