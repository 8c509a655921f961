import type { Command } from '#schemas/command.ts';
import type { EpochMs, Offset, Partition, SaleId } from '#schemas/ids.ts';
import type { Limits } from './ports.ts';
import { settledSalesMax } from './sales.ts';
import { cancel, changeStatus, checkout, paid, reserve, SALE, schedule, SKU, tick, uuid } from './testing/commands.ts';
import { expectSound as expectSoundWorld } from './testing/sound.ts';
import { createWorld, type Fates, type World } from './testing/world.ts';

const P = 3 as Partition;

/** A world with an open sale of `quantity` on the line and, unless told otherwise, one writer that has decided it. */
async function openSale(
  options: { quantity?: number; limits?: Partial<Limits>; fates?: Fates; writers?: readonly string[]; waitlist?: number } = {},
) {
  const world = createWorld(options);
  world.database.createLine(SALE, P);
  world.append(P, schedule(options.quantity ?? 10, { waitlist_limit: options.waitlist ?? 0 }));
  const writers = (options.writers ?? ['a']).map((name) => world.startWriter(name, [P]));
  await world.time.pass(100);
  return { world, writers, writer: writers[0] as (typeof writers)[number] };
}

const types = (world: World, saleId = SALE) =>
  world.database.eventsOf(saleId).map(({ event }) => ('reason' in event ? `${event.type}:${event.reason}` : event.type));
const row = (world: World) => world.database.partitions.get(P);
const answers = (world: World, name: string) => world.told.filter(({ reply }) => reply.replyTo === `api/${name}`).map(({ reply }) => reply);

const expectSound = (world: World, saleIds: readonly SaleId[] = [SALE]) => {
  expectSoundWorld(world, P, saleIds);
};

test('decides the line in order, answers each request, publishes each event', async () => {
  const { world } = await openSale({ quantity: 2 });
  for (const name of ['ann', 'bob', 'cem']) world.append(P, reserve(name));
  await world.time.pass(100);
  expect(types(world)).toEqual([
    'sale.scheduled',
    'sale.opened',
    'reservation.created',
    'reservation.created',
    'reservation.rejected:sold_out',
  ]);
  expect(world.told.map(({ reply }) => reply.replyTo)).toEqual([`api/schedule-${SALE}`, 'api/ann', 'api/bob', 'api/cem']);
  expect(row(world)?.nextOffset).toBe(4);
  expectSound(world);
});

test('nothing is told or published before its own COMMIT', async () => {
  let commitMs = 1;
  const { world } = await openSale({ fates: (call) => ({ ms: call === 'commit' ? commitMs : 1 }) });
  const before = { told: world.told.length, published: world.published.length };
  commitMs = 500;
  world.append(P, reserve('ann'));
  await world.time.pass(400);
  expect(types(world)).not.toContain('reservation.created');
  expect([world.told.length, world.published.length]).toEqual([before.told, before.published]);
  await world.time.pass(200);
  expect(answers(world, 'ann')).toHaveLength(1);
  expectSound(world);
});

test('two batches are under way at once, no third; answers keep the order of the line', async () => {
  const { world, writer } = await openSale({
    quantity: 10_000,
    limits: { batchRecordsMax: 50, backlogBatchRecordsMax: 50, overlapRecordsMin: 10 },
    fates: (call) => ({ ms: call === 'commit' ? 20 : 1 }),
  });
  const { ledger } = writer.ports;
  const { commit } = ledger;
  let underWay = 0;
  let most = 0;
  Object.assign(ledger, {
    commit: async (batch: Parameters<typeof commit>[0]) => {
      most = Math.max(most, ++underWay);
      const outcome = await commit(batch);
      underWay--;
      return outcome;
    },
  });
  for (let n = 0; n < 400; n++) world.append(P, reserve(`buyer-${String(n)}`));
  await world.time.pass(1_000);
  expect(most).toBe(2);
  expect(world.commits.filter(({ records }) => records === 50)).toHaveLength(8);
  expect(world.told.slice(1).map(({ reply }) => reply.replyTo)).toEqual(Array.from({ length: 400 }, (_, n) => `api/buyer-${String(n)}`));
  expectSound(world);
});

test('the first batch of a tenure is small, those behind it are not', async () => {
  const { world, writer } = await openSale({ quantity: 10_000, limits: { firstBatchRecordsMax: 20 } });
  writer.kill();
  for (let n = 0; n < 900; n++) world.append(P, reserve(`buyer-${String(n)}`));
  world.startWriter('b', [P]);
  await world.time.pass(4_000);
  const sizes = world.commits.flatMap(({ process, records }) => (process === 'b' ? [records] : []));
  expect(sizes[0]).toBe(20);
  expect(Math.max(...sizes)).toBeGreaterThan(500);
  expectSound(world);
});

test('a lone request does not wait for company', async () => {
  const { world } = await openSale();
  const at = world.time.now();
  world.append(P, reserve('ann'));
  await world.time.pass(100);
  const [told] = world.told.filter(({ reply }) => reply.replyTo === 'api/ann');
  // A millisecond each for the fetch and the commit: nothing of a sale that was seen from its birth has to be looked up.
  expect(told?.at).toBe(at + 2);
});

test.each([
  ['in one batch', 0, 50_000],
  ['in adjacent batches', 1, 50_000],
  ['long after', 500, 50_000],
  ['after memory has forgotten it', 500, 0],
])('a repeated request is answered by its first decision: %s', async (_name, gapMs, rememberedEventsMax) => {
  const { world } = await openSale({ limits: { rememberedEventsMax } });
  const retries = ['ann', 'ann', 'ann'];
  for (const name of retries) {
    world.append(P, reserve(name));
    await world.time.pass(gapMs);
  }
  world.append(P, reserve('ann', 2));
  await world.time.pass(500);
  expect(types(world).slice(2)).toEqual(['reservation.created', 'reservation.rejected:idempotency_conflict']);
  expect(answers(world, 'ann').map((reply) => (reply.kind === 'repeated' ? reply.seq : reply.kind))).toEqual(['decided', 3, 3, 'decided']);
  expectSound(world);
});

test('what was cancelled is known when memory has forgotten it, and while it is on its way', async () => {
  const { world } = await openSale({ quantity: 1, limits: { rememberedEventsMax: 0 } });
  world.append(P, reserve('ann'));
  world.append(P, cancel('ann'));
  await world.time.pass(300);
  world.append(P, cancel('ann'));
  world.append(P, checkout('ann'));
  world.append(P, reserve('bob'));
  await world.time.pass(300);
  expect(types(world).slice(2)).toEqual([
    'reservation.created',
    'reservation.cancelled',
    'request.rejected:reservation_not_held',
    'reservation.created',
  ]);
  expectSound(world);
});

test('a checkout keeps the payment method beside its event and out of log and answers; settled orders are told', async () => {
  const { world } = await openSale();
  world.append(P, reserve('ann'));
  world.append(P, checkout('ann'));
  world.append(P, paid('ann'));
  await world.time.pass(300);
  expect(types(world).slice(2)).toEqual(['reservation.created', 'checkout.requested', 'payment.succeeded', 'order.confirmed']);
  expect(world.database.eventsOf(SALE).map(({ paymentMethodId }) => paymentMethodId)).toEqual([
    undefined,
    undefined,
    undefined,
    'pm_ann',
    undefined,
    undefined,
  ]);
  expect(JSON.stringify([world.told, world.published, world.logged])).not.toContain('pm_ann');
  expect(world.settledOrders).toEqual([uuid('order-ann')]);
  expectSound(world);
});

test.each([
  ['bytes that are no JSON', Buffer.from('{')],
  ['a tombstone', null],
  ['a command of an unknown sale', reserve('ann', 1, 'nowhere' as SaleId)],
  ['a command with a field too many', Buffer.from(JSON.stringify({ ...tick(), extra: 1 }))],
])('%s is decided malformed in the active sale, and the line moves on', async (_name, value) => {
  const { world } = await openSale();
  world.append(P, value);
  world.append(P, reserve('bob'));
  await world.time.pass(300);
  expect(types(world).slice(2)).toEqual(['reservation.rejected:malformed', 'reservation.created']);
  expect(answers(world, 'ann').map(({ kind }) => kind)).toEqual(value !== null && !Buffer.isBuffer(value) ? ['unknown_sale'] : []);
  expectSound(world);
});

test('with no active sale a record that belongs to none is passed, logged and answered', async () => {
  const world = createWorld();
  world.append(P, reserve('ann'));
  world.append(P, null);
  world.startWriter('a', [P]);
  await world.time.pass(300);
  expect(answers(world, 'ann')).toEqual([{ kind: 'unknown_sale', replyTo: 'api/ann', saleId: SALE }]);
  expect(world.logged.filter(({ message }) => message.startsWith('passed a record'))).toHaveLength(2);
  world.database.createLine(SALE, P);
  world.append(P, schedule(5));
  world.append(P, reserve('ann'));
  await world.time.pass(300);
  expect(types(world)).toEqual(['sale.scheduled', 'sale.opened', 'reservation.created']);
  expect(row(world)?.nextOffset).toBe(4);
});

test('settled sales that the line keeps referring to are loaded once, as long as they are not too many', async () => {
  const loads: string[] = [];
  const { world, writer } = await openSale({
    fates: (call) => {
      if (call === 'loadSale') loads.push(call);
      return { ms: 1 };
    },
  });
  const past = Array.from({ length: settledSalesMax + 1 }, (_, n) => `past-${String(n)}` as SaleId);
  for (const saleId of past) {
    world.database.createLine(saleId, P);
    world.append(P, schedule(1, {}, saleId));
    world.append(P, changeStatus('sale.close', saleId));
    await world.time.pass(100);
  }
  const figures = () => writer.ownership.status()[0];
  expect(figures()).toMatchObject({ figures: { hotSales: 1 } });
  const refer = async (saleId: SaleId, name: string) => {
    loads.length = 0;
    world.append(P, reserve(name, 1, saleId));
    await world.time.pass(100);
    return loads.length;
  };
  expect(await refer(past[0]!, 'first')).toBe(1);
  expect(await refer(past[0]!, 'again')).toBe(0);
  for (const saleId of past.slice(1)) expect(await refer(saleId, saleId)).toBe(1);
  expect(figures()).toMatchObject({ figures: { hotSales: 1 + settledSalesMax } });
  // The one that nobody has referred to for longest has made room.
  expect(await refer(past[1]!, 'still there')).toBe(0);
  expect(await refer(past[0]!, 'gone')).toBe(1);
  expectSound(world, [SALE, ...past]);
});

test('a key that another sale of the line has is malformed, not a crash', async () => {
  const { world } = await openSale();
  const other = 'sale-2' as SaleId;
  world.database.createLine(other, P);
  world.append(P, schedule(5, {}, other));
  await world.time.pass(300);
  world.append(P, reserve('ann'));
  world.append(P, reserve('ann', 1, other));
  world.append(P, reserve('bob', 1, other));
  await world.time.pass(300);
  expect(world.crashes).toEqual([]);
  expect(types(world).slice(2)).toEqual(['reservation.created']);
  expect(types(world, other).slice(2)).toEqual(['reservation.rejected:malformed', 'reservation.created']);
  expect(answers(world, 'bob')).toHaveLength(1);
});

test('a settled sale leaves memory, and comes back when something refers to it', async () => {
  const { world, writer } = await openSale();
  world.append(P, changeStatus('sale.close'));
  await world.time.pass(300);
  const status = () => writer.ownership.status()[0];
  expect(status()).toMatchObject({ kind: 'owned', figures: { hotSales: 0 } });
  world.append(P, reserve('ann'));
  world.append(P, null);
  await world.time.pass(300);
  expect(types(world).slice(3)).toEqual(['reservation.rejected:sale_closed']);
  expect(answers(world, 'ann')).toHaveLength(1);
  const next = 'sale-2' as SaleId;
  world.database.createLine(next, P);
  world.append(P, schedule(5, {}, next));
  world.append(P, reserve('bob', 1, next));
  world.append(P, null);
  await world.time.pass(300);
  expect(types(world, next)).toEqual(['sale.scheduled', 'sale.opened', 'reservation.created', 'reservation.rejected:malformed']);
  expectSound(world, [SALE, next]);
});

test('a sale that was settled takes no stray record any more, also where a late payment has given it something to do', async () => {
  const { world, writer } = await openSale();
  const failed = { ...paid('ann'), type: 'payment.failed', charge_id: undefined, reason: 'gave_up' } as unknown as Command;
  for (const command of [reserve('ann'), checkout('ann'), failed, changeStatus('sale.close')]) world.append(P, command);
  await world.time.pass(300);
  const next = 'sale-2' as SaleId;
  world.database.createLine(next, P);
  world.append(P, schedule(5, {}, next));
  for (const command of [changeStatus('sale.close', next), paid('ann')]) world.append(P, command);
  world.append(P, null);
  await world.time.pass(300);
  writer.kill();
  world.startWriter('b', [P]);
  await world.time.pass(20_000);
  world.append(P, null);
  await world.time.pass(300);
  expect(types(world).at(-1)).toBe('refund.requested');
  expect(row(world)?.nextOffset).toBe(9);
  expectSound(world, [SALE, next]);
});

test('time moves with the records: a tick ends holds whose deadline has passed, in one decision after the other', async () => {
  const { world } = await openSale({ quantity: 1, waitlist: 5 });
  world.append(P, reserve('ann'));
  world.append(P, reserve('bob'));
  await world.time.pass(61_000);
  world.append(P, tick());
  await world.time.pass(300);
  expect(types(world).slice(2)).toEqual(['reservation.created', 'reservation.waitlisted', 'reservation.expired', 'reservation.offered']);
  expectSound(world);
});

test('broker time that goes back does not take the line’s time back', async () => {
  const { world } = await openSale();
  world.append(P, reserve('ann'), (world.time.now() + 50) as EpochMs);
  world.append(P, reserve('bob'), (world.time.now() - 5_000) as EpochMs);
  await world.time.pass(300);
  const at = world.database.eventsOf(SALE).map(({ event }) => event.at);
  expect(at).toEqual(at.toSorted((a, b) => a - b));
  expectSound(world);
});

test('one command with many events cuts the batch, and nothing is lost', async () => {
  const { world } = await openSale({ quantity: 500, limits: { batchEventsMax: 20 } });
  for (let n = 0; n < 100; n++) world.append(P, reserve(`buyer-${String(n)}`));
  await world.time.pass(300);
  expect(world.commits.every(({ events }) => events <= 20)).toBe(true);
  await world.time.pass(61_000);
  world.append(P, tick());
  world.append(P, reserve('late'));
  await world.time.pass(300);
  expect(types(world).filter((type) => type === 'reservation.expired')).toHaveLength(100);
  expectSound(world);
});

test('ticks without effect are not committed one by one: the offset moves within seconds, or with the next event', async () => {
  const { world } = await openSale();
  const commits = () => world.commits.length;
  const before = commits();
  for (let second = 0; second < 4; second++) {
    world.append(P, tick());
    await world.time.pass(1_000);
  }
  expect([commits(), row(world)?.nextOffset]).toEqual([before, 1]);
  await world.time.pass(2_000);
  expect([commits(), row(world)?.nextOffset]).toEqual([before + 1, 5]);
  world.append(P, tick());
  world.append(P, reserve('ann'));
  await world.time.pass(100);
  expect([commits(), row(world)?.nextOffset]).toEqual([before + 2, 7]);
  await world.time.pass(20_000);
  expect(commits()).toBe(before + 2);
  expectSound(world);
});

test('a backlog pauses the source and goes on; nothing is lost', async () => {
  const { world, writer } = await openSale({
    quantity: 100,
    limits: { queueRecordsMax: 100, batchRecordsMax: 10, backlogBatchRecordsMax: 10, overlapRecordsMin: 5 },
    fates: (call) => ({ ms: call === 'commit' ? 30 : 1 }),
  });
  let paused = 0;
  const { pause } = writer.ports.line;
  Object.assign(writer.ports.line, {
    pause: (partition: Partition) => {
      paused++;
      pause(partition);
    },
  });
  for (let n = 0; n < 300; n++) world.append(P, reserve(`buyer-${String(n)}`));
  await world.time.pass(5_000);
  expect(paused).toBeGreaterThan(0);
  expect(world.database.itemOf(1 as never, SKU)).toMatchObject({ held: 100 });
  expect(row(world)?.nextOffset).toBe(301);
  expectSound(world);
});

test('Kafka away for publishing stops deciding only when the window is full', async () => {
  let away = false;
  const { world, writer } = await openSale({
    quantity: 1_000,
    limits: { unpublishedEventsMax: 50, batchRecordsMax: 10, backlogBatchRecordsMax: 10 },
    fates: (call) => (call === 'publish' && away ? { ms: 20, how: 'fails' } : { ms: 1 }),
  });
  away = true;
  for (let n = 0; n < 40; n++) world.append(P, reserve(`first-${String(n)}`));
  await world.time.pass(2_000);
  expect(types(world)).toHaveLength(42);
  expect(row(world)?.publishedOffset).toBeLessThan(2);
  for (let n = 0; n < 200; n++) world.append(P, reserve(`second-${String(n)}`));
  await world.time.pass(2_000);
  const stopped = types(world).length;
  expect(stopped).toBeLessThan(42 + 60);
  expect(writer.ownership.status()[0]).toMatchObject({ kind: 'owned', mode: 'deciding', figures: { unpublishedFull: true } });
  away = false;
  await world.time.pass(10_000);
  expect(types(world)).toHaveLength(242);
  expectSound(world);
});

test('what an earlier owner committed and did not publish is published after the takeover, and does not delay deciding', async () => {
  const { world, writer } = await openSale({ quantity: 100, fates: (call) => (call === 'publish' ? { ms: 5, how: 'fails' } : { ms: 1 }) });
  for (let n = 0; n < 20; n++) world.append(P, reserve(`buyer-${String(n)}`));
  await world.time.pass(300);
  expect(world.published).toEqual([]);
  writer.kill();
  world.fates = (call) => ({ ms: call === 'publish' || call === 'unpublished' ? 200 : 1 });
  world.append(P, reserve('after'));
  world.startWriter('b', [P]);
  await world.time.pass(2_500);
  const [told] = world.told.filter(({ reply }) => reply.replyTo === 'api/after');
  expect(told?.process).toBe('b');
  await world.time.pass(60_000);
  expectSound(world);
  world.append(P, tick());
  await world.time.pass(6_000);
  expect(row(world)?.publishedOffset).toBe(22);
});

test('an orderly stop finishes what is under way, notes what is published and lets another take over at once', async () => {
  const { world, writer } = await openSale({ fates: (call) => ({ ms: call === 'commit' ? 50 : 1 }) });
  world.append(P, reserve('ann'));
  world.append(P, tick());
  await world.time.pass(10);
  const stopped = writer.ownership.stop();
  await world.time.pass(400);
  await stopped;
  expect(answers(world, 'ann')).toHaveLength(1);
  expect(row(world)).toMatchObject({ owner: null });
  world.append(P, reserve('bob'));
  world.startWriter('b', [P]);
  await world.time.pass(500);
  expect(world.told.at(-1)).toMatchObject({ process: 'b' });
  expectSound(world);
});

describe('who owns the partition', () => {
  test('a second writer stands by while the first renews its lease, and takes over within the lease once it is gone', async () => {
    const { world, writer } = await openSale({ writers: ['a', 'b'] });
    await world.time.pass(10_000);
    expect(row(world)).toMatchObject({ owner: 'a', epoch: 1 });
    writer.kill();
    world.append(P, reserve('ann'));
    await world.time.pass(2_600);
    expect(row(world)).toMatchObject({ owner: 'b', epoch: 2 });
    expect(world.told.at(-1)).toMatchObject({ process: 'b', reply: { replyTo: 'api/ann' } });
    expectSound(world);
  });

  test('a writer that was fenced tells nobody anything and stands by', async () => {
    const { world, writer } = await openSale();
    // Another took over although the lease was in force: only the fence is left to stop the first.
    Object.assign(row(world) ?? {}, { owner: 'b', epoch: 7, leaseUntil: world.time.now() + 1e9 });
    world.append(P, reserve('ann'));
    await world.time.pass(400);
    expect(answers(world, 'ann')).toEqual([]);
    expect(types(world)).toHaveLength(2);
    expect(writer.ownership.status()).toEqual([{ partition: P, kind: 'standby' }]);
    expect(world.published).toHaveLength(2);
  });

  test('a writer whose lease went to another stops before it commits again', async () => {
    const { world, writer } = await openSale();
    Object.assign(row(world) ?? {}, { owner: 'b', epoch: 7, leaseUntil: world.time.now() + 1e9 });
    await world.time.pass(1_000);
    expect(writer.ownership.status()).toEqual([{ partition: P, kind: 'standby' }]);
    const commits = world.commits.length;
    world.append(P, reserve('ann'));
    await world.time.pass(1_000);
    expect(world.commits).toHaveLength(commits);
  });

  test('renewals that fail for longer than the lease end the tenure; it goes on by itself when the ledger is back', async () => {
    let away = false;
    const { world, writer } = await openSale({
      fates: (call) => (away && call !== 'deliver' && call !== 'publish' ? { ms: 30, how: 'fails' } : { ms: 1 }),
    });
    away = true;
    await world.time.pass(3_000);
    expect(writer.ownership.status()).toEqual([{ partition: P, kind: 'standby' }]);
    world.append(P, reserve('ann'));
    await world.time.pass(5_000);
    expect(answers(world, 'ann')).toEqual([]);
    away = false;
    await world.time.pass(6_000);
    expect(answers(world, 'ann')).toHaveLength(1);
    expectSound(world);
  });
});

test.each([
  ['nothing was committed', 'fails' as const],
  ['it was committed', 'unknown' as const],
  ['it is committed after the writer has given up', 'late' as const],
])('an unknown outcome of a COMMIT: %s', async (_name, how) => {
  let failing = 0;
  const { world } = await openSale({
    quantity: 1_000,
    limits: { batchRecordsMax: 20, backlogBatchRecordsMax: 20, overlapRecordsMin: 5 },
    fates: (call) => (call === 'commit' && failing-- > 0 ? { ms: 5, how } : { ms: 1 }),
  });
  failing = 1;
  for (let n = 0; n < 100; n++) world.append(P, reserve(`buyer-${String(n)}`));
  await world.time.pass(4_000);
  expect(types(world)).toHaveLength(102);
  for (let n = 0; n < 100; n++) {
    // An answer may be missing, then the API finds it in the ledger; never are there two decisions.
    expect(answers(world, `buyer-${String(n)}`).filter(({ kind }) => kind === 'decided').length).toBeLessThanOrEqual(1);
  }
  expect(world.told.filter(({ reply }) => reply.kind === 'decided').length).toBeGreaterThanOrEqual(how === 'fails' ? 101 : 61);
  expectSound(world);
});

describe('refuses to guess', () => {
  interface Case {
    readonly name: string;
    readonly code: string;
    readonly spoil: (world: World) => void;
  }
  const cases: readonly Case[] = [
    { name: 'another cluster', code: 'other_kafka_cluster', spoil: (world) => (world.clusterId = 'cluster-2') },
    {
      name: 'the line begins behind the next offset',
      code: 'line_truncated',
      spoil: (world) => (world.watermarks = () => ({ low: 3 as Offset, high: 9 as Offset })),
    },
    { name: 'the line ends before the next offset', code: 'line_behind_ledger', spoil: (world) => world.records(P).splice(1) },
    {
      name: 'another record at the last offset',
      code: 'line_differs',
      spoil: (world) => Object.assign(world.records(P)[1] ?? {}, { value: Buffer.from('{}') }),
    },
    {
      name: 'the same bytes at the last offset, written later than the line had got (ticks are all alike)',
      code: 'line_differs',
      spoil: (world) => Object.assign(world.records(P)[1] ?? {}, { timestamp: (row(world)?.lastAt ?? 0) + 1 }),
    },
    {
      name: 'no record at the last offset',
      code: 'line_truncated',
      spoil: (world) => {
        const high = world.records(P).length as Offset;
        world.watermarks = () => ({ low: high, high });
        world.records(P).length = 0;
      },
    },
    {
      name: 'the last record is ahead of the clock',
      code: 'broker_clock_ahead',
      spoil: (world) => Object.assign(world.records(P)[1] ?? {}, { timestamp: world.time.now() + 200_000 }),
    },
    {
      name: 'the line’s time is ahead of the clock',
      code: 'broker_clock_ahead',
      spoil: (world) => Object.assign(row(world) ?? {}, { lastAt: world.time.now() + 200_000 }),
    },
    {
      name: 'a sale that breaks its invariants',
      code: 'ledger_inconsistent',
      spoil: (world) => Object.assign(world.database.itemOf(1 as never, SKU) ?? {}, { held: 5 }),
    },
  ];

  test.each(cases)('$name', async ({ code, spoil }) => {
    const { world, writer } = await openSale();
    world.append(P, reserve('ann'));
    await world.time.pass(100);
    writer.kill();
    spoil(world);
    const other = 4 as Partition;
    const second = 'sale-2' as SaleId;
    const writerB = world.startWriter('b', [P, other]);
    await world.time.pass(3_000);
    expect(writerB.ownership.status()[0]).toMatchObject({ kind: 'halted', fault: { name: 'TerminalFault', code } });
    const before = types(world);
    if (code !== 'line_truncated' && code !== 'other_kafka_cluster') {
      // Other partitions go on.
      world.database.createLine(second, other);
      world.append(other, schedule(5, {}, second));
    }
    await world.time.pass(5_000);
    expect(types(world)).toEqual(before);
    expect(types(world, second).length > 0).toBe(code !== 'line_truncated' && code !== 'other_kafka_cluster');
    expect(world.crashes).toEqual([]);
  });

  test('a record ahead of the clock halts the line when its turn comes, not what stands before it', async () => {
    const { world, writer } = await openSale();
    world.append(P, reserve('ann'));
    world.append(P, reserve('bob'), (world.time.now() + 61_000) as EpochMs);
    world.append(P, reserve('cem'));
    await world.time.pass(300);
    expect(types(world).slice(2)).toEqual(['reservation.created']);
    expect(answers(world, 'ann')).toHaveLength(1);
    expect(writer.ownership.status()[0]).toMatchObject({ kind: 'halted', fault: { code: 'broker_clock_ahead' } });
    expect(row(world)).toMatchObject({ owner: null, nextOffset: 2 });
  });

  test('records that do not follow on halt the line', async () => {
    const { world, writer } = await openSale();
    world.append(P, reserve('ann'));
    world.append(P, reserve('bob'));
    Object.assign(world.records(P)[2] ?? {}, { offset: 7 });
    await world.time.pass(300);
    expect(writer.ownership.status()[0]).toMatchObject({ kind: 'halted', fault: { code: 'line_hole' } });
    expect(types(world)).toHaveLength(2);
  });
});

test('a bug crashes the process before anything is committed', async () => {
  const { world } = await openSale();
  const { commit } = world.database;
  world.database.commit = () => {
    world.database.commit = commit;
    throw new Error('new row for relation "items" violates check constraint "items_never_oversold"');
  };
  world.append(P, reserve('ann'));
  await world.time.pass(300);
  expect(world.crashes).toMatchObject([{ message: expect.stringContaining('items_never_oversold') as string }]);
  expect(answers(world, 'ann')).toEqual([]);
});
