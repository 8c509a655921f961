import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { Client, type Pool } from 'pg';
import type { Epoch, SaleId } from '#schemas/ids.ts';
import { generateKey, rotateKey } from '#shared/audit-keys/key-folder.ts';
import { openPool } from '#shared/ledger/connections.ts';
import { allocateLine } from '#shared/ledger/lines.ts';
import { createWriterLedger } from '#shared/ledger/writer-ledger.ts';
import { openCheckpoint, type OpenedCheckpoint } from '#shared/proof/checkpoint.ts';
import { parseVerifierKey } from '#shared/proof/note.ts';
import { until } from '../until.ts';
import { closed, created, nextBatch, opened, scheduled, scriptedSale, type ScriptedSale, type Told } from './batches.ts';
import { createTestDatabase, type TestDatabase } from './databases.ts';

/** The audit service as a process of its own on a ledger of its own, which is altered behind its back while it is away. */

jest.setTimeout(90_000);

const NAME = 'firstcome.test/log';
const signedMsMax = 10_000;

let database: TestDatabase;
let owner: Client;
let pool: Pool;
let ledger: ReturnType<typeof createWriterLedger>;
let folder: string;
let keysFolder: string;
const running: ChildProcess[] = [];

beforeEach(async () => {
  database = await createTestDatabase();
  owner = new Client({ connectionString: database.ownerUrl });
  await owner.connect();
  // As someone with a superuser's rights does; the log refuses it otherwise.
  await owner.query('SET session_replication_role = replica');
  pool = openPool(database.appUrl, 'test-pool', 2);
  ledger = createWriterLedger({ databaseUrl: database.appUrl, applicationName: 'test-writer' });
  folder = mkdtempSync(join(tmpdir(), 'firstcome-audit-'));
  keysFolder = join(folder, 'keys');
  await generateKey(keysFolder, NAME);
});

afterEach(async () => {
  await Promise.all(running.splice(0).map(stop));
  await ledger.close();
  await pool.end();
  await owner.end();
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

interface Service {
  readonly process: ChildProcess;
  get(path: string): Promise<{ readonly status: number; readonly text: string }>;
  /** What of `/readyz` is not ready; empty where all is. */
  unready(): Promise<string>;
  checkpoint(sale: ScriptedSale): Promise<{ readonly size: number; readonly opened: OpenedCheckpoint }>;
}

async function start(state = 'state'): Promise<Service> {
  const child = spawn(process.execPath, ['services/audit/main.ts'], {
    env: {
      ...process.env,
      AUDIT_DATABASE_URL: database.auditUrl,
      AUDIT_ORIGIN: NAME,
      AUDIT_KEYS_DIR: keysFolder,
      AUDIT_STATE_DIR: join(folder, state),
      AUTH_MODE: 'dev',
      LOG_LEVEL: 'info',
      HTTP_HOST: '127.0.0.1',
      HTTP_PORT: '0',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.push(child);
  const port = await new Promise<number>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the audit service ended with ${code}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const said = JSON.parse(line) as { msg: string; port?: number };
      if (said.msg === 'listening') resolve(said.port!);
    });
  });
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { 'x-user-id': 'a', 'x-scope': 'auditor' } });
    return { status: response.status, text: await response.text() };
  };
  return {
    process: child,
    get,
    async unready() {
      const { text } = await get('/readyz');
      const { dependencies } = JSON.parse(text) as { dependencies: { ready: boolean; reason?: string }[] };
      return dependencies.flatMap(({ ready, reason }) => (ready ? [] : [reason ?? ''])).join('; ');
    },
    async checkpoint({ saleId }) {
      const { text } = await get(`/v1/audit/sales/${saleId}/checkpoint`);
      const listed = JSON.parse((await get('/v1/audit/keys')).text) as { keys: { vkey: string }[] };
      const keys = listed.keys.map(({ vkey }) => parseVerifierKey(vkey)!);
      return { size: Number(text.split('\n')[1]), opened: openCheckpoint(text, { keys, origin: `${NAME}/${saleId}` }) };
    },
  };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}

async function newSale(name: string): Promise<{ sale: ScriptedSale; epoch: Epoch }> {
  const line = await allocateLine(pool, name as SaleId, 8);
  if (line === 'no_free_line') throw new Error('no free line');
  const taken = await ledger.takeOver(line.partition, 'me', 60_000, 'cluster-1');
  if (taken.kind !== 'taken') throw new Error(`leased to ${taken.owner}`);
  const sale = scriptedSale(line, name);
  const key = line.partition + 1;
  await ledger.commit(nextBatch(sale, taken.position.epoch, [scheduled([{ sku: 'A', quantity: 1_000 }], { key }), opened]));
  return { sale, epoch: taken.position.epoch };
}

/** Reservations `from` to `to`, one unit each. */
const holds = (from: number, to: number): Told[] =>
  Array.from({ length: to - from + 1 }, (_, index) => created(from + index, { A: { total: 1_000, held: from + index, sold: 0 } }));

async function tell({ sale, epoch }: { sale: ScriptedSale; epoch: Epoch }, told: readonly Told[]): Promise<void> {
  expect(await ledger.commit(nextBatch(sale, epoch, told))).toEqual({ kind: 'committed' });
}

const signedTo = (service: Service, sale: ScriptedSale, size = sale.seq) =>
  until(
    () => service.checkpoint(sale),
    (checkpoint) => checkpoint.size === size,
    signedMsMax,
  );

const unreadyBy = (service: Service, code: string) =>
  until(
    () => service.unready(),
    (reason) => reason.includes(code),
    signedMsMax,
  );

/** The ledger as it was when the sale had `seq` events, with what the audit service keeps in it gone. */
async function rewind({ sale }: { sale: ScriptedSale }, seq: number): Promise<Record<string, unknown>[]> {
  const { rows } = await owner.query<Record<string, unknown>>('SELECT * FROM events WHERE sale_no = $1 AND seq > $2 ORDER BY seq', [
    sale.saleNo,
    seq,
  ]);
  await owner.query('DELETE FROM events WHERE sale_no = $1 AND seq > $2', [sale.saleNo, seq]);
  for (const table of ['log_tiles', 'log_trees', 'log_checkpoints']) await owner.query(`DELETE FROM ${table}`);
  await pointAt(sale, seq);
  return rows;
}

async function pointAt(sale: ScriptedSale, seq: number): Promise<void> {
  await owner.query('UPDATE sales SET seq = $2, head = (SELECT hash FROM events WHERE sale_no = $1 AND seq = $2) WHERE sale_no = $1', [
    sale.saleNo,
    seq,
  ]);
}

async function insert(rows: readonly Record<string, unknown>[]): Promise<void> {
  for (const row of rows)
    await owner.query('INSERT INTO events VALUES ($1, $2, $3, $4, $5)', [
      row['sale_no'],
      row['seq'],
      row['command_offset'],
      row['leaf'],
      row['hash'],
    ]);
}

test('goes on where it stopped, also over events that came while it was away, and signs the last one at once', async () => {
  const one = await newSale('one');
  let service = await start();
  await tell(one, holds(1, 300));
  await signedTo(service, one.sale);
  await stop(service.process);
  await tell(one, holds(301, 700));
  service = await start();
  expect((await signedTo(service, one.sale)).opened.kind).toBe('opened');
  await tell(one, [closed(99)]);
  expect((await signedTo(service, one.sale)).opened.kind).toBe('opened');
  expect(await service.unready()).toBe('');
  const proof = JSON.parse((await service.get('/v1/audit/sales/one/proof/consistency?from=302')).text) as object;
  expect(proof).toMatchObject({ from: 302, to: 703 });
});

test('one of two copies signs; the other answers, and takes over when the first is gone', async () => {
  const one = await newSale('one');
  const [first, second] = [await start(), await start('state-of-another-machine')];
  await signedTo(first, one.sale);
  await signedTo(second, one.sale);
  first.process.kill('SIGKILL');
  await tell(one, holds(1, 3));
  expect((await signedTo(second, one.sale)).opened.kind).toBe('opened');
  expect(await second.unready()).toBe('');
});

test('a ledger that has less than was signed is not signed, until it has that again', async () => {
  const [one, other] = [await newSale('one'), await newSale('other')];
  await tell(one, holds(1, 6));
  let service = await start();
  const before = await signedTo(service, one.sale, 8);
  await signedTo(service, other.sale);
  await stop(service.process);

  const rows = await rewind(one, 4);
  service = await start();
  expect(await unreadyBy(service, 'log_shrunk')).toBe('one: log_shrunk');
  expect((await service.get('/readyz')).status).toBe(503);
  // What was signed is still told, although the ledger has forgotten it; and another sale is signed as ever.
  expect(await service.checkpoint(one.sale)).toEqual(before);
  await tell(other, holds(501, 502));
  await signedTo(service, other.sale);
  expect((await service.get('/metrics')).text).toMatch(/firstcome_audit_log_faults\{.*code="log_shrunk".*\} 1/);

  await insert(rows);
  await pointAt(one.sale, 8);
  await until(
    () => service.unready(),
    (reason) => reason === '',
    signedMsMax,
  );
  await tell(one, holds(7, 8));
  expect((await signedTo(service, one.sale, 10)).opened.kind).toBe('opened');
});

test('a ledger that went on otherwise than was signed is never signed again', async () => {
  const one = await newSale('one');
  await tell(one, holds(1, 2));
  const at4: ScriptedSale = { ...one.sale, items: new Map(one.sale.items) };
  await tell(one, holds(3, 6));
  let service = await start();
  const before = await signedTo(service, one.sale, 8);
  await stop(service.process);

  await rewind(one, 4);
  const otherwise = nextBatch(at4, one.epoch, holds(101, 110)).sales[0]!;
  await insert(
    otherwise.events.map(({ event, leaf, hash }) => ({
      sale_no: at4.saleNo,
      seq: event.seq,
      command_offset: event.offset,
      leaf: Buffer.from(leaf),
      hash: Buffer.from(hash, 'hex'),
    })),
  );
  await pointAt(one.sale, 14);
  service = await start();
  expect(await unreadyBy(service, 'log_forked')).toBe('one: log_forked');
  expect(await service.checkpoint(one.sale)).toEqual(before);
  expect((await owner.query('SELECT max(size)::integer AS size FROM log_checkpoints')).rows).toEqual([{ size: 8 }]);
});

test('an event that does not fit stops its log, and the others go on', async () => {
  const [one, other] = [await newSale('one'), await newSale('other')];
  await tell(one, holds(1, 6));
  const mine = `sale_no = ${one.sale.saleNo} AND seq = 5`;
  await owner.query(`UPDATE events SET leaf = set_byte(leaf, 3, 65) WHERE ${mine}`);
  const service = await start();
  expect(await unreadyBy(service, 'log_broken')).toBe('one: log_broken at seq 5');
  expect((await signedTo(service, other.sale)).opened.kind).toBe('opened');
  // What stands before it is signed all the same.
  expect((await signedTo(service, one.sale, 4)).opened.kind).toBe('opened');
});

test('tiles that someone wrote into are not signed', async () => {
  const one = await newSale('one');
  await tell(one, holds(1, 300));
  const service = await start();
  await signedTo(service, one.sale);
  await owner.query('UPDATE log_tiles SET hashes = set_byte(hashes, 0, get_byte(hashes, 0) # 1) WHERE level = 0 AND tile_index = 0');
  await owner.query('UPDATE log_tiles SET hashes = set_byte(hashes, 0, get_byte(hashes, 0) # 1) WHERE level = 1');
  await tell(one, holds(301, 302));
  // Whichever is found first: what was signed is not there any more, and the tree is not the one that was grown.
  expect(await unreadyBy(service, 'one: ')).toMatch(/^one: (log_forked|tiles_altered)$/);
  expect((await service.checkpoint(one.sale)).size).toBe(302);
});

test('a guard that was damaged is told, not taken for none', async () => {
  const one = await newSale('one');
  let service = await start();
  await signedTo(service, one.sale);
  await stop(service.process);
  const file = join(folder, 'state', 'heads', 'one.json');
  const content = readFileSync(file, 'utf8');
  writeFileSync(file, content.replace('"size":2', '"size":1'));
  service = await start();
  expect(await unreadyBy(service, 'guard_unreadable')).toBe('one: guard_unreadable');
  await stop(service.process);
  // Lost altogether, it is what the ledger keeps and one of our keys signed.
  rmSync(file);
  service = await start();
  await tell(one, holds(1, 1));
  await signedTo(service, one.sale);
  expect(await service.unready()).toBe('');
});

test('a new key signs from its rotation on, without a restart, and what the old one signed stays valid', async () => {
  const one = await newSale('one');
  const service = await start();
  const before = await signedTo(service, one.sale);
  const { signing, earlier } = await rotateKey(keysFolder);
  await tell(one, holds(1, 2));
  const after = await signedTo(service, one.sale);
  const by = ({ opened: checkpoint }: typeof before) => (checkpoint.kind === 'opened' ? checkpoint.signedBy.map(({ key }) => key.id) : []);
  expect([by(before), by(after)]).toEqual([[earlier[0]!.id], [signing.verifier.id]]);
  const { rows } = await owner.query<{ note: string }>('SELECT note FROM log_checkpoints ORDER BY size');
  const keys = [signing.verifier, ...earlier];
  expect(rows.map(({ note }) => openCheckpoint(note, { keys }).kind)).toEqual(rows.map(() => 'opened'));
});

test('a key that others may read, and one of another name, end the process with what to do', async () => {
  const said = async (environment: Record<string, string>): Promise<string> => {
    const failed = promisify(execFile)(process.execPath, ['services/audit/main.ts'], { env: { ...process.env, ...environment } });
    return failed.then(
      () => 'it started',
      (error: unknown) => (error as { stderr: string }).stderr,
    );
  };
  const own = { AUDIT_KEYS_DIR: keysFolder, AUDIT_STATE_DIR: join(folder, 'state'), HTTP_PORT: '0' };
  expect(await said({ ...own, AUDIT_ORIGIN: 'another.test/log' })).toContain('set AUDIT_ORIGIN back');
  chmodSync(join(keysFolder, 'current.key'), 0o644);
  expect(await said({ ...own, AUDIT_ORIGIN: NAME })).toContain('chmod 600');
});
