import { Client } from 'pg';
import type { SaleId } from '#schemas/ids.ts';
import { openPool } from '#shared/ledger/connections.ts';
import { allocateLine } from '#shared/ledger/lines.ts';
import { createWriterLedger } from '#shared/ledger/writer-ledger.ts';
import { created, nextBatch, opened, scheduled, scriptedSale } from '../tests/integration/batches.ts';
import { createTestDatabase } from '../tests/integration/databases.ts';
import { takeOver } from './take-over.ts';

/**
 * How long a batch of reservations takes in the ledger: the fence, the rows, the
 * chained events and the COMMIT; one at a time, and two in flight as the writer does.
 * Needs a PostgreSQL at TEST_DATABASE_OWNER_URL; makes and drops a database there.
 */

const SIZES = [1, 10, 100, 1_000, 2_000];
const RESERVATIONS_EACH = 20_000;
const leaseMs = 60_000;

const database = await createTestDatabase();
const ledger = createWriterLedger({ databaseUrl: database.appUrl });
const pool = openPool(database.appUrl, 'bench', 1);
try {
  const version = new Client({ connectionString: database.ownerUrl });
  await version.connect();
  console.log((await version.query<{ version: string }>('SELECT version()')).rows[0]!.version);
  await version.end();
  let number = 0;
  for (const inFlightMax of [1, 2]) {
    for (const size of SIZES) {
      const saleId = `bench-${inFlightMax}-${size}` as SaleId;
      const line = await allocateLine(pool, saleId, 64);
      if (line === 'no_free_line') throw new Error('the bench needs a line of its own');
      const epoch = await takeOver(ledger, line.partition, leaseMs);
      const sale = scriptedSale(line, saleId);
      await ledger.commit(nextBatch(sale, epoch, [scheduled([{ sku: 'A', quantity: 1_000_000 }], { key: line.saleNo }), opened]));
      const batches = Math.min(500, Math.ceil(RESERVATIONS_EACH / size));
      let held = 0;
      const prepared = Array.from({ length: batches }, () =>
        nextBatch(
          sale,
          epoch,
          Array.from({ length: size }, () => created((number += 1), { A: { total: 1_000_000, held: (held += 1), sold: 0 } })),
        ),
      );
      const inFlight: Promise<unknown>[] = [];
      const started = performance.now();
      for (const batch of prepared) {
        if (inFlight.length >= inFlightMax) await inFlight.shift();
        inFlight.push(ledger.commit(batch));
      }
      await Promise.all(inFlight);
      const ms = performance.now() - started;
      const perBatch = (ms / batches).toFixed(2);
      console.log(
        `${size} a batch, ${inFlightMax} in flight: ${perBatch} ms a batch, ${Math.round((batches * size * 1_000) / ms)} reservations/s`,
      );
    }
  }
} finally {
  await ledger.close();
  await pool.end();
  await database.drop();
}
