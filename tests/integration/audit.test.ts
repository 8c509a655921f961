import { Client } from 'pg';
import { verifyChain } from '#shared/proof/chain.ts';
import { openCheckpoint, originOf, type Checkpoint } from '#shared/proof/checkpoint.ts';
import { verifyConsistency } from '#shared/proof/consistency.ts';
import { createGrowingTree } from '#shared/proof/growing-tree.ts';
import { verifyInclusion } from '#shared/proof/inclusion.ts';
import { parseVerifierKey, type VerifierKey } from '#shared/proof/note.ts';
import { verifyReceipt } from '#shared/proof/receipt.ts';
import type { SaleId } from '#schemas/ids.ts';
import { until } from '../until.ts';
import {
  auditor,
  call,
  change,
  closeSales,
  inParallel,
  item,
  newBuyer,
  newKey,
  newSale,
  operator,
  reserve,
  type Caller,
} from './http-api.ts';

/** What auditors and buyers get of a sale's log in the running stack, checked with nothing but what is public. */

jest.setTimeout(30_000);

const base = process.env['FIRSTCOME_URL'] ?? 'http://localhost:8080';
const ownerUrl = process.env['DATABASE_OWNER_URL'] ?? 'postgres://firstcome:firstcome@127.0.0.1:5460/firstcome';
const signedMsMax = 5_000;

let owner: Client;
let keys: readonly VerifierKey[];
let sale: string;
const sku = `item-${newKey()}`;
let ann: Caller;
let held: string;
let refused: string;

interface StoredRow {
  readonly seq: number;
  readonly leaf: Buffer;
  readonly hash: Buffer;
}
let log: readonly StoredRow[];

beforeAll(async () => {
  owner = new Client({ connectionString: ownerUrl });
  await owner.connect();
  const listed = (await call('GET', '/v1/audit/keys')).body.keys as { name: string; vkey: string }[];
  keys = listed.map(({ vkey }) => parseVerifierKey(vkey)!);
  sale = await newSale({ items: [item(sku, 1_200), item('b', 2)], per_user_limit: 2, hold_seconds: 3_600 });
  ann = newBuyer();
  held = (await reserve(sale, ann, { sku, quantity: 1 })).body.id as string;
  const second = await reserve(sale, ann, { sku: 'b', quantity: 1 });
  await call('POST', `/v1/reservations/${second.body.id as string}/cancel`, { as: ann, key: newKey() });
  refused = (await reserve(sale, ann, { sku, quantity: 2 })).body.reservation_id as string;
  // More than a tile, and more than is sent at once.
  await inParallel(1_100, 16, () => reserve(sale, newBuyer(), { sku, quantity: 1 }));
  await change(sale, 'close');
  const { rows } = await owner.query<{ seq: string; leaf: Buffer; hash: Buffer }>(
    'SELECT seq, leaf, hash FROM events JOIN sale_lines USING (sale_no) WHERE sale_id = $1 ORDER BY seq',
    [sale],
  );
  log = rows.map(({ seq, leaf, hash }) => ({ seq: Number(seq), leaf, hash }));
  expect(log.length).toBeGreaterThan(1_100);
});

afterAll(async () => {
  await closeSales();
  await owner.end();
});

const path = (rest: string): string => `/v1/audit/sales/${sale}/${rest}`;
const text = (accept: string) => ({ headers: { accept } });

function opened(note: string): Checkpoint {
  const checkpoint = openCheckpoint(note, { keys, origin: originOf(keys[0]!.name, sale as SaleId) });
  if (checkpoint.kind === 'refused') throw new Error(`the checkpoint is refused: ${checkpoint.fault}`);
  return checkpoint.checkpoint;
}

/** Root over the first `size` hashes of the ledger. */
function rootOf(size: number): Buffer {
  const tree = createGrowingTree();
  for (const { hash } of log.slice(0, size)) tree.append(hash);
  return tree.root();
}

const bytes = (hashes: readonly string[]): Buffer[] => hashes.map((hash) => Buffer.from(hash, 'base64'));

/** The checkpoint over the whole log. */
const whole = (): Promise<Checkpoint> =>
  until(
    async () => opened((await call('GET', path('checkpoint'))).body as string),
    ({ size }) => size === log.length,
    signedMsMax,
  );

test('sales that are over before anyone looks are signed as soon', async () => {
  const brief = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const id = await newSale({ items: [item('a', 1)] });
      await change(id, 'close');
      return id;
    }),
  );
  const signed = (id: string) => call('GET', `/v1/audit/sales/${id}/checkpoint`, text('application/json'));
  for (const id of brief)
    await until(
      () => signed(id),
      ({ status, body }) => status === 200 && (body as { size: number }).size >= 3,
      signedMsMax,
    );
});

test('the whole log is under a checkpoint within five seconds, for anyone, as a note and as JSON', async () => {
  const checkpoint = await whole();
  expect(checkpoint.root.equals(rootOf(log.length))).toBe(true);
  const note = await call('GET', path('checkpoint'));
  expect(note.headers.get('content-type')).toBe('text/plain; charset=utf-8');
  const asJson = await call('GET', path('checkpoint'), text('application/json'));
  expect(asJson.body).toEqual({
    origin: checkpoint.origin,
    size: log.length,
    root: checkpoint.root.toString('base64'),
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    note: note.body,
  });
});

describe('events', () => {
  test('come page by page, each with its bytes and its hash', async () => {
    const seen: StoredRow[] = [];
    let cursor: string | null = '';
    for (let first = true; cursor !== null; first = false) {
      const query: string = first ? 'from_seq=11&limit=100' : `limit=100&cursor=${cursor}`;
      const { status, body } = await call('GET', path(`events?${query}`), { as: auditor });
      expect(status).toBe(200);
      for (const { seq, leaf, hash, event } of body.data) {
        seen.push({ seq, leaf: Buffer.from(leaf as string, 'base64'), hash: Buffer.from(hash as string, 'hex') });
        expect(event).toEqual(JSON.parse(Buffer.from(leaf as string, 'base64').toString()));
      }
      cursor = body.next_cursor as string | null;
    }
    expect(seen).toEqual(log.slice(10));
  });

  test('stream as the table has them, line by line, and their chain is whole', async () => {
    const { status, headers, body } = await call('GET', path('events'), { as: auditor, ...text('application/x-ndjson') });
    expect([status, headers.get('content-type')]).toEqual([200, 'application/x-ndjson']);
    const lines = (body as string).split('\n');
    expect(lines.pop()).toBe('');
    const streamed = lines.map((line) => JSON.parse(line) as { seq: number; leaf: string; hash: string });
    expect(streamed.map(({ seq, leaf, hash }) => ({ seq, leaf: Buffer.from(leaf, 'base64'), hash: Buffer.from(hash, 'hex') }))).toEqual(
      log,
    );
    expect(verifyChain(streamed.map(({ leaf }) => Buffer.from(leaf, 'base64').toString())).kind).toBe('intact');
  });

  test('stream from a seq on', async () => {
    const { body } = await call('GET', path(`events?from_seq=${log.length}`), { as: auditor, ...text('application/x-ndjson') });
    expect(JSON.parse(body as string)).toMatchObject({ seq: log.length });
    const behind = await call('GET', path(`events?from_seq=${log.length + 1}`), { as: auditor, ...text('application/x-ndjson') });
    expect([behind.status, behind.body]).toEqual([200, '']);
  });
});

describe('proofs', () => {
  test.each([1, 2, 255, 256, 257, 280])('event %i is in the tree', async (seq) => {
    const { root, size } = await whole();
    const { status, body } = await call('GET', path(`proof/inclusion?seq=${seq}`));
    expect([status, body.leaf_index, body.tree_size]).toEqual([200, seq - 1, size]);
    const proof = { leafIndex: seq - 1, treeSize: size, hashes: bytes(body.hashes) };
    expect(verifyInclusion(proof, log[seq - 1]!.hash, root)).toBeNull();
    expect(verifyInclusion(proof, log[seq]!.hash, root)).not.toBeNull();
  });

  test.each([
    [3, 3],
    [100, 256],
    [200, 257],
  ])('event %i is in the tree of %i', async (seq, size) => {
    const { body } = await call('GET', path(`proof/inclusion?seq=${seq}&size=${size}`));
    const proof = { leafIndex: seq - 1, treeSize: size, hashes: bytes(body.hashes) };
    expect(verifyInclusion(proof, log[seq - 1]!.hash, rootOf(size))).toBeNull();
  });

  test.each([
    [1, 280],
    [255, 256],
    [256, 280],
    [257, 258],
    [280, 280],
  ])('the tree of %i is the beginning of that of %i', async (from, to) => {
    const { status, body } = await call('GET', path(`proof/consistency?from=${from}&to=${to}`));
    expect([status, body.from, body.to]).toEqual([200, from, to]);
    expect(verifyConsistency({ from, to, hashes: bytes(body.hashes) }, rootOf(from), rootOf(to))).toBeNull();
  });

  test('without a later size it is that of the newest checkpoint', async () => {
    const { size } = await whole();
    expect((await call('GET', path('proof/consistency?from=1'))).body).toMatchObject({ from: 1, to: size });
  });
});

describe('receipts', () => {
  test.each([
    ['held', () => held],
    ['refused', () => refused],
  ])('a reservation that was %s has one that anyone can verify offline', async (_what, id) => {
    await whole();
    const { status, headers, body } = await call('GET', `/v1/reservations/${id()}/receipt`, { as: ann });
    expect([status, headers.get('cache-control')]).toEqual([200, 'private, no-store']);
    const verified = verifyReceipt(body, keys);
    expect(verified).toMatchObject({ kind: 'valid', event: { reservation_id: id(), sale_id: sale } });
    expect(verifyReceipt({ ...body, leaf: Buffer.from('{}').toString('base64') }, keys)).toMatchObject({ verdict: 'tampered' });
  });

  test.each<[string, string, Caller | undefined, number, string]>([
    ['another’s', 'held', { user: 'somebody-else' }, 404, 'not_found'],
    ['nobody’s', '00000001-0000-8000-8000-000000000001', { user: 'ann' }, 404, 'not_found'],
    ['no id', 'x', { user: 'ann' }, 404, 'not_found'],
    ['nobody asks', 'held', undefined, 401, 'unauthenticated'],
    ['an auditor asks', 'held', auditor, 403, 'forbidden'],
  ])('%s: none', async (_what, id, as, status, code) => {
    const answer = await call('GET', `/v1/reservations/${id === 'held' ? held : id}/receipt`, { as });
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });
});

describe('lists', () => {
  const allOf = async (list: string, limit: number): Promise<{ sale_id: string; seq: number; event: { user?: string } }[]> => {
    const all = [];
    let cursor: string | null = null;
    do {
      const query: string = cursor === null ? `limit=${limit}` : `limit=${limit}&cursor=${cursor}`;
      const { status, body } = await call('GET', `${list}?${query}`, { as: auditor });
      expect(status).toBe(200);
      expect(body.data.length).toBeLessThanOrEqual(limit);
      all.push(...body.data);
      cursor = body.next_cursor as string | null;
    } while (cursor !== null);
    return all;
  };
  const events = (): { seq: number; user?: string; type: string; counts?: object; items?: { sku: string }[]; terms?: object }[] =>
    log.map(({ leaf }) => JSON.parse(leaf.toString()));

  test('what happened to one user, and that somebody looked is on record', async () => {
    await whole();
    const mine = await until(
      () => allOf(`/v1/audit/users/${ann.user}/events`, 2),
      (found) => found.length > 0,
      signedMsMax,
    );
    const ref = mine[0]!.event.user!;
    expect(mine.map(({ sale_id, seq }) => [sale_id, seq])).toEqual(
      events()
        .filter(({ user }) => user === ref)
        .map(({ seq }) => [sale, seq]),
    );
    expect(mine.length).toBeGreaterThanOrEqual(4);
    const { rows } = await owner.query(`SELECT caller, action FROM audit_reads WHERE subject = $1`, [ref]);
    expect(rows.length).toBeGreaterThanOrEqual(mine.length / 2);
    expect(rows[0]).toEqual({ caller: auditor.user, action: 'user_events' });
  });

  test('what happened to one item', async () => {
    await whole();
    const found = await allOf(`/v1/audit/items/${sku}/events`, 100);
    const speaks = ({ counts = {}, items = [], terms }: ReturnType<typeof events>[number]): boolean =>
      terms !== undefined || sku in counts || items.some((one) => one.sku === sku);
    expect(found.map(({ sale_id, seq }) => [sale_id, seq])).toEqual(
      events()
        .filter(speaks)
        .map(({ seq }) => [sale, seq]),
    );
    expect(found.length).toBeGreaterThan(280);
  });

  test.each(['/v1/audit/users/nobody-of-the-tests/events', '/v1/audit/items/nothing-of-the-tests/events', '/v1/audit/items/a%20b/events'])(
    'nothing: %s',
    async (list) => {
      const { status, body } = await call('GET', list, { as: auditor });
      expect([status, body]).toEqual([200, { data: [], next_cursor: null }]);
    },
  );
});

describe('sad paths', () => {
  const cases: [string, Caller | undefined, number, string, string | undefined][] = [
    ['events', undefined, 401, 'unauthenticated', undefined],
    ['events', operator, 403, 'forbidden', undefined],
    ['events?from_seq=0', auditor, 400, 'invalid_request', '/from_seq'],
    ['events?from_seq=x', auditor, 400, 'invalid_request', '/from_seq'],
    ['events?limit=101', auditor, 400, 'invalid_request', '/limit'],
    ['events?cursor=x', auditor, 400, 'invalid_request', '/cursor'],
    ['proof/inclusion', undefined, 400, 'invalid_request', '/seq'],
    ['proof/inclusion?seq=0', undefined, 400, 'invalid_request', '/seq'],
    ['proof/inclusion?seq=3&size=2', undefined, 400, 'invalid_request', '/seq'],
    ['proof/inclusion?seq=1&size=9007199254740991', undefined, 400, 'invalid_request', '/size'],
    ['proof/inclusion?seq=1&size=99999999999999999999', undefined, 400, 'invalid_request', '/size'],
    ['proof/inclusion?seq=1000000', undefined, 404, 'not_found', undefined],
    ['proof/consistency', undefined, 400, 'invalid_request', '/from'],
    ['proof/consistency?from=3&to=2', undefined, 400, 'invalid_request', '/from'],
    ['proof/consistency?from=1&to=1000000', undefined, 400, 'invalid_request', '/to'],
  ];
  test.each(cases)('%s', async (rest, as, status, code, pointer) => {
    await whole();
    const answer = await call('GET', path(rest), { as });
    expect([answer.status, answer.body.code, answer.body.errors?.[0]?.pointer]).toEqual([status, code, pointer]);
    if (status === 503) expect(answer.headers.get('retry-after')).toBe('1');
  });

  test.each(['events', 'checkpoint', 'proof/inclusion?seq=1', 'proof/consistency?from=1'])('a sale that is not there: %s', async (rest) => {
    const answer = await call('GET', `/v1/audit/sales/nothing/${rest}`, { as: auditor });
    expect([answer.status, answer.body.code]).toEqual([404, 'sale_not_found']);
  });

  test('the lists are for auditors', async () => {
    for (const list of ['/v1/audit/users/u/events', '/v1/audit/items/i/events']) {
      expect((await call('GET', list, { as: operator })).status).toBe(403);
      expect((await call('GET', list)).status).toBe(401);
    }
  });

  test('a client that goes away in the middle of a stream harms nobody', async () => {
    const away = new AbortController();
    const headers = { 'x-user-id': auditor.user, 'x-scope': 'auditor', accept: 'application/x-ndjson' };
    const response = await fetch(base + path('events'), { headers, signal: away.signal });
    await response.body!.getReader().read();
    away.abort();
    expect((await call('GET', path('checkpoint'))).status).toBe(200);
  });
});
