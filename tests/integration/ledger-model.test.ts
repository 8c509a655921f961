import type { Pool } from 'pg';
import type { OrderId, ReservationId } from '#schemas/ids.ts';
import type { Batch, LoadedSale, Lookup } from '#shared/ledger/ledger.ts';
import { openPool } from '#shared/ledger/connections.ts';
import { createWriterLedger } from '#shared/ledger/writer-ledger.ts';
import type { Known } from '#shared/sale/snapshot.ts';
import { planOf } from '../simulation/plan.ts';
import { runPlan } from '../simulation/run.ts';
import type { World } from '../simulation/world.ts';
import { createTestDatabase } from './databases.ts';

/**
 * The simulation stands and falls with its ledger in memory. Here the batches of simulated
 * runs are committed to PostgreSQL too: after each, both must give a writer the same.
 */

const OWNER = 'the only one';
const CLUSTER = 'cluster-1';
const leaseMs = 600_000;

type Unborn = Exclude<Awaited<ReturnType<ReturnType<typeof createWriterLedger>['loadSale']>>, LoadedSale>;

/** What was committed, and what the ledger in memory had right afterwards. */
interface Step {
  readonly batch: Batch;
  readonly loaded: readonly string[];
}

async function simulated(seed: number): Promise<{ steps: Step[]; world: World }> {
  const steps: Step[] = [];
  let world: World | undefined = undefined as World | undefined;
  const { violation } = await runPlan(planOf(seed), {
    committed(batch, of) {
      world = of;
      steps.push({ batch, loaded: batch.sales.map(({ saleId }) => shown(of.ledger.load(batch.partition, saleId))) });
    },
  });
  expect(violation).toBeNull();
  return { steps, world: world! };
}

/** Rows come in any order. */
function shown(sale: LoadedSale | Unborn | null): string {
  if (sale?.kind !== 'loaded') return JSON.stringify(sale);
  const { snapshot, head, saleNo } = sale;
  const byId = <T extends { readonly id: string }>(rows: readonly T[]): T[] => [...rows].sort((a, b) => (a.id < b.id ? -1 : 1));
  const live = byId(snapshot.live).map(({ id, user, status, items, allowPartial, expiresAt, extended, decidedSeq }) => [
    [id, user, status, allowPartial, expiresAt, extended, decidedSeq],
    items.map(({ sku, quantity }) => `${sku}:${quantity}`),
  ]);
  const orders = byId(snapshot.orders).map(({ id, reservationId, user, status, items, amount, currency }) => [
    [id, reservationId, user, status, amount, currency],
    items.map(({ sku, quantity }) => `${sku}:${quantity}`),
  ]);
  const items = snapshot.items.map(({ sku, total, held, sold }) => [sku, total, held, sold]);
  const bought = snapshot.bought.map(({ user, units }) => `${user} ${units}`).sort();
  return JSON.stringify({ saleNo, head, status: snapshot.status, seq: snapshot.seq, items, live, orders, bought }, null, 1);
}

function shownKnown({ decisions, reservations, orders }: Known): object {
  return {
    decisions: decisions.map(({ key, fingerprint, seq }) => `${key} ${fingerprint} ${seq}`).sort(),
    reservations: reservations.map(({ id, user, status }) => `${id} ${user} ${status}`).sort(),
    orders: orders
      .map(({ id, status, reservationId, user, amount, currency }) => `${id} ${status} ${reservationId} ${user} ${amount} ${currency}`)
      .sort(),
  };
}

async function withLines(pool: Pool, world: World): Promise<void> {
  for (const [saleId, { partition }] of world.ledger.lines)
    await pool.query('INSERT INTO sale_lines (sale_id, partition, active) VALUES ($1, $2, false)', [saleId, partition]);
}

test.each([1, 2, 3, 5, 8, 13])(
  'the batches of seed %i leave PostgreSQL and memory alike',
  async (seed) => {
    const { steps, world } = await simulated(seed);
    const database = await createTestDatabase();
    const pool = openPool(database.appUrl, 'ledger-model', 1);
    const ledger = createWriterLedger({ databaseUrl: database.appUrl, applicationName: 'ledger-model' });
    try {
      await withLines(pool, world);
      const epochs = new Map<number, Batch['epoch']>();
      for (const { batch, loaded } of steps) {
        const { partition } = batch;
        if (!epochs.has(partition)) {
          const taken = await ledger.takeOver(partition, OWNER, leaseMs, CLUSTER);
          if (taken.kind !== 'taken') throw new Error('nobody else is there');
          epochs.set(partition, taken.position.epoch);
        }
        expect(await ledger.commit({ ...batch, epoch: epochs.get(partition)! })).toEqual({ kind: 'committed' });
        for (const [index, { saleId }] of batch.sales.entries())
          expect(shown(await ledger.loadSale(partition, saleId))).toBe(loaded[index]);
      }
      const { reservations, orders, requests } = world.ledger;
      for (const { saleNo } of world.ledger.lines.values()) {
        const own = <T extends { readonly saleNo: number }>(rows: Iterable<T>): T[] => [...rows].filter((row) => row.saleNo === saleNo);
        const lookup: Lookup = {
          saleNo,
          reservationKeys: own(reservations.values()).map(({ id }) => id),
          orderKeys: own(orders.values()).map(({ id }) => id),
          requestKeys: own(requests.values()).map(({ key }) => key),
          // Also what is another sale's.
          reservations: [...reservations.keys()] as ReservationId[],
          orders: [...orders.keys()] as OrderId[],
        };
        expect(shownKnown(await ledger.prefetch(lookup))).toEqual(shownKnown(world.ledger.lookUp(lookup)));
      }
    } finally {
      await ledger.close();
      await pool.end();
      await database.drop();
    }
  },
  60_000,
);
