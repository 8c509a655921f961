import { spawn, type ChildProcess } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { readFile } from 'node:fs/promises';
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
 * A sale of its own on the local servers, with a database and topics of its own, so
 * that a running stack is neither needed nor disturbed: its line is filled with
 * reservations, and writers are started that decide it.
 */
export interface Backlog {
  readonly tag: string;
  readonly observer: Client;
  /** Puts so many further reservations on the line, each of another user, one unit each. */
  readonly reserve: (count: number) => Promise<void>;
  readonly startWriter: (options?: WriterOptions) => ChildProcess;
  /** How the partition's row stands; times are the database's clock. */
  readonly row: () => Promise<PartitionRow>;
  /** Ends the writers and drops what was made. */
  readonly close: () => Promise<void>;
}

export interface WriterOptions {
  readonly nodeFlags?: readonly string[];
  /** Given, what the writer logs from `info` on goes here, and its warnings to nobody else. */
  readonly onLog?: (line: Readonly<Record<string, unknown>>) => void;
}

export interface PartitionRow {
  readonly nextOffset: number;
  /** Begins with the instance's name. */
  readonly owner: string;
  readonly leaseUntilMs: number;
  readonly nowMs: number;
}

const SKU = 'lamp' as Sku;
const requestRecordsMax = 1_500;

export async function openBacklog({ stock, replies }: { readonly stock: number; readonly replies: boolean }): Promise<Backlog> {
  const brokers = (process.env['KAFKA_BROKERS'] ?? '127.0.0.1:9192').split(',');
  const redisUrl = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6390';
  const tag = randomBytes(4).toString('hex');
  const topics = { commands: `bench-${tag}.commands`, events: `bench-${tag}.events` };
  const saleId = `bench-${tag}` as SaleId;
  const database = await createTestDatabase();
  const pool = openPool(database.appUrl, 'bench', 1);
  const observer = new Client({ connectionString: database.ownerUrl });
  const sender = createRequestSender({ brokers, topic: topics.commands, requestTimeoutMs: 30_000 });
  const writers = new Set<ChildProcess>();
  let made = 0;
  let started = 0;

  const close = async (): Promise<void> => {
    for (const writer of writers) {
      const ended = once(writer, 'exit');
      writer.kill('SIGTERM');
      await ended;
    }
    await Promise.allSettled([sender.close(), pool.end(), observer.end()]);
    for (const topic of Object.values(topics)) await deleteTopic({ brokers }, topic);
    await database.drop();
  };

  let partition: Partition;
  try {
    await observer.connect();
    for (const topic of Object.values(topics)) await ensureTopic({ brokers, topic, partitions: 1 });
    const line = await allocateLine(pool, saleId, 1);
    if (line === 'no_free_line') throw new Error('a new database has a free line');
    partition = line.partition;
    await sender.send([{ partition, records: [{ value: encodeCommand(schedule(saleId, stock)) }] }]);
  } catch (error) {
    await close();
    throw error;
  }

  return {
    tag,
    observer,
    close,
    async reserve(count) {
      const acceptedAt = Date.now();
      for (const end = made + count; made < end;) {
        const records = Array.from({ length: Math.min(requestRecordsMax, end - made) }, () => ({
          value: reservation(saleId, made++, acceptedAt, replies),
        }));
        await sender.send([{ partition, records }]);
      }
    },
    startWriter({ nodeFlags = [], onLog } = {}) {
      const writer = spawn(
        process.execPath,
        ['--disable-warning=TimeoutNegativeWarning', '--max-semi-space-size=32', ...nodeFlags, 'services/writer/main.ts'],
        {
          stdio: ['ignore', onLog === undefined ? 'inherit' : 'pipe', 'inherit'],
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
            LOG_LEVEL: onLog === undefined ? 'warn' : 'info',
          },
        },
      );
      writers.add(writer);
      writer.once('exit', (code, signal) => {
        writers.delete(writer);
        if (code === 0 || signal === 'SIGKILL') return;
        // Nobody would ever come to what is waited for.
        console.error(`the writer ended early: ${String(code ?? signal)}`);
        void close().finally(() => process.exit(1));
      });
      if (writer.stdout !== null && onLog !== undefined)
        createInterface(writer.stdout).on('line', (line) => {
          onLog(JSON.parse(line) as Record<string, unknown>);
        });
      return writer;
    },
    async row() {
      const { rows } = await observer.query<{ next_offset: string; owner: string | null; lease_until_ms: string; now_ms: string }>(
        `SELECT next_offset, owner, extract(epoch FROM lease_until) * 1000 AS lease_until_ms, extract(epoch FROM clock_timestamp()) * 1000 AS now_ms
         FROM partitions WHERE partition = $1`,
        [partition],
      );
      const [row] = rows;
      return {
        nextOffset: Number(row?.next_offset ?? 0),
        owner: row?.owner ?? '',
        leaseUntilMs: Number(row?.lease_until_ms ?? 0),
        nowMs: Number(row?.now_ms ?? 0),
      };
    },
  };
}

function schedule(saleId: SaleId, stock: number): Command {
  return {
    v: 1,
    type: 'sale.schedule',
    sale_id: saleId,
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
export function reservation(saleId: SaleId, n: number, acceptedAt: number, replies: boolean): Buffer {
  const hex = createHash('sha256')
    .update(`${saleId}${String(n)}`)
    .digest('hex');
  const id = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  const user = `${hex.slice(32, 40)}-${hex.slice(40, 44)}-8${hex.slice(45, 48)}-8${hex.slice(49, 52)}-${hex.slice(52)}`;
  const replyTo = replies ? `,"reply_to":"bench/${String(n)}"` : '';
  return Buffer.from(
    `{"v":1,"type":"reservation.create","sale_id":"${saleId}","request_id":"${hex.slice(0, 32)}",` +
      `"traceparent":"00-${hex.slice(0, 32)}-${hex.slice(32, 48)}-00","fingerprint":"${hex.slice(32)}","accepted_at":${String(acceptedAt)}${replyTo},` +
      `"reservation_id":"${id}","user":"${user}","items":[{"sku":"${SKU}","quantity":1}],"allow_partial":false,"respond_async":false}`,
  );
}

/** Processor time of a process so far; 0 where the system does not tell. */
export async function cpuSeconds(pid: number | undefined): Promise<number> {
  try {
    const stat = await readFile(`/proc/${String(pid)}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return 0;
  }
}

/** Highest resident memory of a process; 0 where the system does not tell. */
export async function peakRssMb(pid: number | undefined): Promise<number> {
  try {
    const status = await readFile(`/proc/${String(pid)}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1_024;
  } catch {
    return 0;
  }
}
