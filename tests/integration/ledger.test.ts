import { Client, type Pool } from 'pg';
import type { Epoch, Offset, OrderId, Partition, RequestKey, ReservationId, SaleId, Seq } from '#schemas/ids.ts';
import { commitConfig, openPool } from '#shared/ledger/connections.ts';
import type { Batch, LoadedSale, OutboxEvent } from '#shared/ledger/ledger.ts';
import { allocateLine, findLine, unsettledSales } from '#shared/ledger/lines.ts';
import { createPipeline } from '#shared/ledger/pipeline.ts';
import { createWriterLedger } from '#shared/ledger/writer-ledger.ts';
import { verifyChain } from '#shared/proof/chain.ts';
import {
  answered,
  checkout,
  closed,
  created,
  FINGERPRINT,
  nextBatch,
  opened,
  order,
  orderId,
  requestKey,
  reservation,
  reservationId,
  scheduled,
  type ScriptedSale,
  scriptedSale,
  T0,
  type Told,
  userRef,
} from './batches.ts';
import { openProxy } from '../proxy.ts';
import { until } from '../until.ts';
import { createEmptyDatabase, createTestDatabase, runMigrations, type TestDatabase } from './databases.ts';

/** A database is made for each test, which takes its time on a busy machine. */
jest.setTimeout(60_000);

const LEASE_MS = 60_000;
const CLUSTER = 'cluster-1';

let database: TestDatabase;
let pool: Pool;
let owner: Client;
const toClose: { close(): Promise<void> }[] = [];

function ledgerOf(name = 'test') {
  const ledger = createWriterLedger({ databaseUrl: database.appUrl, applicationName: name });
  toClose.push(ledger);
  return ledger;
}

beforeEach(async () => {
  database = await createTestDatabase();
  pool = openPool(database.appUrl, 'test-pool', 4);
  owner = new Client({ connectionString: database.ownerUrl });
  owner.on('error', () => undefined);
  await owner.connect();
});

afterEach(async () => {
  await Promise.all(toClose.splice(0).map((ledger) => ledger.close()));
  await pool.end();
  await owner.end();
  await database.drop();
});

/** A sale on a line of its own, taken over and open, with `quantity` of A and 5 of B. */
async function openSale(ledger: ReturnType<typeof ledgerOf>, options: { quantity?: number; perUser?: number } = {}) {
  const line = await allocateLine(pool, 'sale' as SaleId, 8);
  if (line === 'no_free_line') throw new Error('no free line');
  const epoch = await take(ledger, line.partition);
  const sale = scriptedSale(line, 'sale');
  const items = [
    { sku: 'A', quantity: options.quantity ?? 10 },
    { sku: 'B', quantity: 5 },
  ];
  const perUser = options.perUser === undefined ? {} : { perUser: options.perUser };
  expect(await ledger.commit(nextBatch(sale, epoch, [scheduled(items, perUser), opened]))).toEqual({ kind: 'committed' });
  return { sale, epoch, partition: line.partition };
}

async function take(ledger: ReturnType<typeof ledgerOf>, partition: Partition, name = 'me', leaseMs = LEASE_MS): Promise<Epoch> {
  const outcome = await ledger.takeOver(partition, name, leaseMs, CLUSTER);
  if (outcome.kind !== 'taken') throw new Error(`leased to ${outcome.owner}`);
  return outcome.position.epoch;
}

const a = (held: number, sold = 0, total = 10) => ({ A: { total, held, sold } });

/** All rows of all tables a batch may write, so that "nothing changed" means nothing. */
async function everything(): Promise<unknown> {
  const tables = ['partitions', 'sale_lines', 'sales', 'items', 'reservations', 'orders', 'requests', 'events'];
  const contents: Record<string, unknown> = {};
  for (const table of tables) {
    // The lease is renewed on purpose.
    const { rows } = await owner.query<{ row: object }>(`SELECT to_jsonb(t) - 'lease_until' AS row FROM ${table} t ORDER BY 1`);
    contents[table] = rows.map(({ row }) => row);
  }
  return contents;
}

async function loaded(ledger: ReturnType<typeof ledgerOf>, partition: Partition): Promise<LoadedSale> {
  const sale = await ledger.loadSale(partition, 'sale' as SaleId);
  if (sale?.kind !== 'loaded') throw new Error('the sale is not there');
  return sale;
}

describe('the fence', () => {
  it('lets a stale epoch change nothing', async () => {
    const [first, second] = [ledgerOf('first'), ledgerOf('second')];
    const { sale, epoch, partition } = await openSale(first);
    await first.releaseLeases([{ partition, epoch }]);
    const newer = await take(second, partition, 'other');
    expect(newer).toBe(epoch + 1);

    const before = await everything();
    const stale = nextBatch({ ...sale, items: new Map(sale.items) }, epoch, [created(1, a(1))]);
    expect(await first.commit(stale)).toEqual({ kind: 'fenced' });
    expect(await everything()).toEqual(before);
    expect(await second.commit({ ...stale, epoch: newer })).toEqual({ kind: 'committed' });
  });

  it('lets no batch in from another offset than the one it was decided at', async () => {
    const ledger = ledgerOf();
    const { sale, epoch } = await openSale(ledger);
    const batch = nextBatch(sale, epoch, [created(1, a(1))]);
    const before = await everything();
    expect(await ledger.commit({ ...batch, expectedNextOffset: (batch.expectedNextOffset + 1) as Offset })).toEqual({ kind: 'fenced' });
    expect(await everything()).toEqual(before);
  });

  it('stops the batches that were pipelined behind one that was fenced', async () => {
    const [first, second] = [ledgerOf('first'), ledgerOf('second')];
    const { sale, epoch, partition } = await openSale(first);
    await first.releaseLeases([{ partition, epoch }]);
    await take(second, partition, 'other');
    const before = await everything();
    const batches = [1, 2, 3].map((number) => nextBatch(sale, epoch, [created(number, a(number))]));
    const outcomes = await Promise.all(batches.map((batch) => first.commit(batch)));
    expect(outcomes).toEqual([{ kind: 'fenced' }, { kind: 'fenced' }, { kind: 'fenced' }]);
    expect(await everything()).toEqual(before);
  });

  it('fences a batch that waited behind a takeover', async () => {
    const ledger = ledgerOf();
    const { sale, epoch, partition } = await openSale(ledger);
    await owner.query('BEGIN');
    await owner.query('UPDATE partitions SET epoch = epoch + 1 WHERE partition = $1', [partition]);
    const waiting = ledger.commit(nextBatch(sale, epoch, [created(1, a(1))]));
    await someoneWaitsForALock();
    await owner.query('COMMIT');
    expect(await waiting).toEqual({ kind: 'fenced' });
  });

  it('of one partition leaves another partition on the same connection alone', async () => {
    const ledger = createWriterLedger({ databaseUrl: database.appUrl, commitConnections: 1 });
    toClose.push(ledger);
    const { sale, epoch } = await openSale(ledger);
    const line = await allocateLine(pool, 'other' as SaleId, 8);
    if (line === 'no_free_line') throw new Error('no free line');
    const other = scriptedSale(line, 'other');
    const otherEpoch = await take(ledger, line.partition);
    const stale = nextBatch(sale, epoch, [created(1, a(1))]);
    const good = nextBatch(other, otherEpoch, [scheduled([{ sku: 'A', quantity: 1 }], { key: 50 })]);
    const outcomes = await Promise.all([ledger.commit({ ...stale, expectedNextOffset: 99 as Offset }), ledger.commit(good)]);
    expect(outcomes).toEqual([{ kind: 'fenced' }, { kind: 'committed' }]);
  });
});

async function someoneWaitsForALock(): Promise<void> {
  const watcher = new Client({ connectionString: database.ownerUrl });
  await watcher.connect();
  for (;;) {
    const { rowCount } = await watcher.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    if ((rowCount ?? 0) > 0) break;
  }
  await watcher.end();
}

describe('a commit whose connection is lost', () => {
  it('is unknown, with all that were in flight, and the takeover shows how far it got', async () => {
    const ledger = ledgerOf();
    const { sale, epoch, partition } = await openSale(ledger);
    // Whoever holds the row keeps the batches in flight until the connection is cut.
    await owner.query('BEGIN');
    await owner.query('SELECT FROM partitions WHERE partition = $1 FOR UPDATE', [partition]);
    const batches = [1, 2].map((number) => nextBatch(sale, epoch, [created(number, a(number))]));
    const inFlight = batches.map((batch) => ledger.commit(batch).catch((error: unknown) => error));
    await someoneWaitsForALock();
    await owner.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'test-commit'`);
    const unknown = { name: 'RetryableFault', code: 'commit_unknown' };
    expect(await Promise.all(inFlight)).toEqual([expect.objectContaining(unknown), expect.objectContaining(unknown)]);
    await owner.query('COMMIT');

    await expect(ledger.commit(batches[0]!)).rejects.toMatchObject({ name: 'RetryableFault', code: 'batch_ahead_failed' });
    const outcome = await ledger.takeOver(partition, 'me', LEASE_MS, CLUSTER);
    expect(outcome).toMatchObject({ kind: 'taken', position: { epoch: epoch + 1, nextOffset: batches[0]!.expectedNextOffset } });
    const again = (batch: Batch) => ({ ...batch, epoch: (epoch + 1) as Epoch });
    expect(await Promise.all(batches.map((batch) => ledger.commit(again(batch))))).toEqual([{ kind: 'committed' }, { kind: 'committed' }]);
    expect((await loaded(ledger, partition)).snapshot.live).toHaveLength(2);
  });

  it('is a retryable fault where PostgreSQL is away', async () => {
    const away = createWriterLedger({ databaseUrl: 'postgres://nobody:x@127.0.0.1:9/none' });
    toClose.push(away);
    const sale = scriptedSale({ saleNo: 1, partition: 0 } as unknown as ScriptedSale, 'sale');
    const batch = nextBatch(sale, 1 as Epoch, [created(1, a(1))]);
    await expect(away.commit(batch)).rejects.toMatchObject({ name: 'RetryableFault', code: 'ledger_unreachable' });
    await expect(away.takeOver(0 as Partition, 'me', LEASE_MS, CLUSTER)).rejects.toMatchObject({ code: 'ledger_unreachable' });
  });
});

describe('a bug', () => {
  it.each<[string, Told, object]>([
    ['sells more than there is', created(1, a(11)), { constraint: 'items_never_oversold' }],
    ['counts below zero', created(1, a(-1)), { code: '23514' }],
    ['releases what is not there', { type: 'reservation.expired', ...reservation(9), counts: a(0) }, { code: '22012' }],
    ['confirms an order that is not there', { type: 'order.confirmed', ...order(9), reacquired: false, counts: a(0) }, { code: '22012' }],
  ])('that %s crashes and changes nothing', async (_what, told, error) => {
    const ledger = ledgerOf();
    const { sale, epoch } = await openSale(ledger);
    const before = await everything();
    const failed = ledger.commit(nextBatch(sale, epoch, [told]));
    const behind = ledger.commit(nextBatch(sale, epoch, [created(2, a(1))])).catch((fault: unknown) => fault);
    await expect(failed).rejects.toMatchObject(error);
    await expect(failed).rejects.not.toMatchObject({ name: 'RetryableFault' });
    expect(await behind).toMatchObject({ name: 'RetryableFault', code: 'batch_ahead_failed' });
    expect(await everything()).toEqual(before);
  });
});

it('that chains a batch on another head than the ledger has crashes and changes nothing', async () => {
  const ledger = ledgerOf();
  const { sale, epoch } = await openSale(ledger);
  const before = await everything();
  const elsewhere: ScriptedSale = { ...sale, items: new Map(sale.items), head: 'ab'.repeat(32) };
  await expect(ledger.commit(nextBatch(elsewhere, epoch, [created(1, a(1))]))).rejects.toMatchObject({ code: '22012' });
  expect(await everything()).toEqual(before);
});

it('that decides a reservation twice crashes in the middle of its rows and changes nothing', async () => {
  const ledger = ledgerOf();
  const { sale, epoch } = await openSale(ledger);
  await ledger.commit(nextBatch(sale, epoch, [created(1, a(1))]));
  const before = await everything();
  // Enough rows behind the one that fails that the server is still being sent them.
  const many = Array.from({ length: 2_000 }, (_, index) => created(index + 100, a(1)));
  const failed = ledger.commit(nextBatch(sale, epoch, [created(1, a(1)), ...many]));
  const behind = ledger.commit(nextBatch(sale, epoch, many)).catch((fault: unknown) => fault);
  await expect(failed).rejects.toMatchObject({ code: '23505', constraint: 'reservations_pkey' });
  expect(await behind).toMatchObject({ name: 'RetryableFault', code: 'batch_ahead_failed' });
  expect(await everything()).toEqual(before);
});

describe('the lease', () => {
  it('keeps others out until it ends or is released', async () => {
    const [first, second] = [ledgerOf('first'), ledgerOf('second')];
    const partition = 3 as Partition;
    const epoch = await take(first, partition, 'first');
    expect(await second.takeOver(partition, 'second', LEASE_MS, CLUSTER)).toEqual({ kind: 'leased_to_another', owner: 'first' });
    expect(await take(first, partition, 'first')).toBe(epoch + 1);
    await owner.query(`UPDATE partitions SET lease_until = clock_timestamp() - interval '1 millisecond'`);
    expect(await take(second, partition, 'second')).toBe(epoch + 2);
    expect(await first.renewLeases([{ partition, epoch: (epoch + 1) as Epoch }], LEASE_MS)).toEqual([]);
    expect(await second.renewLeases([{ partition, epoch: (epoch + 2) as Epoch }], LEASE_MS)).toEqual([partition]);
    await second.releaseLeases([{ partition, epoch: (epoch + 2) as Epoch }]);
    expect(await take(first, partition, 'first')).toBe(epoch + 3);
  });

  it('is renewed by a batch, and by its timer where a batch does not hold the row', async () => {
    const ledger = ledgerOf();
    const { sale, epoch, partition } = await openSale(ledger);
    const lease = async () =>
      (await owner.query<{ ms: number }>(`SELECT extract(epoch FROM lease_until - clock_timestamp())::float8 * 1000 AS ms FROM partitions`))
        .rows[0]!.ms;
    await owner.query(`UPDATE partitions SET lease_until = clock_timestamp()`);
    await ledger.commit(nextBatch(sale, epoch, [created(1, a(1))]));
    expect(await lease()).toBeGreaterThan(LEASE_MS / 2);
    await owner.query('BEGIN');
    await owner.query('SELECT FROM partitions FOR UPDATE');
    expect(await ledger.renewLeases([{ partition, epoch }], LEASE_MS)).toEqual([partition]);
    await owner.query('COMMIT');
    await owner.query(`UPDATE partitions SET lease_until = clock_timestamp()`);
    expect(await ledger.renewLeases([{ partition, epoch }], LEASE_MS)).toEqual([partition]);
    expect(await lease()).toBeGreaterThan(LEASE_MS / 2);
  });

  it('keeps the Kafka cluster the offsets belong to', async () => {
    const ledger = ledgerOf();
    await take(ledger, 0 as Partition);
    const outcome = await ledger.takeOver(0 as Partition, 'me', LEASE_MS, 'cluster-2');
    expect(outcome).toMatchObject({ kind: 'taken', position: { clusterId: CLUSTER } });
  });
});

/** Everything that can happen to reservations 1 to 8, split over batches in several ways. */
const STORY: readonly Told[] = [
  created(1, a(1)),
  created(2, a(2)),
  created(3, a(3)),
  {
    ...created(4, { A: { total: 10, held: 5, sold: 0 }, B: { total: 5, held: 1, sold: 0 } }),
    items: [
      { sku: 'A', quantity: 2 },
      { sku: 'B', quantity: 1 },
    ],
  },
  {
    type: 'reservation.waitlisted',
    ...answered,
    ...reservation(5),
    items: [{ sku: 'A', quantity: 9 }],
    allow_partial: true,
    respond_async: true,
  },
  {
    type: 'reservation.waitlisted',
    ...answered,
    ...reservation(6),
    items: [{ sku: 'A', quantity: 8 }],
    allow_partial: false,
    respond_async: false,
  },
  {
    type: 'reservation.rejected',
    ...answered,
    ...reservation(7),
    items: [{ sku: 'A', quantity: 50 }],
    respond_async: false,
    reason: 'sold_out',
  },
  { type: 'reservation.rejected', record_sha256: 'ab'.repeat(32), reason: 'malformed' },
  { type: 'reservation.rejected', ...answered, fingerprint: 'f'.repeat(32), ...reservation(1), reason: 'idempotency_conflict' },
  checkout(1),
  checkout(2),
  checkout(3),
  { type: 'payment.succeeded', ...order(1), charge_id: 'ch_1', late: false },
  { type: 'order.confirmed', ...order(1), reacquired: false, counts: a(4, 1) },
  { type: 'payment.failed', ...order(2), reason: 'declined', late: false },
  { type: 'order.failed', ...order(2), reason: 'declined', reservation_status: 'held' },
  { type: 'order.failed', ...order(3), reason: 'deadline', reservation_status: 'released' },
  { type: 'reservation.released', ...reservation(3), reason: 'payment_failed', counts: a(3, 1) },
  {
    type: 'reservation.cancelled',
    ...answered,
    ...reservation(4),
    key: requestKey(20),
    counts: { A: { total: 10, held: 1, sold: 1 }, B: { total: 5, held: 0, sold: 0 } },
  },
  {
    type: 'reservation.offered',
    ...reservation(5),
    items: [{ sku: 'A', quantity: 8 }],
    not_granted: [{ sku: 'A', quantity: 1, reason: 'insufficient_stock' }],
    expires_at: T0 + 999,
    counts: a(9, 1),
  },
  {
    type: 'request.rejected',
    ...answered,
    request: 'checkout.request',
    key: orderId(30),
    reason: 'reservation_not_held',
    ...reservation(4),
    reservation_status: 'released',
  },
  {
    type: 'request.rejected',
    ...answered,
    fingerprint: 'e'.repeat(32),
    request: 'checkout.request',
    key: orderId(30),
    reason: 'idempotency_conflict',
  },
];

const SPLITS: readonly [string, (told: readonly Told[]) => Told[][]][] = [
  ['one batch', (told) => [[...told]]],
  ['a batch for each event', (told) => told.map((event) => [event])],
  ['batches of five', (told) => Array.from({ length: Math.ceil(told.length / 5) }, (_, index) => told.slice(index * 5, index * 5 + 5))],
];

describe('what was committed', () => {
  it.each(SPLITS)('in %s is loaded as it was', async (_name, split) => {
    const ledger = ledgerOf();
    const { sale, epoch, partition } = await openSale(ledger, { perUser: 3 });
    const outcomes = await Promise.all(split(STORY).map((told) => ledger.commit(nextBatch(sale, epoch, told))));
    expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(['committed']));

    const { head, snapshot } = await loaded(ledger, partition);
    expect(head).toBe(sale.head);
    expect(snapshot).toMatchObject({ saleId: 'sale', status: 'open', seq: STORY.length + 2, terms: { name: 'Sale "ü" \\ \n end' } });
    expect(snapshot.items).toEqual([
      { sku: 'A', total: 10, held: 9, sold: 1 },
      { sku: 'B', total: 5, held: 0, sold: 0 },
    ]);
    const live = { allowPartial: false, extended: false };
    expect(snapshot.live).toEqual([
      {
        ...live,
        id: reservationId(2),
        user: userRef(2),
        status: 'held',
        items: [{ sku: 'A', quantity: 1 }],
        expiresAt: T0 + 900_000,
        extended: true,
        decidedSeq: 4,
      },
      {
        ...live,
        id: reservationId(5),
        user: userRef(5),
        status: 'held',
        items: [{ sku: 'A', quantity: 8 }],
        allowPartial: true,
        expiresAt: T0 + 999,
        decidedSeq: 7,
      },
      {
        ...live,
        id: reservationId(6),
        user: userRef(6),
        status: 'waitlisted',
        items: [{ sku: 'A', quantity: 8 }],
        expiresAt: null,
        decidedSeq: 8,
      },
    ]);
    // Order 2 has its last word; order 3 may still be paid late.
    expect(snapshot.orders).toEqual([
      {
        id: orderId(3),
        reservationId: reservationId(3),
        user: userRef(3),
        status: 'failed',
        items: [{ sku: 'A', quantity: 1 }],
        amount: 4_900,
        currency: 'EUR',
      },
    ]);
    expect(snapshot.bought).toEqual([{ user: userRef(1), units: 1 }]);
    expect(await ledger.unsettledHeads([partition])).toEqual([
      { partition, saleNo: sale.saleNo, saleId: 'sale', seq: sale.seq, head: sale.head },
    ]);
  });

  it('is the same in every table however it was split into batches', async () => {
    const contents: unknown[] = [];
    for (const [, split] of SPLITS) {
      const ledger = ledgerOf();
      const { sale, epoch } = await openSale(ledger);
      for (const told of split(STORY)) await ledger.commit(nextBatch(sale, epoch, told));
      contents.push({ ...((await everything()) as object), sale_lines: null, partitions: null });
      await Promise.all(toClose.splice(0).map((one) => one.close()));
      // As only a superuser can: the log refuses it.
      await owner.query('ALTER TABLE events DISABLE TRIGGER events_append_only');
      await owner.query(
        'TRUNCATE sale_lines, sale_terms, sales, items, reservations, orders, requests, events, partitions, log_trees, log_tiles, log_checkpoints RESTART IDENTITY',
      );
      await owner.query('ALTER TABLE events ENABLE TRIGGER events_append_only');
    }
    expect(contents[1]).toEqual(contents[0]);
    expect(contents[2]).toEqual(contents[0]);
  });

  it('is loaded without its reservations and orders once it is settled', async () => {
    const ledger = ledgerOf();
    const { sale, epoch, partition } = await openSale(ledger, { perUser: 20 });
    await ledger.commit(nextBatch(sale, epoch, STORY));
    expect((await loaded(ledger, partition)).snapshot.bought).toHaveLength(1);
    await ledger.commit(nextBatch(sale, epoch, [closed(50)], true));
    const { snapshot, head } = await loaded(ledger, partition);
    expect(snapshot).toMatchObject({ status: 'closed', seq: sale.seq, live: [], orders: [], bought: [] });
    expect(snapshot.items).toHaveLength(2);
    expect(head).toBe(sale.head);
  });

  it('is found again by its keys and references', async () => {
    const ledger = ledgerOf();
    const { sale, epoch } = await openSale(ledger);
    await ledger.commit(nextBatch(sale, epoch, STORY));
    const none = { reservationKeys: [], orderKeys: [], requestKeys: [], reservations: [], orders: [] };
    const ids = {
      reservationKeys: [1, 7, 40].map(reservationId) as ReservationId[],
      orderKeys: [1, 30, 40].map(orderId) as OrderId[],
      requestKeys: [1, 20, 40].map(requestKey) as RequestKey[],
      reservations: [1, 3, 4, 7, 40].map(reservationId) as ReservationId[],
      orders: [1, 2, 3, 30].map(orderId) as OrderId[],
    };
    const known = await ledger.prefetch({ saleNo: sale.saleNo, ...ids });
    const seqOf = (index: number) => index + 3;
    const byKey = (x: { key: string }, y: { key: string }) => (x.key < y.key ? -1 : 1);
    expect([...known.decisions].sort(byKey)).toEqual(
      [
        { key: reservationId(1), seq: seqOf(0) },
        { key: reservationId(7), seq: seqOf(6) },
        { key: orderId(1), seq: seqOf(9) },
        { key: orderId(30), seq: seqOf(20) },
        { key: requestKey(1), seq: 1 },
        { key: requestKey(20), seq: seqOf(18) },
      ].map((decision) => ({ ...decision, fingerprint: FINGERPRINT })),
    );
    const byId = (x: { id: string }, y: { id: string }) => (x.id < y.id ? -1 : 1);
    expect([...known.reservations].sort(byId)).toEqual([
      { id: reservationId(1), user: userRef(1), status: 'confirmed' },
      { id: reservationId(3), user: userRef(3), status: 'released' },
      { id: reservationId(4), user: userRef(4), status: 'released' },
      { id: reservationId(7), user: userRef(7), status: 'rejected' },
    ]);
    expect([...known.orders].sort(byId)).toEqual([
      { id: orderId(1), status: 'paid', reservationId: reservationId(1), user: userRef(1), amount: 4900, currency: 'EUR' },
      { id: orderId(2), status: 'failed', reservationId: reservationId(2), user: userRef(2), amount: 4900, currency: 'EUR' },
      { id: orderId(3), status: 'failed', reservationId: reservationId(3), user: userRef(3), amount: 4900, currency: 'EUR' },
    ]);
    const elsewhere = await ledger.prefetch({ ...none, saleNo: (sale.saleNo + 1) as typeof sale.saleNo, reservations: ids.reservations });
    expect(elsewhere).toEqual({ decisions: [], reservations: [], orders: [] });
  });

  it('is not loaded where the counters are not the sums over the reservations (I2)', async () => {
    const ledger = ledgerOf();
    const { sale, epoch, partition } = await openSale(ledger);
    await ledger.commit(nextBatch(sale, epoch, STORY));
    await owner.query(`UPDATE items SET held = held - 1 WHERE sku = 'A'`);
    await expect(ledger.loadSale(partition, 'sale' as SaleId)).rejects.toMatchObject({ name: 'TerminalFault', code: 'counters_disagree' });
    await owner.query(`UPDATE items SET held = held + 1, sold = sold - 1 WHERE sku = 'A'`);
    await expect(ledger.loadSale(partition, 'sale' as SaleId)).rejects.toMatchObject({ code: 'counters_disagree' });
  });

  it('keeps the late payment that reacquires and the one that is refunded', async () => {
    const ledger = ledgerOf();
    const { sale, epoch, partition } = await openSale(ledger);
    const tale: Told[] = [created(1, a(1)), created(2, a(2)), checkout(1), checkout(2)];
    for (const number of [1, 2]) {
      tale.push({ type: 'order.failed', ...order(number), reason: 'deadline', reservation_status: 'released' });
      tale.push({ type: 'reservation.released', ...reservation(number), reason: 'payment_failed', counts: a(2 - number) });
      tale.push({ type: 'payment.succeeded', ...order(number), charge_id: `ch_${number}`, late: true });
    }
    tale.push({ type: 'order.confirmed', ...order(1), reacquired: true, counts: a(0, 1) });
    tale.push({ type: 'refund.requested', ...order(2), amount: 4_900, currency: 'EUR' });
    for (const told of tale) await ledger.commit(nextBatch(sale, epoch, [told]));
    expect((await loaded(ledger, partition)).snapshot.orders).toMatchObject([{ id: orderId(2), status: 'refunding' }]);
    await ledger.commit(nextBatch(sale, epoch, [{ type: 'refund.completed', ...order(2), refund_id: 're_2' }]));
    expect((await loaded(ledger, partition)).snapshot.orders).toEqual([]);
    const { rows } = await owner.query('SELECT status, failure_reason, payment_settled, payment_method_id FROM orders ORDER BY id');
    // Who was told that the payment failed is told so again.
    const paid = { payment_settled: true, failure_reason: 'deadline', payment_method_id: 'pm_"ok"\\' };
    expect(rows).toEqual([
      { ...paid, status: 'paid' },
      { ...paid, status: 'refunded' },
    ]);
  });
});

describe('the outbox', () => {
  const all = async (pages: AsyncIterable<readonly OutboxEvent[]>) => (await Array.fromAsync(pages)).flat();

  it('gives every event from an offset on, in order, with the leaf that was sealed', async () => {
    const ledger = ledgerOf();
    const { sale, epoch, partition } = await openSale(ledger, { quantity: 5_000 });
    const batches: Batch[] = [];
    for (let batch = 0; batch < 3; batch += 1) {
      batches.push(
        nextBatch(
          sale,
          epoch,
          Array.from({ length: 700 }, (_, index) => created(batch * 700 + index + 1, a(batch * 700 + index + 1, 0, 5_000))),
        ),
      );
    }
    for (const batch of batches) await ledger.commit(batch);
    const whole = await all(ledger.unpublished(partition, 0 as Offset));
    expect(whole).toHaveLength(2_102);
    expect(verifyChain(whole.map(({ leaf }) => leaf))).toMatchObject({
      kind: 'intact',
      end: { saleId: 'sale', seq: 2_102, head: sale.head },
    });
    const from = batches[2]!.expectedNextOffset;
    expect(await all(ledger.unpublished(partition, from))).toEqual(whole.slice(1_402));
    expect(await all(ledger.unpublished(partition, batches[2]!.nextOffset))).toEqual([]);
    expect(await all(ledger.unpublished((partition + 1) as Partition, 0 as Offset))).toEqual([]);

    const followed: string[] = [];
    const page = () => ledger.leavesAfter(sale.saleNo, followed.length as Seq, 2_102 as Seq);
    for (let leaves = await page(); leaves.length > 0; leaves = await page()) followed.push(...leaves);
    expect(followed).toEqual(whole.map(({ leaf }) => leaf));
    expect(await ledger.leavesAfter(sale.saleNo, 2_000 as Seq, 2_001 as Seq)).toEqual(followed.slice(2_000, 2_001));
  });
});

describe('lines', () => {
  it('are given once a sale and to one active sale each, also when many ask at once', async () => {
    const asked = ['a', 'b', 'c', 'a', 'b', 'c', 'd', 'e'];
    const lines = await Promise.all(asked.map((saleId) => allocateLine(pool, saleId as SaleId, 3)));
    const given = new Map<string, unknown>();
    for (const [index, line] of lines.entries()) {
      if (line === 'no_free_line') continue;
      expect(given.get(asked[index]!) ?? line).toEqual(line);
      given.set(asked[index]!, line);
    }
    expect(given.size).toBe(3);
    expect(new Set([...given.values()].map((line) => (line as { partition: number }).partition))).toEqual(new Set([0, 1, 2]));
    expect(lines.filter((line) => line === 'no_free_line').length).toBeGreaterThan(0);
    for (const [saleId, line] of given) {
      expect(await findLine(pool, saleId as SaleId)).toEqual(line);
      expect(await allocateLine(pool, saleId as SaleId, 3)).toEqual(line);
    }
    expect(await findLine(pool, 'z' as SaleId)).toBeNull();
  });

  it('are free again when their sale is settled', async () => {
    const ledger = ledgerOf();
    const { sale, epoch, partition } = await openSale(ledger);
    expect(await unsettledSales(pool)).toEqual([
      { saleId: 'sale', saleNo: sale.saleNo, partition, status: 'open', startsAt: T0, endsAt: T0 + 3_600_000 },
    ]);
    await ledger.commit(nextBatch(sale, epoch, [closed(2)], true));
    expect(await unsettledSales(pool)).toEqual([]);
    expect(await ledger.unsettledHeads([partition])).toEqual([]);
    expect((await loaded(ledger, partition)).snapshot.status).toBe('closed');
    expect(await allocateLine(pool, 'next' as SaleId, 1 + partition)).not.toBe('no_free_line');
  });

  it('are given again to a creation that was given up and is tried again', async () => {
    const first = await allocateLine(pool, 'late' as SaleId, 2);
    await pool.query('UPDATE sale_lines SET active = false');
    expect(await allocateLine(pool, 'late' as SaleId, 2)).toEqual(first);

    // Another sale has the line by now.
    await pool.query('UPDATE sale_lines SET active = false');
    await owner.query("UPDATE sale_lines SET partition = 0 WHERE sale_id = 'late'");
    await owner.query("INSERT INTO sale_lines (sale_id, partition) VALUES ('other', 0)");
    expect(await allocateLine(pool, 'late' as SaleId, 1)).toBe('no_free_line');
    const again = await allocateLine(pool, 'late' as SaleId, 2);
    expect(again).toEqual({ ...(first as object), partition: 1 });
    const { rows } = await pool.query("SELECT active FROM sale_lines WHERE sale_id = 'late' AND created_at > now() - interval '1 minute'");
    expect(rows).toEqual([{ active: true }]);
  });

  it('go to one each when several creations that were given up are tried again at once', async () => {
    const ids = ['a', 'b', 'c', 'd'] as SaleId[];
    for (const id of ids) await allocateLine(pool, id, 4);
    await pool.query('UPDATE sale_lines SET active = false');
    await owner.query('UPDATE sale_lines SET partition = 0');
    const lines = await Promise.all([...ids, ...ids].map((id) => allocateLine(pool, id, 4)));
    expect(lines.slice(4)).toEqual(lines.slice(0, 4));
    expect(new Set(lines.map((line) => (line as { partition: number }).partition)).size).toBe(4);
  });

  it('of a settled sale stay what they were', async () => {
    const ledger = ledgerOf();
    const { sale, epoch, partition } = await openSale(ledger);
    await ledger.commit(nextBatch(sale, epoch, [closed(2)], true));
    expect(await allocateLine(pool, 'sale' as SaleId, 8)).toEqual({ saleNo: sale.saleNo, partition });
    expect((await pool.query('SELECT active FROM sale_lines')).rows).toEqual([{ active: false }]);
  });

  it('tell a sale that is not decided yet from one that nobody knows', async () => {
    const ledger = ledgerOf();
    const line = await allocateLine(pool, 'unborn' as SaleId, 1);
    if (line === 'no_free_line') throw new Error('no free line');
    expect(await ledger.loadSale(line.partition, 'unborn' as SaleId)).toEqual({ kind: 'unborn', saleNo: line.saleNo });
    expect(await ledger.loadSale(line.partition, 'nobody' as SaleId)).toBeNull();
    expect(await ledger.unsettledHeads([line.partition])).toEqual([]);
  });
});

describe('the log', () => {
  it.each([
    ['changed', `UPDATE events SET hash = hash`],
    ['deleted', `DELETE FROM events`],
    ['emptied', `TRUNCATE events`],
  ])('cannot be %s, not even by its owner', async (_what, statement) => {
    await openSale(ledgerOf());
    const before = await everything();
    await expect(owner.query(statement)).rejects.toThrow('the log is append-only');
    expect(await everything()).toEqual(before);
  });
});

describe("the services' role", () => {
  it.each([
    ['update events', `UPDATE events SET hash = hash`],
    ['delete events', `DELETE FROM events`],
    ['truncate events', `TRUNCATE events`],
    ['change a request on record', `UPDATE requests SET seq = seq + 1`],
    ['change the terms', `UPDATE sale_terms SET terms = '{}'`],
    ['delete reservations', `DELETE FROM reservations`],
    ['sign', `INSERT INTO log_checkpoints VALUES (1, 1, decode(repeat('00', 32), 'hex'), 'note', now())`],
    ['tell who read what', `SELECT * FROM audit_reads`],
    ['drop a table', `DROP TABLE events`],
    ['switch a trigger on or off', `ALTER TABLE events DISABLE TRIGGER ALL`],
  ])('may not %s', async (_what, statement) => {
    await expect(pool.query(statement)).rejects.toMatchObject({ code: '42501' });
  });
});

describe('the migrations', () => {
  it('may be run several times at once, and again', async () => {
    const empty = await createEmptyDatabase();
    try {
      const runs = await Promise.all([1, 2, 3].map(() => runMigrations(empty.ownerUrl)));
      expect(runs.filter((output) => output.includes('No migrations to run'))).toHaveLength(2);
      expect(await runMigrations(empty.ownerUrl)).toContain('No migrations to run');
    } finally {
      await empty.drop();
    }
  });
});

test('a connection that swallows everything is given up in time, and the pool opens another', async () => {
  const url = new URL(database.appUrl);
  const proxy = await openProxy(url.hostname, Number(url.port));
  url.port = String(proxy.port);
  const through = openPool(url.href, 'test-silent', 1);
  try {
    await through.query('SELECT 1');
    proxy.silence();
    const from = performance.now();
    await expect(allocateLine(through, 'sale' as SaleId, 8)).rejects.toMatchObject({ code: 'ledger_unreachable' });
    expect(performance.now() - from).toBeLessThan(15_000);
    proxy.restore();
    expect(await allocateLine(through, 'sale' as SaleId, 8)).not.toBe('no_free_line');
  } finally {
    await through.end();
    await proxy.close();
  }
}, 60_000);

test('a connection for commits that died while nothing was committed is found, not met by the next batch', async () => {
  const url = new URL(database.appUrl);
  const proxy = await openProxy(url.hostname, Number(url.port));
  url.port = String(proxy.port);
  const one = { name: 'one', text: 'SELECT $1::integer', values: [1] };
  const pipeline = createPipeline(commitConfig(url.href, 'test-quiet'), [one]);
  const looking = setInterval(() => {
    pipeline.lookAfter();
  }, 100);
  try {
    expect(await pipeline.transact([one])).toEqual({ kind: 'committed' });
    const [before] = await connectionsNamed('test-quiet');
    proxy.silence();
    proxy.restore();
    await until(
      () => connectionsNamed('test-quiet'),
      (now) => !now.includes(before!),
    );
    expect(await pipeline.transact([one])).toEqual({ kind: 'committed' });
  } finally {
    clearInterval(looking);
    await pipeline.close();
    await proxy.close();
  }
}, 60_000);

async function connectionsNamed(name: string): Promise<readonly number[]> {
  const { rows } = await owner.query<{ pid: number }>('SELECT pid FROM pg_stat_activity WHERE application_name = $1', [name]);
  return rows.map(({ pid }) => pid);
}
