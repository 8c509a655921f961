import { spawn, type ChildProcess } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { Client } from 'pg';
import type { Command } from '#schemas/command.ts';
import type { EpochMs, Fingerprint, Partition, RequestKey, SaleId, Sku } from '#schemas/ids.ts';
import { allocateLine } from '#shared/ledger/lines.ts';
import { openPool } from '#shared/ledger/connections.ts';
import { encodeCommand } from '#shared/line/encode.ts';
import { createRequestSender } from '#shared/line/produce.ts';
import { deleteTopic, ensureTopic } from '#shared/line/topics.ts';
import { createTestDatabase } from '../tests/integration/databases.ts';

/**
 * How many decisions a second one writer process takes from a backlog into
 * PostgreSQL, replies and events included: from its first COMMIT to its last.
 *
 * Makes a database and topics of its own on the local servers, so that a running
 * stack is neither needed nor disturbed (but it takes its share of the machine),
 * and drops them. Prints one JSON line and one line for people.
 *
 *   node bench/writer-backlog.ts [--commands 500000] [--stock 250000] [--no-replies] [--profile FOLDER] [--writer-flags="--perf-basic-prof"]
 *                                [--failover]   a standby takes over half way from a writer that is killed
 */

const { values: options } = parseArgs({
  options: {
    commands: { type: 'string', default: '500000' },
    stock: { type: 'string' },
    'no-replies': { type: 'boolean', default: false },
    profile: { type: 'string' },
    'writer-flags': { type: 'string', default: '' },
    failover: { type: 'boolean', default: false },
  },
});
const commands = Number(options.commands);
const stock = Number(options.stock ?? Math.ceil(commands / 2));
const brokers = (process.env['KAFKA_BROKERS'] ?? '127.0.0.1:9192').split(',');
const redisUrl = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6390';
const tag = randomBytes(4).toString('hex');
const topics = { commands: `bench-${tag}.commands`, events: `bench-${tag}.events` };
const SALE = `bench-${tag}` as SaleId;
const SKU = 'lamp' as Sku;
const requestRecordsMax = 1_500;
const waitMsMax = 600_000;

const database = await createTestDatabase();
const pool = openPool(database.appUrl, 'bench', 1);
const observer = new Client({ connectionString: database.ownerUrl });
let writer: ChildProcess | undefined;
let started = 0;
let killed = false;
try {
  await observer.connect();
  for (const topic of Object.values(topics)) await ensureTopic({ brokers, topic, partitions: 1 });
  const line = await allocateLine(pool, SALE, 1);
  if (line === 'no_free_line') throw new Error('a new database has a free line');
  const filledMs = await fill(line.partition);

  writer = startWriter();
  const standby = options.failover ? startWriter() : undefined;
  const { firstMs, lastMs, firstOffset, lastOffset } = await watch(line.partition, commands + 1, (offset, owner) => {
    if (standby === undefined || killed || offset < commands / 2) return;
    killed = true;
    const [owning, other] = owner.startsWith(`bench-${tag}-2@`) ? [standby, writer] : [writer, standby];
    owning?.kill('SIGKILL');
    writer = other;
  });
  const seconds = (lastMs - firstMs) / 1_000;
  const decided = lastOffset - firstOffset;

  const cpu = { writer: await cpuSeconds(writer.pid), ledger: await ledgerCpuSeconds() };
  const held = await count(`SELECT held AS n FROM items`);
  const soldOut = await count(`SELECT count(*) AS n FROM reservations WHERE status = 'rejected' AND reason = 'sold_out'`);
  const events = await count('SELECT count(*) AS n FROM events');
  const right = held === Math.min(stock, commands) && soldOut === Math.max(0, commands - stock) && events === commands + 2;
  const result = {
    bench: 'writer-backlog',
    commands,
    decisions_per_second: Math.round(decided / seconds),
    seconds: Number(seconds.toFixed(2)),
    held,
    sold_out: soldOut,
    events,
    right,
    replies: !options['no-replies'],
    fill_seconds: Number((filledMs / 1_000).toFixed(2)),
    // What a busy machine does not change much: processor time for each decision, start included.
    writer_cpu_us: Math.round((cpu.writer / decided) * 1e6),
    ledger_cpu_us: Math.round((cpu.ledger / decided) * 1e6),
    writer_peak_rss_mb: Math.round(await peakRssMb()),
  };
  console.log(JSON.stringify(result));
  console.log(
    `${'writer from a backlog'.padEnd(28)} ${String(result.decisions_per_second).padStart(8)} decisions/s  ` +
      `${result.seconds.toFixed(2).padStart(7)} s  cpu ${String(result.writer_cpu_us)} + ${String(result.ledger_cpu_us)} us  ${String(held).padStart(8)} held  ${String(soldOut).padStart(8)} sold out  ${right ? 'counts right' : 'COUNTS WRONG'}`,
  );
  if (!right) process.exitCode = 1;
} finally {
  if (writer?.exitCode === null && writer.signalCode === null) {
    writer.kill('SIGTERM');
    await once(writer, 'exit');
  }
  await pool.end();
  await observer.end();
  for (const topic of Object.values(topics)) await deleteTopic({ brokers }, topic);
  await database.drop();
}

async function count(query: string): Promise<number> {
  const { rows } = await observer.query<{ n: string }>(query);
  return Number(rows[0]?.n);
}

/** The sale's terms, then the reservations, straight into the topic in large requests. */
async function fill(partition: Partition): Promise<number> {
  const began = performance.now();
  const sender = createRequestSender({ brokers, topic: topics.commands, requestTimeoutMs: 30_000 });
  const send = (records: readonly { readonly value: Buffer }[]) => sender.send([{ partition, records }]);
  await send([{ value: encodeCommand(schedule()) }]);
  const salt = randomBytes(8).toString('hex');
  const acceptedAt = Date.now();
  for (let first = 0; first < commands; first += requestRecordsMax) {
    const records = Array.from({ length: Math.min(requestRecordsMax, commands - first) }, (_, n) => ({
      value: reservation(salt, first + n, acceptedAt),
    }));
    await send(records);
  }
  await sender.close();
  return performance.now() - began;
}

function schedule(): Command {
  return {
    v: 1,
    type: 'sale.schedule',
    sale_id: SALE,
    request_id: 'bench-schedule',
    key: '00000000-0000-8000-8000-000000000000' as RequestKey,
    fingerprint: '0'.repeat(32) as Fingerprint,
    accepted_at: Date.now() as EpochMs,
    terms: {
      name: 'Backlog',
      starts_at: new Date(Date.now() - 1_000).toISOString(),
      ends_at: new Date(Date.now() + 86_400_000).toISOString(),
      items: [{ sku: SKU, name: 'Lamp', unit_price: 1_000, currency: 'EUR', quantity: stock }],
      per_user_limit: 1,
      active_holds_per_user: 1,
      hold_seconds: 3_600,
      payment_seconds: 3_600,
      waitlist_limit: 0,
      late_payment: 'refund',
      on_payment_failure: 'release',
    },
  };
}

/** Written by hand, as `encodeCommand` would: making the backlog must not take longer than deciding it. */
function reservation(salt: string, n: number, acceptedAt: number): Buffer {
  const hex = createHash('sha256')
    .update(`${salt}${String(n)}`)
    .digest('hex');
  const id = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  const user = `${hex.slice(32, 40)}-${hex.slice(40, 44)}-8${hex.slice(45, 48)}-8${hex.slice(49, 52)}-${hex.slice(52)}`;
  const replyTo = options['no-replies'] ? '' : `,"reply_to":"bench/${String(n)}"`;
  return Buffer.from(
    `{"v":1,"type":"reservation.create","sale_id":"${SALE}","request_id":"${hex.slice(0, 32)}",` +
      `"traceparent":"00-${hex.slice(0, 32)}-${hex.slice(32, 48)}-00","fingerprint":"${hex.slice(32)}","accepted_at":${String(acceptedAt)}${replyTo},` +
      `"reservation_id":"${id}","user":"${user}","items":[{"sku":"${SKU}","quantity":1}],"allow_partial":false,"respond_async":false}`,
  );
}

function startWriter(): ChildProcess {
  const flags = options['writer-flags'].split(' ').filter((flag) => flag !== '');
  if (options.profile !== undefined) flags.push('--cpu-prof', `--cpu-prof-dir=${options.profile}`);
  const child = spawn(
    process.execPath,
    ['--disable-warning=TimeoutNegativeWarning', '--max-semi-space-size=32', ...flags, 'services/writer/main.ts'],
    {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: {
        ...process.env,
        DATABASE_URL: database.appUrl,
        KAFKA_BROKERS: brokers.join(','),
        REDIS_URL: redisUrl,
        COMMANDS_TOPIC: topics.commands,
        EVENTS_TOPIC: topics.events,
        LINE_PARTITIONS: '1',
        WRITER_PARTITIONS: '0',
        HTTP_PORT: '0',
        INSTANCE_ID: `bench-${tag}-${String(++started)}`,
        LOG_LEVEL: 'warn',
      },
    },
  );
  child.once('exit', (code, signal) => {
    if (code !== 0) console.error(`the writer ended early: ${String(code ?? signal)}`);
  });
  return child;
}

/** Looks at the partition's row until everything is decided; times are the database's clock. */
async function watch(partition: Partition, end: number, onProgress: (offset: number, owner: string) => void) {
  const giveUpAt = Date.now() + waitMsMax;
  let first: { ms: number; offset: number } | undefined;
  for (;;) {
    const { rows } = await observer.query<{ next_offset: string; owner: string | null; ms: string }>(
      'SELECT next_offset, owner, extract(epoch FROM clock_timestamp()) * 1000 AS ms FROM partitions WHERE partition = $1',
      [partition],
    );
    const offset = Number(rows[0]?.next_offset ?? 0);
    const ms = Number(rows[0]?.ms ?? 0);
    if (offset > 0) first ??= { ms, offset };
    onProgress(offset, rows[0]?.owner ?? '');
    if (first !== undefined && offset >= end) return { firstMs: first.ms, lastMs: ms, firstOffset: first.offset, lastOffset: offset };
    if (writer?.exitCode !== null) throw new Error('the writer ended before the backlog did: see its lines above');
    if (Date.now() > giveUpAt)
      throw new Error(`only ${String(offset)} of ${String(end)} records were decided in ${String(waitMsMax / 1_000)} s`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Processor time of a process so far; 0 where the system does not tell. */
async function cpuSeconds(pid: number | undefined): Promise<number> {
  try {
    const stat = await readFile(`/proc/${String(pid)}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return 0;
  }
}

/** Of the writer's connections to PostgreSQL. */
async function ledgerCpuSeconds(): Promise<number> {
  const { rows } = await observer.query<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'firstcome-bench%'`,
  );
  const each = await Promise.all(rows.map(({ pid }) => cpuSeconds(pid)));
  return each.reduce((sum, seconds) => sum + seconds, 0);
}

/** Highest resident memory of the writer; 0 where the system does not tell. */
async function peakRssMb(): Promise<number> {
  try {
    const status = await readFile(`/proc/${String(writer?.pid)}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1_024;
  } catch {
    return 0;
  }
}
