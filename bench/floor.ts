import { parseArgs } from 'node:util';
import type { SaleId } from '#schemas/ids.ts';
import { batchStatements, preparations } from '#shared/ledger/batch-statements.ts';
import type { Copy } from '#shared/ledger/copy-rows.ts';
import { openPool } from '#shared/ledger/connections.ts';
import { allocateLine } from '#shared/ledger/lines.ts';
import { createPipeline, type TransactionOutcome } from '#shared/ledger/pipeline.ts';
import { createWriterLedger } from '#shared/ledger/writer-ledger.ts';
import { answered, created, nextBatch, opened, scheduled, scriptedSale, type Told } from '../tests/integration/batches.ts';
import { createTestDatabase } from '../tests/integration/databases.ts';
import { print } from './measurement.ts';
import { hexOf, uuidOf } from './reservation-records.ts';
import { takeOver } from './take-over.ts';

/**
 * What no writer on this PostgreSQL can be faster than: the rows of reservations, in their tables, by COPY from one
 * connection, made before the clock starts. No line, no fence, no counters, no thinking.
 *
 *   node bench/floor.ts [--reservations 1000000] [--batch 5000] [--quick]
 *     --batch   reservations a transaction
 *
 * Needs a PostgreSQL at TEST_DATABASE_OWNER_URL; makes a database there and drops it.
 */

const { values: options } = parseArgs({
  options: {
    reservations: { type: 'string' },
    batch: { type: 'string', default: '5000' },
    quick: { type: 'boolean', default: false },
  },
});
const reservations = Number(options.reservations ?? (options.quick ? 50_000 : 1_000_000));
const batchMax = Number(options.batch);
const leaseMs = 600_000;
/** Sent before the ones ahead are answered, so that the server never waits for us; few enough for none to wait past its time limit. */
const underWayMax = 4;
/** The rest finds nothing left, as in the line of bench/writer-backlog.ts. */
const held = Math.ceil(reservations / 2);

/** Ids as the line has them: in the order of a counter they would go into the indexes a third faster than any real ones. */
function whoOf(n: number): { reservation_id: string; user: string } {
  const hex = hexOf(`floor/${String(n)}`);
  return { reservation_id: uuidOf(hex), user: uuidOf(hex.slice(32)) };
}

const heldRow = (n: number): Told => ({ ...created(n, { A: { total: held, held: n, sold: 0 } }), ...whoOf(n) });

const soldOutRow = (n: number): Told => ({
  type: 'reservation.rejected',
  ...answered,
  ...whoOf(n),
  items: [{ sku: 'A', quantity: 1 }],
  respond_async: false,
  reason: 'sold_out',
});

const database = await createTestDatabase();
const ledger = createWriterLedger({ databaseUrl: database.appUrl });
const pool = openPool(database.appUrl, 'bench', 1);
const connection = createPipeline({ connectionString: database.appUrl }, preparations());
try {
  const line = await allocateLine(pool, 'bench-floor' as SaleId, 1);
  if (line === 'no_free_line') throw new Error('the bench needs a line of its own');
  const epoch = await takeOver(ledger, line.partition, leaseMs);
  const sale = scriptedSale(line, 'bench-floor');
  await ledger.commit(nextBatch(sale, epoch, [scheduled([{ sku: 'A', quantity: held }], { key: line.saleNo }), opened]));
  const transactions: Copy[][] = [];
  for (let made = 0; made < reservations;) {
    const events = Array.from({ length: Math.min(batchMax, reservations - made) }, () => {
      made += 1;
      return made <= held ? heldRow(made) : soldOutRow(made);
    });
    transactions.push(batchStatements(nextBatch(sale, epoch, events), leaseMs).filter((statement) => 'messages' in statement));
  }
  connection.prepare();
  const begun = performance.now();
  const queue = transactions.values();
  const outcomes: TransactionOutcome[] = [];
  await Promise.all(
    Array.from({ length: underWayMax }, async () => {
      for (const copies of queue) outcomes.push(await connection.transact(copies));
    }),
  );
  const seconds = (performance.now() - begun) / 1_000;
  if (outcomes.some(({ kind }) => kind !== 'committed')) throw new Error('PostgreSQL refused rows of the floor');
  const { rows } = await pool.query<{ n: number }>('SELECT count(*)::integer AS n FROM reservations');
  print({
    id: 'floor',
    what: 'rows of reservations by COPY from one connection',
    value: Math.round(reservations / seconds),
    unit: '/s',
    right: rows[0]!.n === reservations,
    details: {
      reservations,
      batch: batchMax,
      seconds: Number(seconds.toFixed(2)),
      tables: transactions[0]!.map(({ text }) => /COPY (\w+)/.exec(text)![1]).join(', '),
      bytes_a_reservation: Math.round(transactions.flat().reduce((sum, { messages }) => sum + messages.length, 0) / reservations),
    },
    command: 'node bench/floor.ts',
  });
} finally {
  await Promise.all([connection.close(), ledger.close(), pool.end()]);
  await database.drop();
}
