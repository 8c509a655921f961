import type { Pool } from 'pg';
import { SaleStatus } from '#schemas/event.ts';
import type { EpochMs, Partition, SaleId, SaleNo } from '#schemas/ids.ts';
import { RetryableFault } from '#shared/faults/faults.ts';
import { epochMs } from '#shared/proof/utc.ts';
import { ask } from './ask.ts';
import { sqlStateOf, withLedgerFaults } from './ledger-fault.ts';
import {
  busyLines,
  type BusyLinesRow,
  lineOf,
  type LineOfRow,
  type LineRow,
  takeFreeLine,
  takeLineAgain,
  unsettledSales as unsettledSalesStatement,
  type UnsettledSaleRow,
} from './sql/lines.ts';

/** Which partition a sale stands in, and its number in the ledger. */
export interface SaleLine {
  readonly saleNo: SaleNo;
  readonly partition: Partition;
}

/** Another sale may be faster with the line that was picked; then the next one is. */
const PICKS_MAX = 20;

/**
 * Gives a sale a line of its own, or the one it has: asking again changes nothing. A creation that was given up, and
 * whose line was released, gets one again.
 *
 * @param partitions how many `sale.commands` has
 * @returns `no_free_line` where every partition has an active sale
 */
export function allocateLine(pool: Pool, saleId: SaleId, partitions: number): Promise<SaleLine | 'no_free_line'> {
  return withLedgerFaults(`finding a line for sale ${saleId}`, async () => {
    for (let pick = 0; pick < PICKS_MAX; pick += 1) {
      const [row] = await ask<LineRow>(pool, takeFreeLine(saleId, partitions));
      if (row !== undefined) return asLine(row);
      const [had] = await ask<LineOfRow>(pool, lineOf(saleId));
      if (had?.released === false) return asLine(had);
      const again = had === undefined ? null : await takeAgain(pool, saleId, partitions);
      if (again !== null) return again;
      const [lines] = await ask<BusyLinesRow>(pool, busyLines(partitions));
      if (lines!.busy < partitions) continue;
      // The same request, made twice at once, may have taken the last one meanwhile.
      const [now] = await ask<LineOfRow>(pool, lineOf(saleId));
      return now?.released === false ? asLine(now) : 'no_free_line';
    }
    throw new RetryableFault('line_contended', `sale ${saleId} found no line in ${PICKS_MAX} tries because others were faster: try again`);
  });
}

/** null: none is free, or somebody was faster. */
async function takeAgain(pool: Pool, saleId: SaleId, partitions: number): Promise<SaleLine | null> {
  try {
    const [row] = await ask<LineRow>(pool, takeLineAgain(saleId, partitions));
    return row === undefined ? null : asLine(row);
  } catch (error) {
    if (sqlStateOf(error) === UNIQUE_VIOLATION) return null;
    throw error;
  }
}
const UNIQUE_VIOLATION = '23505';

/** null: no such sale. Settled sales keep the line they had, which by then may be another's too. */
export function findLine(pool: Pool, saleId: SaleId): Promise<SaleLine | null> {
  return withLedgerFaults(`finding the line of sale ${saleId}`, async () => {
    const [row] = await ask<LineOfRow>(pool, lineOf(saleId));
    return row === undefined ? null : asLine(row);
  });
}

export interface UnsettledSale extends SaleLine {
  readonly saleId: SaleId;
  readonly status: SaleStatus;
  readonly startsAt: EpochMs;
  readonly endsAt: EpochMs;
}

/** Every sale that has been decided to exist and is not settled, oldest first; at most one a partition. */
export function unsettledSales(pool: Pool): Promise<UnsettledSale[]> {
  return withLedgerFaults('finding the sales that are not settled', async () => {
    const rows = await ask<UnsettledSaleRow>(pool, unsettledSalesStatement);
    return rows.map((row) => ({
      ...asLine(row),
      saleId: row.sale_id as SaleId,
      status: SaleStatus.parse(row.status),
      startsAt: epochMs(row.starts_at),
      endsAt: epochMs(row.ends_at),
    }));
  });
}

function asLine(row: LineRow): SaleLine {
  return { saleNo: row.sale_no as SaleNo, partition: row.partition as Partition };
}
