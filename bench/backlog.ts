import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from 'pg';
import type { Partition, SaleId } from '#schemas/ids.ts';
import { writerArgs, writerEnvironment } from '#deploy/local/our-services.ts';
import { allocateLine } from '#shared/ledger/lines.ts';
import { openPool } from '#shared/ledger/connections.ts';
import { encodeCommand } from '#shared/line/encode.ts';
import { createRequestSender } from '#shared/line/produce.ts';
import { deleteTopic, ensureTopic } from '#shared/line/topics.ts';
import { createTestDatabase } from '../tests/integration/databases.ts';
import { type Asked, schedule, type SaleOfItems, sendReservations } from './reservation-records.ts';

/**
 * Sales of their own on the local servers, each on a line of its own, with a database
 * and topics of their own, so that a running stack is neither needed nor disturbed:
 * the lines are filled with reservations, and writers are started that decide them.
 */
export interface Backlog {
  readonly tag: string;
  readonly observer: Client;
  /** Puts so many further reservations on the line of the sale (the first, if none is named), each of another user. */
  readonly reserve: (count: number, asked: Asked, sale?: number) => Promise<void>;
  /** One that decides all of the lines. */
  readonly startWriter: (options?: WriterOptions) => ChildProcess;
  /** How the line of a sale (the first, if none is named) stands. */
  readonly row: (sale?: number) => Promise<LineRow>;
  /** How far the writers are, all lines together. */
  readonly progress: () => Promise<Progress>;
  /** What a query counts: the number in the only row's only column. */
  readonly count: (query: string) => Promise<number>;
  /** Ends the writers and drops what was made. */
  readonly close: () => Promise<void>;
}

export interface WriterOptions {
  readonly nodeFlags?: readonly string[];
  /** Given, what the writer logs from `info` on goes here, and its warnings to nobody else. */
  readonly onLog?: (line: Readonly<Record<string, unknown>>) => void;
}

/** Times are the database's clock. */
export interface LineRow {
  readonly nextOffset: number;
  /** Begins with the instance's name. */
  readonly owner: string;
  readonly leaseUntilMs: number;
  readonly nowMs: number;
}

export interface Progress {
  /** Reservations; the record that makes each sale is none. */
  readonly decided: number;
  readonly nowMs: number;
}

/** The record that makes the sale stands before its reservations. */
export const recordsBefore = 1;
const waitMsMax = 600_000;

export async function openBacklog({
  sales,
  replies,
}: {
  readonly sales: readonly SaleOfItems[];
  readonly replies: boolean;
}): Promise<Backlog> {
  const brokers = (process.env['KAFKA_BROKERS'] ?? '127.0.0.1:9192').split(',');
  const redisUrl = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6390';
  const tag = randomBytes(4).toString('hex');
  const topics = { commands: `bench-${tag}.commands`, events: `bench-${tag}.events` };
  const partitions = sales.length;
  const database = await createTestDatabase();
  const pool = openPool(database.appUrl, 'bench', 1);
  const observer = new Client({ connectionString: database.ownerUrl });
  const sender = createRequestSender({ brokers, topic: topics.commands, requestTimeoutMs: 30_000 });
  const writers = new Set<ChildProcess>();
  const lines: { readonly saleId: SaleId; readonly partition: Partition; made: number }[] = [];
  let started = 0;

  const close = async (): Promise<void> => {
    for (const writer of writers) {
      const ended = once(writer, 'exit');
      writer.kill('SIGTERM');
      writer.kill('SIGCONT');
      await ended;
    }
    await Promise.allSettled([sender.close(), pool.end(), observer.end()]);
    for (const topic of Object.values(topics)) await deleteTopic({ brokers }, topic);
    await database.drop();
  };

  try {
    await observer.connect();
    for (const topic of Object.values(topics)) await ensureTopic({ brokers, topic, partitions });
    for (const [index, terms] of sales.entries()) {
      const saleId = `bench-${tag}-${String(index)}` as SaleId;
      const line = await allocateLine(pool, saleId, partitions);
      if (line === 'no_free_line') throw new Error('a new database has a free line');
      lines.push({ saleId, partition: line.partition, made: 0 });
      await sender.send([{ partition: line.partition, records: [{ value: encodeCommand(schedule(saleId, terms)) }] }]);
    }
  } catch (error) {
    await close();
    throw error;
  }

  return {
    tag,
    observer,
    close,
    async reserve(count, asked, sale = 0) {
      const line = lines[sale]!;
      const from = line.made;
      line.made += count;
      await sendReservations(sender, line, { from, to: line.made, asked, replies });
    },
    startWriter({ nodeFlags = [], onLog } = {}) {
      const writer = spawn(process.execPath, [...writerArgs, ...nodeFlags, 'services/writer/main.ts'], {
        // Standard output is for measurements.
        stdio: ['ignore', onLog === undefined ? 2 : 'pipe', 'inherit'],
        env: {
          ...writerEnvironment(),
          ...process.env,
          DATABASE_URL: database.appUrl,
          KAFKA_BROKERS: brokers.join(','),
          REDIS_URL: redisUrl,
          COMMANDS_TOPIC: topics.commands,
          EVENTS_TOPIC: topics.events,
          LINE_PARTITIONS: String(partitions),
          WRITER_PARTITIONS: [...lines.keys()].join(','),
          HTTP_PORT: '0',
          INSTANCE_ID: `bench-${tag}-${String(++started)}`,
          LOG_LEVEL: onLog === undefined ? 'warn' : 'info',
        },
      });
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
    async row(sale = 0) {
      const { rows } = await observer.query<{ next_offset: string; owner: string | null; lease_until_ms: string; now_ms: string }>(
        `SELECT next_offset, owner, extract(epoch FROM lease_until) * 1000 AS lease_until_ms, extract(epoch FROM clock_timestamp()) * 1000 AS now_ms
         FROM partitions WHERE partition = $1`,
        [lines[sale]!.partition],
      );
      const [row] = rows;
      return {
        nextOffset: Number(row?.next_offset ?? 0),
        owner: row?.owner ?? '',
        leaseUntilMs: Number(row?.lease_until_ms ?? 0),
        nowMs: Number(row?.now_ms ?? 0),
      };
    },
    async progress() {
      const { rows } = await observer.query<{ decided: string; now_ms: string }>(
        `SELECT coalesce(sum(greatest(next_offset - ${String(recordsBefore)}, 0)), 0) AS decided, extract(epoch FROM clock_timestamp()) * 1000 AS now_ms FROM partitions`,
      );
      return { decided: Number(rows[0]!.decided), nowMs: Number(rows[0]!.now_ms) };
    },
    async count(query) {
      const { rows } = await observer.query<[string]>({ text: query, rowMode: 'array' });
      return Number(rows[0]![0]);
    },
  };
}

/** Waits until so many reservations, all lines together, are decided. */
export async function untilDecided(backlog: Backlog, count: number, onLook?: (decided: number) => Promise<void>): Promise<Progress> {
  const giveUpAt = Date.now() + waitMsMax;
  for (;;) {
    const progress = await backlog.progress();
    await onLook?.(progress.decided);
    if (progress.decided >= count) return progress;
    if (Date.now() > giveUpAt)
      throw new Error(`only ${String(progress.decided)} of ${String(count)} were decided in ${String(waitMsMax / 1_000)} s`);
    await pause(10);
  }
}

/** How fast they were decided from the first COMMIT that has more than `from` behind it, up to `to`. */
export async function timeDecisions(
  backlog: Backlog,
  { from, to, onLook }: { readonly from: number; readonly to: number; readonly onLook?: ((decided: number) => Promise<void>) | undefined },
): Promise<{ readonly perSecond: number; readonly decided: number; readonly seconds: number }> {
  const first = await untilDecided(backlog, from + 1, onLook);
  const last = await untilDecided(backlog, to, onLook);
  const decided = last.decided - first.decided;
  const seconds = (last.nowMs - first.nowMs) / 1_000;
  return { perSecond: decided / seconds, decided, seconds };
}
