import type { SaleId } from '#schemas/ids.ts';
import { allocateLine } from '#shared/ledger/lines.ts';
import { openPool } from '#shared/ledger/connections.ts';
import { openReads } from '#shared/ledger/read/reads.ts';
import { createSaleReads, listedItemsMax } from '#shared/ledger/read/sales.ts';
import { createWriterLedger } from '#shared/ledger/writer-ledger.ts';
import { nextBatch, opened, requestKey, scheduled, scriptedSale } from './batches.ts';
import { createTestDatabase } from './databases.ts';

jest.setTimeout(60_000);

test('a list of sales reads the items of those that have few, and counts those of the others', async () => {
  const database = await createTestDatabase();
  const pool = openPool(database.appUrl, 'test-sale-list', 2);
  const ledger = createWriterLedger({ databaseUrl: database.appUrl, applicationName: 'test-sale-list' });
  const reads = openReads({ databaseUrl: database.appUrl, applicationName: 'test-sale-list', connectionsMax: 1, onFault: () => undefined });
  try {
    for (const [saleId, count] of [
      ['few', listedItemsMax],
      ['many', listedItemsMax + 1],
    ] as const) {
      const line = await allocateLine(pool, saleId as SaleId, 8);
      if (line === 'no_free_line') throw new Error('no free line');
      const taken = await ledger.takeOver(line.partition, 'me', 60_000, 'cluster');
      if (taken.kind !== 'taken') throw new Error('leased to another');
      const items = Array.from({ length: count }, (_, n) => ({ sku: `sku-${n}`, quantity: n }));
      await ledger.commit(
        nextBatch(scriptedSale(line, saleId), taken.position.epoch, [{ ...scheduled(items), key: requestKey(count) }, opened]),
      );
    }
    const listed = await createSaleReads(reads).list(null, null, 20);
    expect(listed.map((sale) => [sale.sale_id, sale.items_count, sale.terms.items.length, sale.items.length])).toEqual([
      ['many', listedItemsMax + 1, 0, 0],
      ['few', listedItemsMax, listedItemsMax, listedItemsMax],
    ]);
    expect(listed[0]!.terms).toMatchObject({ name: expect.any(String) as string, late_payment: 'reacquire' });
  } finally {
    await Promise.all([ledger.close(), pool.end(), reads.close()]);
    await database.drop();
  }
});
