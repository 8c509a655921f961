import type { Pool } from 'pg';
import type { Partition, SaleId, SaleNo, Seq } from '#schemas/ids.ts';
import { ask } from './ask.ts';
import { withLedgerFaults } from './ledger-fault.ts';
import type { SaleHead } from './ledger.ts';
import { leafPage, type LeafPageRow, type UnsettledHeadRow, unsettledHeads as unsettledHeadsStatement } from './sql/follow.ts';

/** Events of a page: few enough that whoever applies them in one go is not away for long. */
const PAGE_EVENTS_MAX = 500;

/** See WriterLedger. */
export function unsettledHeads(pool: Pool, partitions: readonly Partition[]): Promise<readonly SaleHead[]> {
  return withLedgerFaults('finding the sales that are not settled', async () => {
    const rows = await ask<UnsettledHeadRow>(pool, unsettledHeadsStatement(partitions));
    return rows.map(({ partition, sale_no, sale_id, seq, head }) => ({
      partition: partition as Partition,
      saleNo: sale_no as SaleNo,
      saleId: sale_id as SaleId,
      seq: Number(seq) as Seq,
      head,
    }));
  });
}

/** See WriterLedger. */
export function leavesAfter(pool: Pool, saleNo: SaleNo, afterSeq: Seq | 0, throughSeq: Seq): Promise<readonly string[]> {
  return withLedgerFaults(`following sale ${saleNo}`, async () => {
    const [row] = await ask<LeafPageRow>(pool, leafPage(saleNo, afterSeq, throughSeq, PAGE_EVENTS_MAX));
    // Canonical JSON holds no newline.
    return row?.leaves?.split('\n') ?? [];
  });
}
