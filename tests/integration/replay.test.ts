import { Client, type Pool } from 'pg';
import type { SaleId } from '#schemas/ids.ts';
import { openPool } from '#shared/ledger/connections.ts';
import { createEnqueuer } from '#shared/line/enqueue.ts';
import type { LineReader } from '#shared/line/line.ts';
import { createLineReader } from '#shared/line/read-line.ts';
import { openSaleLog, type SaleLog } from '../../services/cli/replay/ledger-log.ts';
import { replay, type ReplayResult } from '../../services/cli/replay/replay.ts';
import { call, change, closeSales, item, newBuyer, newKey, newSale, operator, reserve } from './http-api.ts';

/** A sale of the running stack, decided again from its line, and the ledger altered behind everyone's back. */

jest.setTimeout(60_000);

const brokers = (process.env['KAFKA_BROKERS'] ?? '127.0.0.1:9192').split(',');
const databaseUrl = process.env['DATABASE_URL'] ?? 'postgres://firstcome_app:firstcome@127.0.0.1:5460/firstcome';
const ownerUrl = process.env['DATABASE_OWNER_URL'] ?? 'postgres://firstcome:firstcome@127.0.0.1:5460/firstcome';

let pool: Pool;
let owner: Client;
let line: LineReader;
let sale: string;

beforeAll(async () => {
  pool = openPool(databaseUrl, 'test-replay', 1);
  owner = new Client({ connectionString: ownerUrl });
  await owner.connect();
  line = createLineReader({ brokers, onCrash: () => undefined });
  await line.start();
  sale = await livelySale();
});

afterAll(async () => {
  await closeSales();
  await Promise.all([line.stop(), pool.end(), owner.end()]);
});

/** Of each thing that can be in a log: held, in part, waitlisted and offered, refused, cancelled, paid, declined, stock changed, malformed. */
async function livelySale(): Promise<string> {
  const id = await newSale({ items: [item('a', 4), item('b', 2)], per_user_limit: 3, waitlist_limit: 2 });
  const [ann, bob, cid, dan, eve] = [newBuyer(), newBuyer(), newBuyer(), newBuyer(), newBuyer()] as const;
  const key = newKey();
  const first = await reserve(id, ann, { sku: 'a', quantity: 2 }, { key });
  await reserve(id, ann, { sku: 'a', quantity: 2 }, { key });
  await reserve(id, ann, { sku: 'b', quantity: 1 }, { key });
  await reserve(id, ann, { sku: 'a', quantity: 3 });
  const partly = { items: [item('a', 2), item('b', 3)].map(({ sku, quantity }) => ({ sku, quantity })), allow_partial: true };
  const second = await reserve(id, bob, partly);
  await reserve(id, cid, { sku: 'a', quantity: 1 });
  await reserve(id, dan, { sku: 'nothing', quantity: 1 });
  await call('POST', `/v1/reservations/${first.body.id}/cancel`, { as: ann, key: newKey() });
  const third = await reserve(id, eve, { sku: 'a', quantity: 1 });
  const pay = (as: typeof bob, reservation: string, method: string) =>
    call('POST', '/v1/orders', {
      as,
      key: newKey(),
      prefer: 'wait=20',
      body: { reservation_id: reservation, payment_method_id: method },
    });
  await pay(bob, second.body.id as string, 'pm_ok');
  await pay(eve, third.body.id as string, 'pm_declined');
  await change(id, 'pause');
  await reserve(id, newBuyer(), { sku: 'a', quantity: 1 });
  await change(id, 'resume');
  const enqueuer = createEnqueuer({ brokers });
  await enqueuer.enqueue((await logOf(id)).partition, Buffer.from('no command'));
  await enqueuer.close();
  await change(id, 'close');
  return id;
}

async function logOf(id: string): Promise<SaleLog> {
  const log = await openSaleLog(pool, id as SaleId);
  if (log === null) throw new Error(`the ledger has no sale ${id}`);
  return log;
}

const replayed = async (): Promise<ReplayResult> => replay(await logOf(sale), line, () => undefined);

it('leads to the log that the ledger has, byte for byte', async () => {
  const { rows } = await pool.query<{ type: string }>(
    `SELECT DISTINCT convert_from(leaf, 'UTF8')::jsonb ->> 'type' AS type FROM events JOIN sale_lines USING (sale_no) WHERE sale_id = $1`,
    [sale],
  );
  expect(rows.map(({ type }) => type)).toEqual(
    expect.arrayContaining([
      'sale.scheduled',
      'sale.opened',
      'sale.paused',
      'sale.resumed',
      'sale.closed',
      'reservation.created',
      'reservation.waitlisted',
      'reservation.offered',
      'reservation.rejected',
      'reservation.cancelled',
      'checkout.requested',
      'payment.succeeded',
      'payment.failed',
      'order.confirmed',
      'order.failed',
    ]),
  );
  const result = await replayed();
  expect(result.difference).toBeNull();
  expect(result.same).toBe(result.events);
});

it.each<[string, string]>([
  ['a byte of a leaf', `UPDATE events SET leaf = set_byte(leaf, 5, get_byte(leaf, 5) # 1)`],
  ['a leaf that is no text any more', `UPDATE events SET leaf = set_byte(leaf, 5, 255)`],
  ['a hash', `UPDATE events SET hash = set_byte(hash, 31, get_byte(hash, 31) # 1)`],
  ['an event that is gone', `DELETE FROM events`],
])('names the first event that differs: %s', async (_what, alteration) => {
  const mine = `sale_no = (SELECT sale_no FROM sale_lines WHERE sale_id = $1) AND seq = 4`;
  const { rows } = await owner.query(`SELECT * FROM events WHERE ${mine}`, [sale]);
  await owner.query(`${alteration} WHERE ${mine}`, [sale]);
  try {
    const { same, difference } = await replayed();
    expect([same, difference?.seq, difference?.replayed?.seq]).toEqual([3, 4, 4]);
  } finally {
    await owner.query(`DELETE FROM events WHERE ${mine}`, [sale]);
    const [row] = rows as [Record<string, unknown>];
    await owner.query('INSERT INTO events SELECT $1, $2, $3, $4, $5', [
      row['sale_no'],
      row['seq'],
      row['command_offset'],
      row['leaf'],
      row['hash'],
    ]);
  }
  expect((await replayed()).difference).toBeNull();
});

it('knows no sale that nobody made', async () => {
  expect(await openSaleLog(pool, 'sale_of_nobody' as SaleId)).toBeNull();
  expect((await call('GET', '/v1/sales/sale_of_nobody', { as: operator })).status).toBe(404);
});
