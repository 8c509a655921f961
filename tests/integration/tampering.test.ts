import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import type { SaleId } from '#schemas/ids.ts';
import { canonicalJson } from '#shared/proof/canonical.ts';
import { originOf, signCheckpoint } from '#shared/proof/checkpoint.ts';
import { createGrowingTree } from '#shared/proof/growing-tree.ts';
import { hashLeaf } from '#shared/proof/leaf.ts';
import { createSigningKey, formatVerifierKey, type SigningKey } from '#shared/proof/note.ts';
import { EMPTY_HEAD } from '#shared/proof/seal.ts';
import { until } from '../until.ts';
import { firstcome } from './firstcome-command.ts';
import { auditor, call, change, closeSales, item, newBuyer, newKey, newSale, reserve } from './http-api.ts';

/**
 * What somebody with all rights in the database, or with an export in his hands, may do to
 * a sale's log, and what `firstcome audit verify` says of it. The log is that of a sale of
 * the running stack; each test puts back what it altered.
 */

jest.setTimeout(90_000);

const ownerUrl = process.env['DATABASE_OWNER_URL'] ?? 'postgres://firstcome:firstcome@127.0.0.1:5460/firstcome';
const signedMsMax = 20_000;
/** Seqs that are known once the sale has run: the first that was cut off; the first behind the last checkpoint before seq 4. */
const CUT = Symbol('cut');
const SIGNED_BEFORE = Symbol('signed before');

interface EventRow {
  readonly seq: number;
  readonly command_offset: string;
  readonly leaf: Buffer;
  readonly hash: Buffer;
}

let owner: Client;
let folder: string;
let sale: SaleId;
let saleNo: number;
let buyer: ReturnType<typeof newBuyer>;
let reservation: string;
let key: string;
let origin: string;
let rows: EventRow[];
/** Each test counts from here. */
let events: number;

beforeAll(async () => {
  owner = new Client({ connectionString: ownerUrl });
  await owner.connect();
  folder = mkdtempSync(join(tmpdir(), 'firstcome-tampering-'));
  await livelySale();
});

afterAll(async () => {
  await closeSales();
  await owner.end();
  rmSync(folder, { recursive: true, force: true });
});

/** A small sale to its end, signed to its last event, with checkpoints on the way. */
async function livelySale(): Promise<void> {
  sale = (await newSale({ items: [item('a', 4), item('b', 2)], waitlist_limit: 2 })) as SaleId;
  buyer = newBuyer();
  const [bob, cid, dan] = [newBuyer(), newBuyer(), newBuyer()];
  const first = await reserve(sale, buyer, { sku: 'a', quantity: 2 });
  reservation = first.body.id as string;
  const second = await reserve(sale, bob, { sku: 'a', quantity: 2 });
  const third = await reserve(sale, cid, { sku: 'a', quantity: 1 });
  await signedThrough(await eventsNow());
  const paying = { reservation_id: reservation, payment_method_id: 'pm_ok' };
  await call('POST', '/v1/orders', { as: buyer, key: newKey(), prefer: 'wait=20', body: paying });
  const fourth = await reserve(sale, dan, { sku: 'b', quantity: 1 });
  await signedThrough(await eventsNow());
  // Nothing is left alive, so that the log ends with the close.
  for (const [as, { body }] of [
    [bob, second],
    [cid, third],
    [dan, fourth],
  ] as const)
    await call('POST', `/v1/reservations/${body.id as string}/cancel`, { as, key: newKey() });
  for (let more = 0; more < 4; more++) await reserve(sale, newBuyer(), { sku: 'b', quantity: 4 });
  await change(sale, 'close');
  events = await eventsNow();
  await signedThrough(events);
  ({ rows } = await owner.query<EventRow>('SELECT seq::int, command_offset, leaf, hash FROM events WHERE sale_no = $1 ORDER BY seq', [
    saleNo,
  ]));
  key = (await call('GET', '/v1/audit/keys')).body.keys[0].vkey as string;
  origin = originOf(key.split('+')[0]!, sale);
}

async function eventsNow(): Promise<number> {
  const { rows } = await owner.query<{ sale_no: number; seq: string }>(
    'SELECT sale_no, seq FROM sales JOIN sale_lines USING (sale_no) WHERE sale_id = $1',
    [sale],
  );
  saleNo = rows[0]!.sale_no;
  return Number(rows[0]!.seq);
}

async function signedThrough(seq: number): Promise<void> {
  await until(
    async () =>
      (await owner.query<{ size: string }>('SELECT coalesce(max(size), 0) AS size FROM log_checkpoints WHERE sale_no = $1', [saleNo]))
        .rows[0]!,
    ({ size }) => Number(size) >= seq,
    signedMsMax,
  );
}

interface Ended {
  readonly exitCode: number;
  readonly verdict?: string;
  readonly code?: string;
  readonly seq?: number | null;
  readonly replayed?: boolean;
}

async function audited(...args: string[]): Promise<Ended> {
  const { exitCode, answer } = await firstcome(['audit', ...args]);
  return { ...(answer as Omit<Ended, 'exitCode'> | null), exitCode };
}

/** Exit code, verdict, code and first bad seq. */
async function verify(...args: string[]): Promise<readonly unknown[]> {
  const { exitCode, verdict, code, seq } = await audited('verify', '--key', key, ...args);
  return [exitCode, verdict, code, seq];
}

/** An attacker with a superuser's rights switches the triggers off first. Whatever he did to this sale is put back. */
async function whileTampered(tamper: () => Promise<unknown>, look: () => Promise<void>): Promise<void> {
  const sales = (
    await owner.query<{ seq: string; head: Buffer; last_offset: string }>('SELECT seq, head, last_offset FROM sales WHERE sale_no = $1', [
      saleNo,
    ])
  ).rows[0]!;
  const checkpoints = (await owner.query('SELECT * FROM log_checkpoints WHERE sale_no = $1', [saleNo])).rows as Record<string, unknown>[];
  await owner.query('SET session_replication_role = replica');
  try {
    await tamper();
    await look();
  } finally {
    await putEvents(rows);
    await owner.query('UPDATE sales SET seq = $2, head = $3, last_offset = $4 WHERE sale_no = $1', [
      saleNo,
      sales.seq,
      sales.head,
      sales.last_offset,
    ]);
    await owner.query('DELETE FROM log_checkpoints WHERE sale_no = $1', [saleNo]);
    for (const row of checkpoints) await putCheckpoint(Number(row['size']), row['root'] as Buffer, row['note'] as string);
    await owner.query('SET session_replication_role = DEFAULT');
  }
  expect(await verify('--sale', sale)).toEqual([0, 'verified', 'verified', null]);
}

async function putEvents(events: readonly EventRow[]): Promise<void> {
  await owner.query('DELETE FROM events WHERE sale_no = $1', [saleNo]);
  for (const { seq, command_offset, leaf, hash } of events)
    await owner.query('INSERT INTO events (sale_no, seq, command_offset, leaf, hash) VALUES ($1, $2, $3, $4, $5)', [
      saleNo,
      seq,
      command_offset,
      leaf,
      hash,
    ]);
}

async function putCheckpoint(size: number, root: Buffer, note: string): Promise<void> {
  await owner.query('INSERT INTO log_checkpoints (sale_no, size, root, note, signed_at) VALUES ($1, $2, $3, $4, now())', [
    saleNo,
    size,
    root,
    note,
  ]);
}

/** The same rows, with another buyer at `seq` and all that stands behind it made to fit. */
function rewritten(from: number): EventRow[] {
  let prev = from === 1 ? EMPTY_HEAD : rows[from - 2]!.hash.toString('hex');
  return rows.map((row) => {
    if (row.seq < from) return row;
    const event = JSON.parse(row.leaf.toString()) as Record<string, unknown>;
    if (row.seq === from && 'user' in event) event['user'] = '00000000-0000-8000-8000-000000000000';
    if (row.seq === from) event['request_id'] = 'mallory';
    const leaf = canonicalJson({ ...event, prev });
    prev = hashLeaf(leaf);
    return { ...row, leaf: Buffer.from(leaf), hash: Buffer.from(prev, 'hex') };
  });
}

function rootOf(events: readonly EventRow[]): Buffer {
  const tree = createGrowingTree();
  for (const { hash } of events) tree.append(hash);
  return tree.root();
}

async function putLog(events: readonly EventRow[]): Promise<void> {
  await putEvents(events);
  const last = events.at(-1)!;
  await owner.query('UPDATE sales SET seq = $2, head = $3, last_offset = $4 WHERE sale_no = $1', [
    saleNo,
    last.seq,
    last.hash,
    last.command_offset,
  ]);
}

/** Of an answer in lines of JSON. */
const lastLine = (body: string): unknown => JSON.parse(body.trimEnd().split('\n').at(-1)!);
const mallory = (): SigningKey => createSigningKey(key.split('+')[0]!, Buffer.alloc(32, 7));
const onlyRow = (seq: number) => `WHERE sale_no = ${saleNo} AND seq = ${seq}`;

it('is verified as it is, replayed to its end and signed to its last event', async () => {
  expect(await audited('verify', '--key', key, '--sale', sale)).toMatchObject({
    exitCode: 0,
    verdict: 'verified',
    replayed: true,
    events,
    signed_through: events,
  });
});

it('refuses changes of the log, whoever asks', async () => {
  for (const statement of [`UPDATE events SET hash = hash ${onlyRow(4)}`, `DELETE FROM events ${onlyRow(4)}`, 'TRUNCATE events'])
    await expect(owner.query(statement)).rejects.toThrow('append-only');
});

describe('the ledger', () => {
  it.each<[string, () => Promise<unknown>, readonly unknown[], readonly unknown[]]>([
    [
      'one byte of a leaf is changed',
      () => owner.query(`UPDATE events SET leaf = set_byte(leaf, 5, get_byte(leaf, 5) # 1) ${onlyRow(4)}`),
      [10, 'tampered', 'leaf_differs', 4],
      [10, 'tampered', 'leaf_unreadable', 4],
    ],
    [
      'a row is deleted',
      () => owner.query(`DELETE FROM events ${onlyRow(4)}`),
      [10, 'tampered', 'event_missing', 4],
      [10, 'tampered', 'event_missing', 4],
    ],
    [
      'the first row is deleted',
      () => owner.query(`DELETE FROM events ${onlyRow(1)}`),
      [10, 'tampered', 'event_missing', 1],
      [10, 'tampered', 'event_missing', 1],
    ],
    [
      'two rows are swapped',
      () => putEvents(rows.map((row) => ({ ...row, seq: row.seq === 4 ? 5 : row.seq === 5 ? 4 : row.seq })).sort((a, b) => a.seq - b.seq)),
      [10, 'tampered', 'events_swapped', 4],
      [10, 'tampered', 'events_swapped', 4],
    ],
    [
      'the tail is cut',
      () => owner.query(`DELETE FROM events WHERE sale_no = ${saleNo} AND seq > ${events - 2}`),
      [11, 'truncated', 'events_missing_at_end', CUT],
      [11, 'truncated', 'events_missing_at_end', CUT],
    ],
    [
      'a row is put in',
      () => putLog([...rows.slice(0, 3), { ...rewritten(4)[3]!, seq: 4 }, ...rows.slice(3).map((row) => ({ ...row, seq: row.seq + 1 }))]),
      [10, 'tampered', 'event_inserted', 4],
      [10, 'tampered', 'event_inserted', 5],
    ],
    [
      'all later hashes are computed anew, and only the signed checkpoint betrays it',
      () => putLog(rewritten(4)),
      [10, 'tampered', 'leaf_differs', 4],
      [10, 'tampered', 'root_differs', SIGNED_BEFORE],
    ],
  ])('%s', async (_what, tamper, replayed, alone) => {
    const { rows: signed } = await owner.query<{ size: string }>(
      'SELECT coalesce(max(size), 0) AS size FROM log_checkpoints WHERE sale_no = $1 AND size < 4',
      [saleNo],
    );
    const named = new Map<unknown, number>([
      [CUT, events - 1],
      [SIGNED_BEFORE, Number(signed[0]!.size) + 1],
    ]);
    const seqs = (expected: readonly unknown[]) => expected.map((value) => named.get(value) ?? value);
    await whileTampered(tamper, async () => {
      expect(await verify('--sale', sale)).toEqual(seqs(replayed));
      expect(await verify('--sale', sale, '--no-replay')).toEqual(seqs(alone));
    });
  });

  it('the whole log is rewritten and signed with another key', async () => {
    const kept = join(folder, 'kept-checkpoint');
    writeFileSync(kept, (await call('GET', `/v1/audit/sales/${sale}/checkpoint`)).body as string);
    const forged = rewritten(1);
    const forge = async (): Promise<void> => {
      await putLog(forged);
      await owner.query('DELETE FROM log_checkpoints WHERE sale_no = $1', [saleNo]);
      const root = rootOf(forged);
      await putCheckpoint(events, root, signCheckpoint({ origin, size: events, root }, [mallory()]));
    };
    await whileTampered(forge, async () => {
      // Against the line it is found out at once; without it by the key; with a checkpoint that was kept it is a fork.
      expect(await verify('--sale', sale)).toEqual([10, 'tampered', 'leaf_differs', 1]);
      expect(await verify('--sale', sale, '--no-replay')).toEqual([13, 'unverifiable', 'untrusted_key', null]);
      expect(await verify('--sale', sale, '--no-replay', '--checkpoint', kept)).toEqual([12, 'forked', 'brought_checkpoint_differs', 1]);
      // Who trusts whatever key he is given believes it.
      const { exitCode } = await audited('verify', '--key', formatVerifierKey(mallory().verifier), '--sale', sale, '--no-replay');
      expect(exitCode).toBe(0);
    });
  });

  it('an old backup is restored', async () => {
    const receipt = join(folder, 'kept-receipt.json');
    writeFileSync(receipt, JSON.stringify((await call('GET', `/v1/reservations/${reservation}/receipt`, { as: buyer })).body));
    const { rows: sizes } = await owner.query<{ size: string }>('SELECT min(size) AS size FROM log_checkpoints WHERE sale_no = $1', [
      saleNo,
    ]);
    const size = Number(sizes[0]!.size);
    expect(size).toBeLessThan(events);
    const restore = async (): Promise<void> => {
      await putLog(rows.slice(0, size));
      await owner.query('UPDATE sales SET status = $2, settled = false WHERE sale_no = $1', [saleNo, 'open']);
      await owner.query('DELETE FROM log_checkpoints WHERE sale_no = $1 AND size > $2', [saleNo, size]);
    };
    const { rows: before } = await owner.query<{ status: string; settled: boolean }>(
      'SELECT status, settled FROM sales WHERE sale_no = $1',
      [saleNo],
    );
    await whileTampered(restore, async () => {
      try {
        // All that is there is right: only who has seen more can tell, until the audit service puts back what it signed last.
        expect([0, 11]).toContain((await verify('--sale', sale))[0]);
        expect(await verify('--sale', sale, '--checkpoint', receipt)).toEqual([11, 'truncated', 'checkpoint_ahead', size + 1]);
        const { body } = await call('POST', `/v1/audit/sales/${sale}/verify`, { as: auditor, body: {} });
        expect(lastLine(body as string)).toMatchObject({ verdict: 'truncated', code: 'checkpoint_ahead', seq: size + 1 });
      } finally {
        await owner.query('UPDATE sales SET status = $2, settled = $3 WHERE sale_no = $1', [saleNo, before[0]!.status, before[0]!.settled]);
      }
    });
  });

  it('a checkpoint of a wrong origin, and one of a wrong signature', async () => {
    const { rows: last } = await owner.query<{ note: string }>(
      'SELECT note FROM log_checkpoints WHERE sale_no = $1 ORDER BY size DESC LIMIT 1',
      [saleNo],
    );
    const { note } = last[0]!;
    const set = (to: string) => () =>
      owner.query('UPDATE log_checkpoints SET note = $2 WHERE sale_no = $1 AND size = $3', [saleNo, to, events]);
    const root = rootOf(rows);
    const another = signCheckpoint({ origin: `${origin}x`, size: events, root }, [mallory()]);
    const trusted = formatVerifierKey(mallory().verifier);
    await whileTampered(set(another), async () => {
      expect(await verify('--sale', sale, '--key', trusted)).toEqual([10, 'tampered', 'checkpoint_origin', null]);
    });
    await whileTampered(set(note.replace(`\n${events}\n`, `\n${events - 1}\n`)), async () => {
      expect(await verify('--sale', sale)).toEqual([10, 'tampered', 'checkpoint_altered', null]);
    });
  });
});

it('is verified over HTTP, with what was signed last as it is remembered outside the ledger', async () => {
  const asked = await fetch(`${process.env['FIRSTCOME_URL'] ?? 'http://localhost:8080'}/v1/audit/sales/${sale}/verify`, {
    method: 'POST',
    headers: { 'x-user-id': auditor.user, 'x-scope': 'auditor', 'content-type': 'application/json' },
    body: '{}',
  });
  expect([asked.status, asked.headers.get('content-type')]).toEqual([200, 'application/x-ndjson']);
  const lines = (await asked.text())
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines.slice(0, -1).every((line) => 'progress' in line)).toBe(true);
  expect(lines.at(-1)).toMatchObject({ sale_id: sale, verdict: 'verified', events, replayed: true });
  expect((lines.at(-1)!['invariants'] as { id: string }[]).map(({ id }) => id)).toEqual(Array.from({ length: 11 }, (_, n) => `I${n + 1}`));
  const { status } = await call('POST', `/v1/audit/sales/${sale}/verify`, { as: buyer, body: {} });
  expect(status).toBe(403);
});

describe('a receipt', () => {
  const file = (): string => join(folder, 'receipt.json');
  const receiptOf = async (id: string) =>
    (await call('GET', `/v1/reservations/${id}/receipt`, { as: buyer })).body as Record<string, unknown>;
  async function verdictOf(change: (receipt: Record<string, unknown>) => object, trusted = key): Promise<readonly unknown[]> {
    writeFileSync(file(), JSON.stringify(change(await receiptOf(reservation))));
    const { exitCode, verdict, code } = await audited('verify-receipt', file(), '--key', trusted);
    return [exitCode, verdict, code];
  }

  it('proves the decision, and a changed one does not', async () => {
    expect(await verdictOf((receipt) => receipt)).toEqual([0, 'verified', 'verified']);
    const { body: other } = await call('GET', `/v1/audit/sales/${sale}/proof/inclusion?seq=1&size=${events}`);
    expect(await verdictOf((receipt) => ({ ...receipt, hashes: other.hashes as string[] }))).toEqual([10, 'tampered', 'root_differs']);
    expect(await verdictOf((receipt) => ({ ...receipt, leaf: rows[5]!.leaf.toString('base64') }))).toEqual([
      10,
      'tampered',
      'root_differs',
    ]);
    expect(await verdictOf((receipt) => ({ ...receipt, tree_size: events - 1 }))).toEqual([10, 'tampered', 'size_differs']);
    expect(await verdictOf((receipt) => ({ ...receipt, note: (receipt['note'] as string).replace(sale, `${sale}x`) }))).toEqual([
      10,
      'tampered',
      'signature_invalid',
    ]);
    expect(await verdictOf((receipt) => receipt, formatVerifierKey(mallory().verifier))).toEqual([
      13,
      'unverifiable',
      'no_known_signature',
    ]);
    expect(await verdictOf(() => ({}))).toEqual([13, 'unverifiable', 'malformed']);
  });
});

describe('an export', () => {
  let whole: string;
  beforeAll(async () => {
    whole = join(folder, 'export');
    expect((await audited('export', '--sale', sale, '--out', whole)).exitCode).toBe(0);
  });

  it('is verified offline, as a directory and as one .tar', async () => {
    const tar = join(folder, 'export.tar');
    expect((await audited('export', '--sale', sale, '--out', tar)).exitCode).toBe(0);
    for (const path of [whole, tar])
      expect(await audited('verify', '--key', key, path)).toMatchObject({ exitCode: 0, verdict: 'verified', replayed: true, events });
    expect((await audited('verify', tar)).exitCode).toBe(13);
    expect((await audited('verify', tar, '--trust-included-keys')).exitCode).toBe(0);
  });

  it.each<[string, (path: string) => void, readonly unknown[]]>([
    ['a file is missing', (path) => rmSync(join(path, 'hashes.bin')), [13, 'unverifiable', 'file_missing', null]],
    ['the manifest is missing', (path) => rmSync(join(path, 'manifest.json')), [13, 'unverifiable', 'manifest_missing', null]],
    [
      'a byte of an event is changed',
      (path) => {
        const bytes = readFileSync(join(path, 'events.ndjson'));
        bytes[rows[0]!.leaf.length + 10]! ^= 1;
        writeFileSync(join(path, 'events.ndjson'), bytes);
      },
      [10, 'tampered', 'leaf_differs', 2],
    ],
    [
      'a command of the line is changed',
      (path) => {
        const line = readFileSync(join(path, 'line.ndjson'), 'utf8');
        writeFileSync(join(path, 'line.ndjson'), line.replace('"sku":"a","quantity":2', '"sku":"a","quantity":1'));
      },
      [10, 'tampered', 'leaf_differs', 3],
    ],
  ])('%s', async (_what, tamper, expected) => {
    const path = join(folder, 'forged');
    cpSync(whole, path, { recursive: true });
    try {
      tamper(path);
      expect(await verify(path)).toEqual(expected);
    } finally {
      rmSync(path, { recursive: true });
    }
  });
});

it.each<[string, string[], number]>([
  ['neither export nor sale', [], 2],
  ['both', ['x', '--sale', 'y'], 2],
  ['an option there is none of', ['--nonsense'], 2],
  ['a key that is none', ['x', '--key', 'nonsense'], 2],
  ['a checkpoint that is not there', ['x', '--checkpoint', '/nowhere'], 2],
  ['no such sale', ['--sale', 'sale_of_nobody'], 1],
  ['no such export', ['/nowhere'], 13],
])('is called with %s', async (_what, args, exitCode) => {
  expect((await audited('verify', ...args)).exitCode).toBe(exitCode);
});
