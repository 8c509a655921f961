import { createHash } from 'node:crypto';
import { Command } from '#schemas/command.ts';
import type { EpochMs, Offset, Partition, SaleId, Seq } from '#schemas/ids.ts';
import { RetryableFault } from '#shared/faults/faults.ts';
import type { CommitOutcome, WriterLedger } from '#shared/ledger/ledger.ts';
import type { LineRecord, ParsedCommand } from '#shared/line/line.ts';
import type { Reply } from '#shared/replies/replies.ts';
import { SILENT_OBSERVER } from '../observer.ts';
import { createOwnership, DEFAULT_LEASES, type Ownership } from '../ownership.ts';
import { DEFAULT_LIMITS, type Limits, type WriterLog, type WriterPorts } from '../ports.ts';
import { createMemoryDatabase } from './memory-database.ts';
import { createVirtualTime } from './virtual-time.ts';

/**
 * A whole world for writers in memory: a line, a database, replies, a publisher,
 * and time that a test moves. A test says for each call how long it takes and
 * whether it fails.
 */

/** `fails`: nothing happened. `unknown`: it happened and the caller is not told. `late`: the caller gives up, and it is tried all the same afterwards. */
export interface Fate {
  readonly ms: number;
  readonly how?: 'fails' | 'unknown' | 'late';
}

export type Call = keyof WriterLedger | 'publish' | 'watermarks' | 'fetchOne' | 'deliver';
/** Decides about each call of a process; the default lets all succeed after a millisecond. */
export type Fates = (call: Call, process: string) => Fate;

export interface Told {
  readonly process: string;
  readonly at: EpochMs;
  readonly reply: Reply;
}

export const WORLD_START_MS = Date.parse('2026-11-27T08:00:00.000Z');
const silent = () => undefined;

export function createWorld(options: { fates?: Fates; limits?: Partial<Limits> } = {}) {
  const time = createVirtualTime(WORLD_START_MS);
  const database = createMemoryDatabase(time.now);
  const fates: Fates = (call, process) => world.fates(call, process);
  const topic = new Map<Partition, LineRecord[]>();
  const published: { process: string; partition: Partition; saleId: SaleId; seq: Seq; leaf: string }[] = [];
  const told: Told[] = [];
  const settledOrders: string[] = [];
  const crashes: unknown[] = [];
  const logged: { process: string; level: string; fields: object; message: string }[] = [];
  const commits: { process: string; outcome: CommitOutcome['kind'] | 'failed'; records: number; events: number }[] = [];
  const records = (partition: Partition): LineRecord[] => {
    const existing = topic.get(partition) ?? [];
    topic.set(partition, existing);
    return existing;
  };
  const after = (ms: number) => new Promise<void>((resolve) => time.schedule(ms, resolve));

  async function call<T>(name: Call, process: string, act: () => T, isDead: () => boolean): Promise<T> {
    const { ms, how } = fates(name, process);
    await after(ms);
    if (how === 'fails') throw new RetryableFault('away', `${name}: away`);
    if (how === 'late') {
      time.schedule(ms * 3 + 5, act);
      throw new RetryableFault('commit_unknown', `${name}: no answer in time`);
    }
    const result = act();
    if (how === 'unknown') throw new RetryableFault('commit_unknown', `${name}: the answer was lost`);
    // Whoever was killed meanwhile never learns of it.
    if (isDead()) return new Promise<T>(silent);
    return result;
  }

  /** Starts a writer process. `kill` ends it as a power cut would: calls on their way still arrive at the servers. */
  function startWriter(process: string, partitions: readonly Partition[], limits: Partial<Limits> = options.limits ?? {}) {
    let dead = false;
    const isDead = () => dead;
    const open = new Map<Partition, { next: Offset; paused: boolean; onRecords: (records: LineRecord[]) => void; turn: number }>();
    const queues = new Map<Partition, Promise<unknown>>();

    function deliver(partition: Partition): void {
      const feed = open.get(partition);
      if (feed === undefined || dead) return;
      const turn = ++feed.turn;
      time.schedule(fates('deliver', process).ms, () => {
        if (dead || open.get(partition) !== feed || feed.turn !== turn || feed.paused) return;
        const more = records(partition).slice(feed.next, feed.next + 5_000);
        feed.next = (feed.next + more.length) as Offset;
        if (more.length > 0) feed.onRecords(more);
      });
    }

    const ask = <T>(name: Call, act: () => T) => call(name, process, act, isDead);
    const ledger: WriterLedger = {
      takeOver: (partition, owner, leaseMs, clusterId) => ask('takeOver', () => database.takeOver(partition, owner, leaseMs, clusterId)),
      takeablePartitions: (wanted, owner) => ask('takeablePartitions', () => database.takeable(wanted, owner)),
      renewLeases: (owned, leaseMs) => ask('renewLeases', () => database.renew(owned, leaseMs)),
      releaseLeases: (owned) =>
        ask('releaseLeases', () => {
          database.release(owned);
        }),
      unsettledHeads: (partitions) => ask('unsettledHeads', () => database.unsettled(partitions)),
      leavesAfter: (saleNo, afterSeq, throughSeq) => ask('leavesAfter', () => database.leavesAfter(saleNo, afterSeq, throughSeq)),
      loadSale: (partition, saleId) => ask('loadSale', () => database.load(partition, saleId)),
      prefetch: (lookup) => ask('prefetch', () => database.lookUp(lookup)),
      commit(batch) {
        const before = queues.get(batch.partition) ?? Promise.resolve();
        const mine = before.then(() => ask('commit', () => database.commit(batch)));
        const events = batch.sales.reduce((sum, sale) => sum + sale.events.length, 0);
        const note = (outcome: CommitOutcome['kind'] | 'failed') => {
          commits.push({ process, outcome, records: batch.nextOffset - batch.expectedNextOffset, events });
        };
        queues.set(
          batch.partition,
          mine.then(
            ({ kind }) => {
              note(kind);
            },
            () => {
              note('failed');
            },
          ),
        );
        return mine;
      },
      async *unpublished(partition, fromOffset) {
        const events = await ask('unpublished', () => database.unpublished(partition, fromOffset));
        for (let first = 0; first < events.length; first += 3) yield await ask('unpublished', () => events.slice(first, first + 3));
      },
    };
    const logAt = (level: string) => (fields: object, message: string) => {
      logged.push({ process, level, fields, message });
    };
    const log: WriterLog = { debug: silent, info: logAt('info'), warn: logAt('warn'), error: logAt('error') };
    const ports: WriterPorts = {
      ledger,
      line: {
        open(partition, fromOffset, onRecords) {
          open.set(partition, { next: fromOffset, paused: false, onRecords, turn: 0 });
          deliver(partition);
        },
        close(partition) {
          open.delete(partition);
        },
        pause(partition) {
          const feed = open.get(partition);
          if (feed !== undefined) feed.paused = true;
        },
        resume(partition) {
          const feed = open.get(partition);
          if (feed !== undefined) feed.paused = false;
          deliver(partition);
        },
        watermarks: (partition) => ask('watermarks', () => world.watermarks(partition)),
        fetchOne: (partition, offset) => ask('fetchOne', () => records(partition)[offset] ?? null),
      },
      parse: parseForTests,
      announce(announcement) {
        if (dead) return Promise.resolve();
        for (const reply of announcement.replies) told.push({ process, at: time.now(), reply });
        settledOrders.push(...announcement.settledOrders);
        return Promise.resolve();
      },
      publish: (partition, saleId, events) =>
        ask('publish', () => {
          for (const { seq, leaf } of events) published.push({ process, partition, saleId, seq, leaf });
        }),
      startPublishing: silent,
      now: time.now,
      schedule: (ms, run) =>
        time.schedule(ms, () => {
          if (!dead) run();
        }),
      observer: SILENT_OBSERVER,
      log,
    };
    const ownership: Ownership = createOwnership({
      partitions,
      owner: process,
      clusterId: world.clusterId,
      ports,
      limits: { ...DEFAULT_LIMITS, ...limits },
      leases: DEFAULT_LEASES,
      crash: (error) => {
        if (!dead) crashes.push(error);
        dead = true;
      },
    });
    feeds.push({ deliver, isDead });
    ownership.start();
    return {
      ownership,
      ports,
      kill() {
        dead = true;
      },
    };
  }

  const feeds: { deliver: (partition: Partition) => void; isDead: () => boolean }[] = [];
  const world = {
    time,
    database,
    published,
    told,
    settledOrders,
    crashes,
    logged,
    commits,
    clusterId: 'cluster-1',
    fates: options.fates ?? (() => ({ ms: 1 })),
    records,
    watermarks: (partition: Partition) => ({ low: 0 as Offset, high: records(partition).length as Offset }),
    startWriter,
    /** Puts a command, or any bytes, on the line; the broker stamps it with the time that is. */
    append(partition: Partition, value: Command | Buffer | null, timestamp: EpochMs = time.now()): Offset {
      const line = records(partition);
      const offset = line.length as Offset;
      line.push({ offset, timestamp, value: value === null || Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value)) });
      for (const { deliver, isDead } of feeds) if (!isDead()) deliver(partition);
      return offset;
    },
  };
  return world;
}

export type World = ReturnType<typeof createWorld>;

/** A plain parser with the meaning of the line's. */
export function parseForTests(bytes: Buffer): ParsedCommand {
  try {
    const parsed = Command.safeParse(JSON.parse(bytes.toString()));
    if (parsed.success) return { ok: true, command: parsed.data };
  } catch {
    // Not JSON.
  }
  return { ok: false, sha256: createHash('sha256').update(bytes).digest('hex') };
}
