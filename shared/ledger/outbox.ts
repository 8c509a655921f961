import type { Pool } from 'pg';
import type { Offset, Partition, SaleId, SaleNo, Seq } from '#schemas/ids.ts';
import { ask } from './ask.ts';
import { withLedgerFaults } from './ledger-fault.ts';
import type { OutboxEvent } from './ledger.ts';
import { type LeafRow, leavesAfter, type SaleWithNewsRow, salesWithNews } from './sql/outbox.ts';

/** Events of one page, all of one sale. */
const PAGE_EVENTS_MAX = 1_000;

/** See WriterLedger.unpublished. Events committed while it is read are left to whoever commits them. */
export async function* unpublished(pool: Pool, partition: Partition, fromOffset: Offset): AsyncGenerator<readonly OutboxEvent[]> {
  const doing = `reading the unpublished events of partition ${partition}`;
  const sales = await withLedgerFaults(doing, () => ask<SaleWithNewsRow>(pool, salesWithNews(partition, fromOffset)));
  for (const sale of sales) {
    const throughSeq = Number(sale.seq);
    let afterSeq = Number(sale.seq_before);
    while (afterSeq < throughSeq) {
      const page = leavesAfter(sale.sale_no as SaleNo, afterSeq, throughSeq, PAGE_EVENTS_MAX);
      const rows = await withLedgerFaults(doing, () => ask<LeafRow>(pool, page));
      if (rows.length === 0)
        throw new Error(
          `sale ${sale.sale_id} is at seq ${throughSeq} and has no event after ${afterSeq}: restore the ledger from a backup`,
        );
      afterSeq = Number(rows.at(-1)!.seq);
      yield rows.map(({ seq, command_offset, leaf }) => ({
        saleId: sale.sale_id as SaleId,
        seq: Number(seq) as Seq,
        offset: Number(command_offset) as Offset,
        leaf,
      }));
    }
  }
}
