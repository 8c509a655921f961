import { createSocket } from 'node:dgram';
import { Client, type Pool } from 'pg';
import type { SaleId } from '#schemas/ids.ts';
import { openPool } from '#shared/ledger/connections.ts';
import { eraseBuyer, tracesOf } from '#shared/ledger/erase-buyer.ts';
import { attemptsOf, type StoredAttempt } from '#shared/ledger/read/attempts.ts';
import { refsOfUser } from '#shared/ledger/read/buyers.ts';
import { openReads, type Reads } from '#shared/ledger/read/reads.ts';
import { firstcome } from './firstcome-command.ts';
import { auditor, call, closeSales, inParallel, newBuyer, newKey, newSale, reserve, type Caller } from './http-api.ts';

/** What the edge of the running stack knows and the log does not hold: whose pseudonyms, and what never reached the line. */

jest.setTimeout(60_000);

const ownerUrl = process.env['DATABASE_OWNER_URL'] ?? 'postgres://firstcome:firstcome@127.0.0.1:5460/firstcome';
const reservePort = 8101 + Number(process.env['PORT_OFFSET'] ?? 0);
const writtenMsMax = 2_000;

let owner: Client;
let ownerPool: Pool;
let reads: Reads;
let sale: SaleId;

beforeAll(async () => {
  owner = new Client({ connectionString: ownerUrl });
  await owner.connect();
  ownerPool = openPool(ownerUrl, 'test-erase', 1);
  reads = openReads({ databaseUrl: ownerUrl, applicationName: 'test-edge-records', connectionsMax: 2, onFault: () => undefined });
  sale = (await newSale()) as SaleId;
});

afterAll(async () => {
  await closeSales();
  await Promise.all([owner.end(), ownerPool.end(), reads.close()]);
});

/** What `look` finds once it finds something. */
async function soon<T>(look: () => Promise<readonly T[]>): Promise<readonly T[]> {
  const until = Date.now() + writtenMsMax;
  for (;;) {
    const found = await look();
    if (found.length > 0 || Date.now() > until) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const pseudonymsOf = ({ user }: Caller) => soon(() => refsOfUser(reads, user));
const attemptsBy = (requestId: string): Promise<readonly StoredAttempt[]> =>
  soon(async () => (await attemptsOf(reads, { saleId: null, users: null }, null, 1_000)).filter((one) => one.request_id === requestId));

describe('whose pseudonym it is', () => {
  it('is known within two seconds of a request in the line, once, and it is the one in the log', async () => {
    const ann = newBuyer();
    const answer = await reserve(sale, ann, { sku: 'a', quantity: 1 });
    expect(answer.status).toBe(201);
    const refs = await pseudonymsOf(ann);
    expect(refs).toHaveLength(1);
    await reserve(sale, ann, { sku: 'b', quantity: 1 });
    await call('POST', '/v1/orders', { as: ann, key: newKey(), body: { reservation_id: answer.body.id, payment_method_id: 'pm_ok' } });
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await refsOfUser(reads, ann.user)).toEqual(refs);
    const { rows } = await owner.query('SELECT user_ref FROM reservations WHERE id = $1', [answer.body.id]);
    expect(rows).toEqual([{ user_ref: refs[0] }]);
  });

  it('is known of who was turned away before the line, not of who only reads', async () => {
    const [bob, eve] = [newBuyer(), newBuyer()];
    await call('POST', `/v1/sales/${sale}/reservations`, { as: bob, body: { sku: 'a', quantity: 1 } });
    await call('GET', `/v1/sales/${sale}`, { as: eve });
    expect(await pseudonymsOf(bob)).toHaveLength(1);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await refsOfUser(reads, eve.user)).toEqual([]);
  });
});

describe('what never reached the line', () => {
  it.each<[string, { as?: Caller; key?: string; body?: unknown }, Partial<StoredAttempt>]>([
    ['without a key', { as: newBuyer(), body: { sku: 'a', quantity: 1 } }, { reason: 'idempotency_key_required', tier: 'buyer' }],
    ['with a bad body', { as: newBuyer(), key: newKey(), body: { sku: 'a', quantity: 0 } }, { reason: 'invalid_request', tier: 'buyer' }],
    ['by nobody', { key: newKey(), body: { sku: 'a', quantity: 1 } }, { reason: 'unauthenticated', tier: 'anonymous', user_ref: null }],
    [
      'by an operator',
      { as: { user: 'op', scope: 'operator' }, key: newKey(), body: { sku: 'a', quantity: 1 } },
      { reason: 'forbidden', tier: 'operator' },
    ],
  ])('is kept: %s', async (_name, options, expected) => {
    const requestId = `r-${newKey()}`;
    const headers = { 'x-request-id': requestId, 'user-agent': 'of the tests' };
    const { status } = await call('POST', `/v1/sales/${sale}/reservations`, { ...options, headers });
    expect(status).toBeGreaterThanOrEqual(400);
    const [attempt, ...others] = await attemptsBy(requestId);
    const hash = expect.stringMatching(/^[0-9a-f]{32}$/);
    expect(attempt).toMatchObject({ sale_id: sale, address_hash: hash, device_hash: hash, ...expected });
    expect(others).toEqual([]);
    expect(Math.abs(attempt!.at_ms - Date.now())).toBeLessThan(5_000);
  });

  it('is kept as the gateway tells it', async () => {
    const requestId = `r-${newKey()}`;
    const told = { at: (Date.now() / 1_000).toFixed(3), method: 'POST', path: `/v1/sales/${sale}/reservations`, address: '192.0.2.1' };
    const socket = createSocket('udp4');
    const datagram = `<190>Nov 21 12:00:00 firstcome: ${JSON.stringify({ ...told, agent: 'Firefox', request_id: requestId, browser: '0' })}`;
    await new Promise((resolve) => socket.send(datagram, reservePort, '127.0.0.1', resolve));
    socket.close();
    expect(await attemptsBy(requestId)).toMatchObject([
      { sale_id: sale, user_ref: null, tier: 'anonymous', reason: 'gateway_rate_limited', address_hash: expect.any(String) },
    ]);
  });

  it('is kept of who asks too often, and a list of it is read page by page, newest first', async () => {
    const eve = newBuyer();
    await reserve(sale, eve, { sku: 'a', quantity: 1 });
    const answers = await inParallel(560, 20, () => call('GET', '/v1/orders', { as: eve }));
    const throttled = answers.filter(({ status }) => status === 429).length;
    expect(throttled).toBeGreaterThan(40);
    const users = await pseudonymsOf(eve);
    const all = (limit: number, after: { ms: number; id: string } | null = null) =>
      attemptsOf(reads, { saleId: null, users }, after, limit);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const whole = await all(1_000);
    expect(whole).toHaveLength(throttled);
    expect(new Set(whole.map(({ reason }) => reason))).toEqual(new Set(['rate_limited']));
    expect(whole.map(({ at_ms: at, id }) => [at, id])).toEqual(
      [...whole].sort((a, b) => b.at_ms - a.at_ms || b.id - a.id).map(({ at_ms: at, id }) => [at, id]),
    );
    const paged: StoredAttempt[] = [];
    for (let page = (await all(7)).slice(0, 7); page.length > 0; page = (await all(7, placeOf(paged.at(-1)!))).slice(0, 7))
      paged.push(...page);
    expect(paged).toEqual(whole);
    expect(await attemptsOf(reads, { saleId: sale, users }, null, 10)).toEqual([]);
  });

  const placeOf = ({ at_ms: ms, id }: StoredAttempt) => ({ ms, id: String(id) });
});

describe('the services’ role', () => {
  it.each(['buyers', 'attempts'])('can add to %s and cannot look into it or change it', async (table) => {
    for (const statement of [
      `SELECT * FROM ${table}`,
      `DELETE FROM ${table}`,
      `UPDATE ${table} SET user_ref = NULL`,
      `TRUNCATE ${table}`,
    ]) {
      await owner.query('BEGIN');
      await owner.query('SET LOCAL ROLE firstcome_app');
      await expect(owner.query(statement)).rejects.toThrow(/permission denied/);
      await owner.query('ROLLBACK');
    }
  });

  it.each(['buyers', 'attempts'])('of an auditor can look into %s and cannot change it', async (table) => {
    const as = async (statement: string) => {
      await owner.query('BEGIN');
      await owner.query('SET LOCAL ROLE firstcome_audit');
      return owner.query(statement).finally(() => owner.query('ROLLBACK'));
    };
    await expect(as(`SELECT * FROM ${table} LIMIT 1`)).resolves.toBeDefined();
    await expect(as(`DELETE FROM ${table}`)).rejects.toThrow(/permission denied/);
  });
});

describe('erasing a user', () => {
  it('takes the name and what the attempts say of him; the log stays, and the sale still replays', async () => {
    const dan = newBuyer();
    const requestId = `r-${newKey()}`;
    const reserved = await reserve(sale, dan, { sku: 'b', quantity: 1 });
    expect(reserved.status).toBe(201);
    const options = { as: dan, body: { sku: 'a', quantity: 1 }, headers: { 'x-request-id': requestId } };
    await call('POST', `/v1/sales/${sale}/reservations`, options);
    const refs = await pseudonymsOf(dan);
    expect(await attemptsBy(requestId)).toMatchObject([{ user_ref: refs[0] }]);
    const user = { userId: dan.user, derived: [] };
    const found = { names: 1, attempts: 1, reservations: 1, orders: 0 };
    expect(await tracesOf(ownerPool, user)).toEqual(found);
    expect(await eraseBuyer(ownerPool, user, { caller: 'owner:tests', requestId })).toEqual(found);
    expect(await refsOfUser(reads, dan.user)).toEqual([]);
    expect(await attemptsBy(requestId)).toMatchObject([
      { user_ref: null, address_hash: null, device_hash: null, reason: 'idempotency_key_required' },
    ]);
    const recorded = await owner.query('SELECT * FROM audit_reads WHERE request_id = $1', [requestId]);
    expect(recorded.rows).toMatchObject([{ caller: 'owner:tests', action: 'erase_user' }]);
    expect(JSON.stringify(recorded.rows)).not.toContain(dan.user);
    expect(await tracesOf(ownerPool, user)).toEqual({ names: 0, attempts: 0, reservations: 0, orders: 0 });
    expect((await call('GET', `/v1/reservations/${reserved.body.id}`, { as: dan })).status).toBe(200);
    expect((await firstcome(['replay', '--sale', sale])).exitCode).toBe(0);
  });

  it('finds who never stood in a line, by command', async () => {
    const requestId = `r-${newKey()}`;
    const fay = newBuyer();
    await call('POST', `/v1/sales/${sale}/reservations`, { as: fay, body: {}, headers: { 'x-request-id': requestId } });
    expect(await attemptsBy(requestId)).toMatchObject([{ user_ref: expect.any(String) as string }]);
    await pseudonymsOf(fay);
    const asked = await call('GET', `/v1/audit/attempts?user_id=${fay.user}`, { as: auditor });
    expect(asked.body.data).toContainEqual(expect.objectContaining({ request_id: requestId }));
    const command = ['audit', 'erase-user', '--user', fay.user];
    expect(await firstcome(command)).toMatchObject({ exitCode: 2, answer: { erased: false, names: 1, attempts: 1 } });
    expect(await firstcome([...command, '--yes'])).toMatchObject({ exitCode: 0, answer: { erased: true, names: 1, attempts: 1 } });
    expect(await attemptsBy(requestId)).toMatchObject([{ user_ref: null }]);
  });
});
