import type { Partition, SaleId } from '#schemas/ids.ts';
import { cancel, changeStatus, checkout, paid, reserve, SALE, schedule, tick } from './testing/commands.ts';
import { expectSound } from './testing/sound.ts';
import { seededChance } from './testing/virtual-time.ts';
import { createWorld, type Fate } from './testing/world.ts';

/**
 * Two writers, one line, and everything that can fail failing at random: calls
 * that do nothing, calls whose answer is lost, commits that arrive after the writer
 * has given up, processes killed and started anew. Whatever happens, the log is
 * what the line means, and nobody was told what is not so.
 */

const P = 3 as Partition;
const NEXT_SALE = 'sale-2' as SaleId;
const buyers = 25;

async function simulate(seed: number): Promise<{ events: number; decidedReplies: number; takeovers: number }> {
  const chance = seededChance(seed);
  const pick = <T>(of: readonly T[]): T => of[Math.floor(chance() * of.length)] as T;
  let stormy = true;
  const fates = (call: string): Fate => {
    const ms = chance() < 0.05 ? chance() * 300 : chance() * 5;
    if (!stormy || call === 'deliver' || chance() > 0.04) return { ms };
    return { ms, how: call === 'commit' ? pick(['fails', 'unknown', 'late'] as const) : 'fails' };
  };
  const limits = {
    batchRecordsMax: pick([1, 3, 20, 1_000]),
    backlogBatchRecordsMax: pick([5, 40]),
    overlapRecordsMin: pick([1, 10]),
    rememberedEventsMax: pick([0, 10, 1_000]),
    queueRecordsMax: pick([10, 1_000]),
    unpublishedEventsMax: pick([10, 1_000]),
    lazyCommitMs: pick([10, 5_000]),
    batchEventsMax: pick([2, 4_000]),
  };
  const world = createWorld({ fates, limits });
  const writers = new Map(['a', 'b'].map((name) => [name, world.startWriter(name, [P])]));
  world.database.createLine(SALE, P);
  world.append(P, schedule(12, { hold_seconds: 3, waitlist_limit: 4, late_payment: pick(['refund', 'reacquire']) }));
  let saleId = SALE;
  let starts = 0;
  for (let turn = 0; turn < 60; turn++) {
    if (turn === 35) world.append(P, changeStatus('sale.close'));
    if (turn === 45) {
      world.database.createLine(NEXT_SALE, P);
      world.append(P, schedule(12, { hold_seconds: 3 }, NEXT_SALE));
      saleId = NEXT_SALE;
    }
    for (let many = Math.floor(chance() * 8); many > 0; many--) {
      const name = `${saleId}-buyer-${String(Math.floor(chance() * buyers))}`;
      const command = pick([
        () => reserve(name, 1, saleId),
        () => reserve(name, 1, saleId),
        () => reserve(name, pick([1, 2]), saleId, pick(['one body', 'another body'])),
        () => cancel(name, saleId),
        () => checkout(name, saleId),
        () => paid(name, saleId),
        () => tick(saleId),
        () => null,
        () => reserve(name, 1, 'nowhere' as SaleId),
      ])();
      world.append(P, command);
    }
    if (chance() < 0.06) {
      const name = pick([...writers.keys()]);
      writers.get(name)?.kill();
      writers.delete(name);
      const born = `${name[0] ?? ''}${String(++starts)}`;
      writers.set(born, world.startWriter(born, [P]));
    }
    await world.time.pass(chance() * 400);
  }
  stormy = false;
  await world.time.pass(20_000);
  expectSound(world, P, [SALE, NEXT_SALE]);
  const events = world.database.eventsOf(SALE).length + world.database.eventsOf(NEXT_SALE).length;
  return {
    events,
    decidedReplies: world.told.filter(({ reply }) => reply.kind === 'decided').length,
    takeovers: world.database.partitions.get(P)?.epoch ?? 0,
  };
}

test.each(Array.from({ length: 40 }, (_, index) => index + 1))('storm %i', async (seed) => {
  const { events, decidedReplies, takeovers } = await simulate(seed);
  expect(events).toBeGreaterThan(20);
  expect(decidedReplies).toBeGreaterThan(0);
  expect(takeovers).toBeGreaterThan(0);
});
