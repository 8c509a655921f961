import { Client } from 'pg';
import { Partition } from '#schemas/ids.ts';
import { createEnqueuer } from '#shared/line/enqueue.ts';
import { firstcome } from './firstcome-command.ts';
import { call, change, closeSales, item, newBuyer, newKey, newSale, reserve } from './http-api.ts';

/** `firstcome replay` of a sale of the running stack, as it is and with the ledger altered behind everyone's back. */

jest.setTimeout(60_000);

const brokers = (process.env['KAFKA_BROKERS'] ?? '127.0.0.1:9192').split(',');
const ownerUrl = process.env['DATABASE_OWNER_URL'] ?? 'postgres://firstcome:firstcome@127.0.0.1:5460/firstcome';

let owner: Client;
let sale: string;

beforeAll(async () => {
  owner = new Client({ connectionString: ownerUrl });
  await owner.connect();
  // The log refuses to be changed; an attacker with a superuser's rights switches that off.
  await owner.query('SET session_replication_role = replica');
  sale = await livelySale();
});

afterAll(async () => {
  await closeSales();
  await owner.end();
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
  const { rows } = await owner.query<{ partition: number }>('SELECT partition FROM sale_lines WHERE sale_id = $1', [id]);
  await enqueuer.enqueue(Partition.parse(rows[0]!.partition), Buffer.from('no command'));
  await enqueuer.close();
  await change(id, 'close');
  return id;
}

interface Replayed {
  readonly exitCode: number;
  readonly same: number;
  readonly events: number;
  readonly difference: { readonly seq: number; readonly replayed: { readonly seq: number } | null } | null;
}

async function replayed(saleId = sale): Promise<Replayed> {
  const { exitCode, answer } = await firstcome(['replay', '--sale', saleId]);
  return { ...(answer as Omit<Replayed, 'exitCode'>), exitCode };
}

it('leads to the log that the ledger has, byte for byte', async () => {
  const { rows } = await owner.query<{ type: string }>(
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
  const { exitCode, difference, same, events } = await replayed();
  expect([exitCode, difference, same]).toEqual([0, null, events]);
  expect(events).toBeGreaterThan(20);
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
    const { exitCode, same, difference } = await replayed();
    expect([exitCode, same, difference?.seq, difference?.replayed?.seq]).toEqual([1, 3, 4, 4]);
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
  expect((await replayed()).exitCode).toBe(0);
});

it('knows no sale that nobody made', async () => {
  expect((await replayed('sale_of_nobody')).exitCode).toBe(2);
});
