import type { Partition, SaleId } from '#schemas/ids.ts';
import { seal } from '#shared/proof/seal.ts';
import type { Limits } from './ports.ts';
import { cancel, changeStatus, checkout, paid, reserve, SALE, schedule, SKU, tick } from './testing/commands.ts';
import { expectSound } from './testing/sound.ts';
import { createWorld, type Call, type Fates, type World } from './testing/world.ts';

/** A standby that follows what another decides, and what it does with it once it takes over. */

const P = 3 as Partition;
const NEXT = 'sale-2' as SaleId;

/** A world with an open sale, the writer that decides it and a standby, `b`, that has followed it. */
async function followedSale(options: { fates?: Fates; limits?: Partial<Limits> } = {}) {
  const world = createWorld(options);
  world.database.createLine(SALE, P);
  world.append(P, schedule(100, { per_user_limit: 2, waitlist_limit: 5, late_payment: 'refund' }));
  const owner = world.startWriter('a', [P]);
  await world.time.pass(100);
  const standby = world.startWriter('b', [P]);
  const following = () => standby.ownership.following();
  reserveMany(world, 0, 30);
  await world.time.pass((options.limits?.followEveryMs ?? 250) + 500);
  expect(following()).toEqual({ sales: 1, lagEvents: 0 });
  return { world, owner, standby, following };
}

/** So seldom that nothing is looked at between an owner's death and the takeover. */
const SELDOM = { followEveryMs: 10_000 };

function reserveMany(world: World, from: number, to: number): void {
  for (let n = from; n < to; n++) world.append(P, reserve(`buyer-${String(n)}`));
}

/** How the process brought the sales into memory when it took over. */
const loadedBy = (world: World, process: string) =>
  world.logged.filter((line) => line.process === process && line.message === 'sales are in memory: deciding').map(({ fields }) => fields);

interface Case {
  readonly name: string;
  readonly limits?: Partial<Limits>;
  /** What happens while `a` owns the line and `b` follows; `b` takes over right behind it. */
  readonly before: (world: World) => Promise<void>;
  readonly expected: readonly object[];
}

const cases: readonly Case[] = [
  {
    name: 'it is there',
    before: async (world) => {
      reserveMany(world, 20, 60);
      world.append(P, cancel('buyer-1'));
      world.append(P, checkout('buyer-2'));
      world.append(P, paid('buyer-2'));
      await world.time.pass(1_000);
    },
    expected: [{ warm: 1, cold: 0, caught_up_events: 0 }],
  },
  {
    name: 'it is there and has forgotten what it could',
    limits: { rememberedEventsMax: 3 },
    before: async (world) => {
      reserveMany(world, 30, 60);
      await world.time.pass(1_000);
    },
    expected: [{ warm: 1, cold: 0, caught_up_events: 0 }],
  },
  {
    name: 'it is several pages behind',
    limits: SELDOM,
    before: async (world) => {
      reserveMany(world, 30, 70);
      await world.time.pass(100);
    },
    expected: [{ warm: 1, cold: 0, caught_up_events: 40 }],
  },
  {
    name: 'holds ended, waiters were offered theirs, an order failed and was paid late',
    before: async (world) => {
      reserveMany(world, 30, 104);
      world.append(P, checkout('buyer-4'));
      await world.time.pass(61_000);
      world.append(P, tick());
      await world.time.pass(60_000);
      world.append(P, tick());
      world.append(P, paid('buyer-4'));
      await world.time.pass(1_000);
    },
    expected: [{ warm: 1, cold: 0, caught_up_events: 0 }],
  },
  {
    name: 'the sale was settled meanwhile',
    limits: { followEveryMs: 70_000 },
    before: async (world) => {
      world.append(P, changeStatus('sale.close'));
      await world.time.pass(61_000);
      world.append(P, tick());
      await world.time.pass(100);
    },
    expected: [],
  },
  {
    name: 'the sale was settled and another begun meanwhile',
    limits: { followEveryMs: 70_000 },
    before: async (world) => {
      world.append(P, changeStatus('sale.close'));
      await world.time.pass(61_000);
      world.append(P, tick());
      world.database.createLine(NEXT, P);
      world.append(P, schedule(10, {}, NEXT));
      world.append(P, reserve('new', 1, NEXT));
      await world.time.pass(100);
    },
    expected: [{ warm: 0, cold: 1, caught_up_events: 0 }],
  },
];

test.each(cases)('whoever followed goes on as the one that decided: $name', async ({ limits = {}, before, expected }) => {
  const { world, owner } = await followedSale({ limits });
  await before(world);
  owner.kill();
  reserveMany(world, 60, 110);
  for (const name of ['buyer-1', 'buyer-3']) world.append(P, cancel(name));
  world.append(P, checkout('buyer-5'));
  world.append(P, reserve('newer', 1, NEXT));
  await world.time.pass(10_000);
  expect(world.database.partitions.get(P)).toMatchObject({ owner: 'b', nextOffset: world.records(P).length });
  expect(loadedBy(world, 'b')).toMatchObject(expected);
  expectSound(world, P, [SALE, NEXT]);
});

test('a look moves a sale on by a bounded number of events, and the next goes on', async () => {
  const { world, following } = await followedSale({ limits: { followEventsPace: 10 } });
  reserveMany(world, 30, 90);
  const lags: number[] = [];
  for (let look = 0; look < 8; look++) {
    await world.time.pass(270);
    lags.push(following().lagEvents);
  }
  expect(lags[0]).toBeGreaterThan(30);
  expect(lags).toEqual(lags.toSorted((a, b) => b - a));
  expect(lags.at(-1)).toBe(0);
});

test('a sale in a rush is left behind by a bounded number of events, also where it stops for a moment, until it slows down', async () => {
  const { world, following } = await followedSale({ limits: { rushEventsMin: 10, calmLooksMin: 4, followLagEventsMax: 25 } });
  const lagAfterLook = async (): Promise<number> => {
    await world.time.pass(260);
    return following().lagEvents;
  };
  const rush: number[] = [];
  for (let look = 0; look < 6; look++) {
    if (look !== 4) reserveMany(world, 30 + look * 12, 42 + look * 12);
    rush.push(await lagAfterLook());
  }
  expect(Math.max(...rush)).toBeGreaterThan(20);
  expect(Math.max(...rush)).toBeLessThanOrEqual(25);
  expect(rush[4]).toBe(rush[3]);
  const calm: number[] = [];
  for (let look = 0; look < 5; look++) {
    reserveMany(world, 102 + look, 103 + look);
    calm.push(await lagAfterLook());
  }
  expect(calm.map((lag) => lag > 0)).toEqual([true, true, true, false, false]);
});

test('a sale in a rush whose owner is gone is caught up with before the lease is over', async () => {
  const { world, owner, following } = await followedSale({ limits: { rushEventsMin: 10 } });
  for (let look = 0; look < 4; look++) {
    reserveMany(world, 30 + look * 12, 42 + look * 12);
    await world.time.pass(260);
  }
  expect(following().lagEvents).toBeGreaterThan(20);
  owner.kill();
  await world.time.pass(1_200);
  expect(world.database.partitions.get(P)).toMatchObject({ owner: 'a' });
  expect(following().lagEvents).toBe(0);
});

test('however far a sale is behind, a look reads a bounded number of events', async () => {
  const { world, following } = await followedSale({ limits: { followEventsMax: 10, followLagEventsMax: 5, rushEventsMin: 10 } });
  reserveMany(world, 30, 90);
  await world.time.pass(260);
  expect(following().lagEvents).toBeGreaterThan(25);
});

test('a sale that is being loaded for following is handed over with its takeover, not loaded twice', async () => {
  const loads: string[] = [];
  const { world, owner } = await followedSale({
    fates: (call, process) => {
      if (call === 'loadSale' && process === 'c') loads.push(process);
      return { ms: call === 'loadSale' && process === 'c' ? 4_000 : 1 };
    },
  });
  const third = world.startWriter('c', [P]);
  await world.time.pass(300);
  expect(third.ownership.following()).toEqual({ sales: 1, lagEvents: 32 });
  owner.kill();
  reserveMany(world, 30, 60);
  await world.time.pass(100);
  // Of the two that stand by, the one that is loading is the first.
  Object.assign(world.database.partitions.get(P) ?? {}, { owner: 'c', leaseUntil: 0 });
  await world.time.pass(6_000);
  expect(loads).toHaveLength(1);
  expectSound(world, P, [SALE]);
});

test('what another owns is followed no more once it is owned, and again once it is lost', async () => {
  const { world, owner, standby, following } = await followedSale();
  owner.kill();
  await world.time.pass(3_000);
  expect(standby.ownership.status()).toMatchObject([{ kind: 'owned' }]);
  expect(following()).toEqual({ sales: 0, lagEvents: 0 });
  Object.assign(world.database.partitions.get(P) ?? {}, { owner: 'x', epoch: 9, leaseUntil: world.time.now() + 1e9 });
  await world.time.pass(2_000);
  expect(standby.ownership.status()).toMatchObject([{ kind: 'standby' }]);
  expect(following()).toEqual({ sales: 1, lagEvents: 0 });
});

describe('faults while following', () => {
  const following: readonly Call[] = ['unsettledHeads', 'leavesAfter', 'loadSale'];

  test.each(following)('%s that fails is tried again, and stops nothing', async (failing) => {
    let away = false;
    const { world, owner, following } = await followedSale({
      fates: (call, process) => (away && call === failing && process === 'b' ? { ms: 5, how: 'fails' } : { ms: 1 }),
    });
    away = true;
    reserveMany(world, 30, 50);
    await world.time.pass(2_000);
    expect(world.crashes).toEqual([]);
    away = false;
    await world.time.pass(1_000);
    expect(following()).toEqual({ sales: 1, lagEvents: 0 });
    owner.kill();
    await world.time.pass(3_000);
    expect(loadedBy(world, 'b')).toMatchObject([{ warm: 1, cold: 0 }]);
    expectSound(world, P, [SALE]);
  });

  test('a takeover that cannot catch up is tried again, without what was followed', async () => {
    let away = false;
    const { world, owner } = await followedSale({
      limits: SELDOM,
      fates: (call, process) => (away && call === 'leavesAfter' && process === 'b' ? { ms: 5, how: 'fails' } : { ms: 1 }),
    });
    away = true;
    reserveMany(world, 30, 50);
    await world.time.pass(100);
    owner.kill();
    await world.time.pass(5_000);
    expect(loadedBy(world, 'b')).toMatchObject([{ warm: 0, cold: 1 }]);
    expectSound(world, P, [SALE]);
  });

  test('a sale that breaks its invariants is not followed; whoever takes it over halts', async () => {
    const { world, owner, standby } = await followedSale();
    const item = world.database.itemOf(1 as never, SKU);
    Object.assign(item ?? {}, { held: 5 });
    const late = world.startWriter('c', [P]);
    await world.time.pass(1_000);
    expect(late.ownership.following()).toEqual({ sales: 0, lagEvents: 0 });
    expect(late.ownership.status()).toEqual([{ partition: P, kind: 'standby' }]);
    expect(world.logged.filter(({ process }) => process === 'c')).toHaveLength(1);
    owner.kill();
    standby.kill();
    await world.time.pass(3_000);
    expect(late.ownership.status()).toMatchObject([{ kind: 'halted', fault: { code: 'ledger_inconsistent' } }]);
    expect(world.crashes).toEqual([]);
  });

  test.each([
    ['leaves that are gone', (_leaves: readonly string[]) => [] as string[]],
    ['a leaf that was altered', (leaves: readonly string[]) => leaves.map((leaf) => leaf.replace('req-', 'other-'))],
    ['bytes that are no leaf', (leaves: readonly string[]) => leaves.map(() => '{')],
    ['a leaf left out', (leaves: readonly string[]) => leaves.slice(1)],
  ])('%s: the sale is loaded as the ledger has it', async (_name, spoil) => {
    const { world, owner, following } = await followedSale({ limits: SELDOM });
    const { leavesAfter } = world.database;
    world.database.leavesAfter = (...asked) => spoil(leavesAfter(...asked));
    reserveMany(world, 30, 50);
    await world.time.pass(2 * SELDOM.followEveryMs);
    expect(world.logged.filter(({ message }) => message.startsWith('a followed sale differs')).length).toBeGreaterThan(0);
    expect(following()).toEqual({ sales: 1, lagEvents: 0 });
    reserveMany(world, 50, 60);
    await world.time.pass(100);
    owner.kill();
    await world.time.pass(3_000);
    expect(world.crashes).toEqual([]);
    expect(loadedBy(world, 'b')).toMatchObject([{ warm: 0, cold: 1 }]);
    world.database.leavesAfter = leavesAfter;
    expectSound(world, P, [SALE]);
  });

  test('a ledger that was put back to an earlier state is followed from there', async () => {
    const { world, following } = await followedSale();
    const { unsettled } = world.database;
    world.database.unsettled = (wanted) => unsettled(wanted).map((head) => ({ ...head, head: 'ab'.repeat(32) }));
    await world.time.pass(300);
    expect(world.logged.at(-1)).toMatchObject({ process: 'b', message: expect.stringContaining('differs') as string });
    world.database.unsettled = unsettled;
    await world.time.pass(600);
    expect(following()).toEqual({ sales: 1, lagEvents: 0 });
  });

  test('a bug crashes: an event that cannot have happened, sealed as it should be', async () => {
    const { world } = await followedSale();
    const [last] = world.database.eventsOf(SALE).slice(-1);
    if (last === undefined) throw new Error('the sale has events');
    const { sealed, head } = seal([{ ...last.event, seq: (last.event.seq + 1) as typeof last.event.seq }], last.hash);
    const { unsettled } = world.database;
    world.database.unsettled = (wanted) => unsettled(wanted).map((one) => ({ ...one, seq: (one.seq + 1) as typeof one.seq, head }));
    world.database.leavesAfter = () => sealed.map(({ leaf }) => leaf);
    await world.time.pass(500);
    expect(world.crashes).toMatchObject([{ message: expect.stringContaining('assertion failed') as string }]);
  });
});

test('the lease runs out while a tenure loads: what another has decided meanwhile is not decided again', async () => {
  const loadMs = 200;
  const fates: Fates = (call, process) => {
    if (process === 'b' && call === 'renewLeases') return { ms: 1, how: 'fails' };
    return { ms: process === 'b' && call === 'unsettledHeads' ? loadMs : 1 };
  };
  const { world, owner } = await followedSale({ fates });
  world.startWriter('c', [P]);
  await world.time.pass(1_000);
  owner.kill();
  const epochAtDeath = world.database.partitions.get(P)?.epoch ?? 0;
  while ((world.database.partitions.get(P)?.owner ?? '') !== 'b') await world.time.pass(5);
  // By the ledger's clock it has: `b` cannot know.
  Object.assign(world.database.partitions.get(P) ?? {}, { leaseUntil: 0 });
  reserveMany(world, 30, 32);
  await world.time.pass(5_000);
  expect(world.database.partitions.get(P)?.epoch).toBeGreaterThan(epochAtDeath + 1);
  expect(world.logged.filter(({ message }) => message.startsWith('memory may differ')).map(({ fields }) => fields)).toMatchObject([
    { code: 'ledger_ahead' },
  ]);
  expectSound(world, P, [SALE]);
});
