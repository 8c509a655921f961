import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { Event } from '#schemas/event.ts';
import type { OrderId, ReservationId, SaleId } from '#schemas/ids.ts';
import { orderId, reservationId, userRef } from '#shared/ids/derive.ts';
import { openPool } from '#shared/ledger/connections.ts';
import { createPaymentBooks, type PaymentBooks } from '#shared/payments/books.ts';
import type { PaymentGateway } from '#shared/payments/gateway.ts';
import { createGateway } from '#shared/payments/http-gateway.ts';
import { settleManual } from '#shared/payments/settle-manual.ts';
import { createTestDatabase, type TestDatabase } from './databases.ts';

/** The payment service as a process that is killed, against PostgreSQL and the simulated gateway; its line is a file. */

const SALE = 'payment-test' as SaleId;
const USER = userRef('secret', 'buyer');
const PARTITION = 5;
const AMOUNT = 4_900;

let database: TestDatabase;
let pool: Pool;
let books: PaymentBooks;
let folder: string;
let gatewayProcess: ChildProcess;
let gatewayPort = 0;
let gateway: PaymentGateway;
const workers = new Set<ChildProcess>();
let lineFile = '';
let scene = 0;

async function startGateway(): Promise<void> {
  gatewayProcess = spawn(process.execPath, ['services/gateway-sim/main.ts'], {
    env: { ...process.env, HTTP_PORT: String(gatewayPort), GATEWAY_JOURNAL: join(folder, 'gateway.ndjson'), LOG_LEVEL: 'info' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: gatewayProcess.stdout! })) {
    const { port } = JSON.parse(line) as { port?: number };
    if (port === undefined) continue;
    gatewayPort = port;
    return;
  }
  throw new Error('the simulated gateway did not start');
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'firstcome-payment-'));
  database = await createTestDatabase();
  pool = openPool(database.appUrl, 'payment-test', 2);
  books = createPaymentBooks(pool);
  await pool.query('INSERT INTO sale_lines (sale_id, partition) VALUES ($1, $2)', [SALE, PARTITION]);
  await startGateway();
  gateway = createGateway({ baseUrl: `http://127.0.0.1:${gatewayPort}`, timeoutMs: 2_000, connectionsMax: 4 });
});

beforeEach(() => {
  scene += 1;
  lineFile = join(folder, `line-${scene}.ndjson`);
});

afterEach(async () => {
  await Promise.all([...workers].map(end));
  workers.clear();
});

afterAll(async () => {
  await end(gatewayProcess);
  gateway.close();
  await pool.end();
  await database.drop();
  rmSync(folder, { recursive: true });
});

/** See services/payment/testing/killed-service.ts. */
interface WorkerSettings {
  readonly crashAt?: 'after_call' | 'after_refund_call' | 'after_record' | 'after_enqueue';
  readonly timeoutMs?: number;
  readonly triesMax?: number;
}

async function startWorker({ crashAt, timeoutMs = 300, triesMax = 10 }: WorkerSettings = {}): Promise<ChildProcess> {
  const settings = {
    databaseUrl: database.appUrl,
    gatewayUrl: `http://127.0.0.1:${gatewayPort}`,
    linePath: lineFile,
    crashAt,
    timeoutMs,
    leaseMs: timeoutMs + 700,
    triesMax,
  };
  const child = fork('services/payment/testing/killed-service.ts', [JSON.stringify(settings)], { execArgv: [] });
  workers.add(child);
  expect(await once(child, 'message')).toContain('ready');
  return child;
}

async function deliver(worker: ChildProcess, events: readonly Event[]): Promise<void> {
  const answered = Promise.race([once(worker, 'message'), once(worker, 'exit').then(() => ['exit'])]);
  worker.send(events);
  expect(['taken in', 'exit']).toContain((await answered)[0]);
}

interface Order {
  readonly order: OrderId;
  readonly reservation: ReservationId;
}

/** Orders as the writer leaves them in the ledger. */
async function ordersWith(method: string, count = 1): Promise<Order[]> {
  const orders = Array.from({ length: count }, (_, n) => ({
    order: orderId(SALE, USER, `${scene}-${method}-${n}`),
    reservation: reservationId(SALE, USER, `${scene}-${method}-${n}`),
  }));
  await pool.query(
    `INSERT INTO orders (id, sale_no, reservation_id, user_ref, status, amount, currency, payment_method_id, respond_async, fingerprint, command_offset, decided_seq, seq, created_at_ms)
     SELECT id, 1, reservation, $3, 'pending', $4, 'EUR', $5, false, gen_random_uuid(), 1, 1, 1, 0 FROM unnest($1::uuid[], $2::uuid[]) AS o (id, reservation)`,
    [orders.map(({ order }) => order), orders.map(({ reservation }) => reservation), USER, AMOUNT, method],
  );
  return orders;
}

function eventsFor(type: 'checkout.requested' | 'refund.requested', orders: readonly Order[]): Event[] {
  return orders.map(({ order, reservation }, n) => {
    const common = {
      v: 1,
      sale_id: SALE,
      seq: n + 1,
      offset: n,
      at: '2026-11-20T12:00:00.000Z',
      request_id: `request-${n}`,
      prev: '0'.repeat(64),
    };
    const money = { order_id: order, reservation_id: reservation, user: USER, amount: AMOUNT, currency: 'EUR' };
    const rest = { fingerprint: '0'.repeat(32), accepted_at: common.at, expires_at: common.at, respond_async: false };
    return { ...common, ...money, type, ...(type === 'checkout.requested' ? rest : {}) } as unknown as Event;
  });
}

interface Reported {
  readonly partition: number;
  readonly type: string;
  readonly order_id: string;
  readonly charge_id?: string;
  readonly reason?: string;
  readonly refund_id?: string;
}

function reported(): Reported[] {
  if (!existsSync(lineFile)) return [];
  const lines = readFileSync(lineFile, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as Reported);
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`never came true: ${what}`);
    await wait(20);
  }
}

async function stateOf({ order }: Order): Promise<{ state: string; calls: number; last_outcome: string | null }> {
  const { rows } = await pool.query<{ state: string; calls: number; last_outcome: string | null }>(
    'SELECT state, calls, last_outcome FROM payments WHERE order_id = $1',
    [order],
  );
  return rows[0] ?? { state: 'unknown', calls: 0, last_outcome: null };
}

const inState = (order: Order, state: string) => until(`payment is ${state}`, async () => (await stateOf(order)).state === state);

async function chargesOf({ order }: Order): Promise<{ id: string; status: string }[]> {
  const response = await fetch(`http://127.0.0.1:${gatewayPort}/v1/charges?reference=${order}`);
  return ((await response.json()) as { data: { id: string; status: string }[] }).data;
}

const METHODS: { method: string; state: string; report: Partial<Reported>; calls: number; charges: number; timeoutMs?: number }[] = [
  { method: 'pm_ok', state: 'succeeded', report: { type: 'payment.succeeded' }, calls: 1, charges: 1 },
  { method: 'pm_declined', state: 'failed', report: { type: 'payment.failed', reason: 'declined' }, calls: 1, charges: 0 },
  { method: 'pm_of_nobody', state: 'failed', report: { type: 'payment.failed', reason: 'declined' }, calls: 1, charges: 0 },
  { method: 'pm_error', state: 'succeeded', report: { type: 'payment.succeeded' }, calls: 3, charges: 1 },
  { method: 'pm_timeout_once', state: 'succeeded', report: { type: 'payment.succeeded' }, calls: 2, charges: 1 },
  { method: 'pm_slow', state: 'succeeded', report: { type: 'payment.succeeded' }, calls: 1, charges: 1, timeoutMs: 5_000 },
];

test.each(METHODS)('$method is $state after $calls calls', async ({ method, state, report, calls, charges, timeoutMs }) => {
  const [order] = (await ordersWith(method)) as [Order];
  const worker = await startWorker(timeoutMs === undefined ? {} : { timeoutMs });
  await deliver(worker, eventsFor('checkout.requested', [order]));
  await inState(order, state);
  expect(reported()).toMatchObject([{ ...report, partition: PARTITION, order_id: order.order }]);
  expect(await stateOf(order)).toMatchObject({ calls });
  const found = await chargesOf(order);
  expect(found).toHaveLength(charges);
  if (charges === 1) expect(reported()[0]).toMatchObject({ charge_id: found[0]!.id });
  const attempts = await pool.query('SELECT 1 FROM payment_attempts WHERE order_id = $1 AND finished_at IS NOT NULL', [order.order]);
  expect(attempts.rowCount).toBe(calls);
});

test('an order that failed before the gateway was ever called is not charged', async () => {
  const [order] = (await ordersWith('pm_ok')) as [Order];
  await pool.query("UPDATE orders SET status = 'failed', failure_reason = 'deadline' WHERE id = $1", [order.order]);
  const worker = await startWorker();
  await deliver(worker, eventsFor('checkout.requested', [order]));
  await inState(order, 'failed');
  expect(reported()).toMatchObject([{ type: 'payment.failed', reason: 'gave_up', order_id: order.order }]);
  expect(await stateOf(order)).toMatchObject({ calls: 0 });
  expect(await chargesOf(order)).toEqual([]);
});

test('once the gateway was called, an order that fails meanwhile is asked about until its end is known', async () => {
  const [order] = (await ordersWith('pm_error')) as [Order];
  const first = await startWorker({ crashAt: 'after_call' });
  const ended = once(first, 'exit');
  await deliver(first, eventsFor('checkout.requested', [order]));
  await ended;
  await pool.query("UPDATE orders SET status = 'failed', failure_reason = 'deadline' WHERE id = $1", [order.order]);
  await startWorker();
  await inState(order, 'succeeded');
  expect(reported()).toMatchObject([{ type: 'payment.succeeded' }]);
});

test.each(['after_call', 'after_record', 'after_enqueue'] as const)('killed %s: one charge, one result', async (crashAt) => {
  const [order] = (await ordersWith('pm_ok')) as [Order];
  const first = await startWorker({ crashAt });
  const ended = once(first, 'exit');
  await deliver(first, eventsFor('checkout.requested', [order]));
  await ended;
  expect((await pool.query('SELECT 1 FROM payment_attempts WHERE order_id = $1', [order.order])).rowCount).toBe(1);
  expect((await stateOf(order)).state).toBe(crashAt === 'after_call' ? 'due' : 'captured');

  const second = await startWorker();
  await deliver(second, eventsFor('checkout.requested', [order]));
  await inState(order, 'succeeded');
  const charges = await chargesOf(order);
  expect(charges).toHaveLength(1);
  // After a crash between the line and the books the report comes again, the same: the writer drops it.
  expect(reported()).toHaveLength(crashAt === 'after_enqueue' ? 2 : 1);
  expect(new Set(reported().map((each) => JSON.stringify(each))).size).toBe(1);
  expect(reported()[0]).toMatchObject({ type: 'payment.succeeded', charge_id: charges[0]!.id });
});

test('a refund is made once, although its process is killed behind the call', async () => {
  const [order] = (await ordersWith('pm_ok')) as [Order];
  const first = await startWorker({ crashAt: 'after_refund_call' });
  await deliver(first, eventsFor('checkout.requested', [order]));
  await inState(order, 'succeeded');
  const ended = once(first, 'exit');
  await deliver(first, eventsFor('refund.requested', [order]));
  await ended;
  const second = await startWorker();
  // The events come again, as they do where the offset was not committed.
  await deliver(second, [...eventsFor('checkout.requested', [order]), ...eventsFor('refund.requested', [order])]);
  await inState(order, 'refunded');
  expect(await chargesOf(order)).toMatchObject([{ status: 'refunded' }]);
  expect(reported().map(({ type }) => type)).toEqual(['payment.succeeded', 'refund.completed']);
});

test('a refund of a charge that is not in the books is found at the gateway', async () => {
  const [order] = (await ordersWith('pm_ok')) as [Order];
  await gateway.charge({ orderId: order.order, amount: AMOUNT, currency: 'EUR', paymentMethodId: 'pm_ok' });
  const worker = await startWorker();
  await deliver(worker, eventsFor('refund.requested', [order]));
  await inState(order, 'refunded');
  expect(await chargesOf(order)).toMatchObject([{ status: 'refunded' }]);
});

test('what is never answered comes to a person, who settles it', async () => {
  const orders = (await ordersWith('pm_timeout', 2)) as [Order, Order];
  const worker = await startWorker({ timeoutMs: 50, triesMax: 3 });
  await deliver(worker, eventsFor('checkout.requested', orders));
  for (const order of orders) await inState(order, 'manual');
  expect(await books.listManual()).toMatchObject(orders.map(() => ({ kind: 'charge', calls: 3, last_outcome: 'timeout', amount: AMOUNT })));
  expect(reported()).toEqual([]);

  const findCharge = (order: string) => gateway.findCharge(order);
  const [failed, succeeded] = orders;
  expect(await settleManual(books, findCharge, succeeded.order, { as: 'succeeded' })).toEqual({ kind: 'nothing_found' });
  expect(await settleManual(books, findCharge, failed.order, { as: 'failed' })).toEqual({ kind: 'settled', state: 'declined' });
  expect(await settleManual(books, findCharge, succeeded.order, { as: 'succeeded', gatewayId: 'ch_by_phone' })).toEqual({
    kind: 'settled',
    state: 'captured',
  });
  await inState(failed, 'failed');
  await inState(succeeded, 'succeeded');
  expect(reported().sort((a, b) => a.type.localeCompare(b.type))).toMatchObject([
    { type: 'payment.failed', reason: 'gave_up', order_id: failed.order },
    { type: 'payment.succeeded', charge_id: 'ch_by_phone', order_id: succeeded.order },
  ]);
  expect(await settleManual(books, findCharge, failed.order, { as: 'retry' })).toEqual({ kind: 'not_manual', state: 'failed' });
  expect(await books.listManual()).toEqual([]);
});

test('a charge the gateway has made cannot be settled as failed', async () => {
  const [order] = (await ordersWith('pm_timeout_once')) as [Order];
  const worker = await startWorker({ timeoutMs: 50, triesMax: 1 });
  await deliver(worker, eventsFor('checkout.requested', [order]));
  await inState(order, 'manual');
  const findCharge = (id: string) => gateway.findCharge(id);
  const [charge] = await chargesOf(order);
  expect(await settleManual(books, findCharge, order.order, { as: 'failed' })).toEqual({ kind: 'charge_exists', chargeId: charge!.id });
  expect(await settleManual(books, findCharge, order.order, { as: 'retry' })).toEqual({ kind: 'settled', state: 'due' });
  await inState(order, 'succeeded');
  expect(reported()).toMatchObject([{ type: 'payment.succeeded', charge_id: charge!.id }]);
});

test('two processes at once charge each order once and report it once', async () => {
  const orders = await ordersWith('pm_ok', 400);
  const both = await Promise.all([startWorker({ timeoutMs: 5_000 }), startWorker({ timeoutMs: 5_000 })]);
  const events = eventsFor('checkout.requested', orders);
  await Promise.all(both.map((worker) => deliver(worker, events)));
  await until('all are reported', () => new Set(reported().map((each) => each.order_id)).size === orders.length);
  expect(reported()).toHaveLength(orders.length);
  const states = await pool.query('SELECT 1 FROM payments WHERE order_id = ANY($1) AND calls = 1', [orders.map(({ order }) => order)]);
  expect(states.rowCount).toBe(orders.length);
});

test('while the gateway is away tries are spared, and everything is paid once it is back', async () => {
  await end(gatewayProcess);
  const orders = await ordersWith('pm_ok', 200);
  const worker = await startWorker();
  await deliver(worker, eventsFor('checkout.requested', orders));
  await until(
    'a first call failed',
    async () => (await pool.query("SELECT 1 FROM payment_attempts WHERE outcome = 'network'")).rowCount! > 0,
  );
  await startGateway();
  await until('all are reported', () => reported().length === orders.length);
  const { rows } = await pool.query<{ calls: number }>('SELECT max(calls) AS calls FROM payments WHERE order_id = ANY($1)', [
    orders.map(({ order }) => order),
  ]);
  expect(rows[0]!.calls).toBeLessThanOrEqual(4);
});
