import type { Offset, Partition } from '#schemas/ids.ts';
import type { Batch, CommitOutcome, WriterLedger } from '#shared/ledger/ledger.ts';
import type { LineRecord } from '#shared/line/line.ts';
import { parseCommand } from '#shared/line/parse-command.ts';
import { encodeOrders, encodeReplies, ordersChannel, repliesChannel } from '#shared/replies/format.ts';
import type { Announcement } from '#shared/replies/replies.ts';
import { SILENT_OBSERVER } from '#services/writer/observer.ts';
import { createOwnership, DEFAULT_LEASES, type Ownership } from '#services/writer/ownership.ts';
import { DEFAULT_LIMITS, type WriterLog, type WriterPorts } from '#services/writer/ports.ts';
import { faultName } from './faults.ts';
import { createProcess, type SimProcess } from './process.ts';
import type { PublishedEvents, World } from './world.ts';

/** A writer process: the real ownership, loop and core over the servers of the world. */
export interface SimWriter {
  readonly process: SimProcess;
  readonly ownership: Ownership;
}

export interface WriterHooks {
  /** A batch is in the ledger. */
  readonly committed: (batch: Batch) => void;
  /** A writer is about to tell. */
  readonly telling: (announcement: Announcement) => void;
}

/** The cluster that the world's line is. */
const CLUSTER_ID = 'cluster-1';
/** Records handed to a writer at once, at most. */
const fetchRecordsMax = 50;

const silent = (): void => undefined;

export function startWriter(world: World, name: string, partitions: readonly Partition[], hooks: WriterHooks): SimWriter {
  const process = createProcess(world, name);
  const ports = portsOf(world, process, hooks);
  const ownership = createOwnership({
    partitions,
    owner: name,
    clusterId: CLUSTER_ID,
    ports,
    limits: { ...DEFAULT_LIMITS, ...world.plan.limits },
    leases: { ...DEFAULT_LEASES, pollEveryMs: world.plan.pollEveryMs },
    crash: (error) => {
      if (process.isDead()) return;
      world.violated('a writer crashed', error instanceof Error ? (error.stack ?? error.message) : String(error));
      process.kill();
    },
  });
  world.note(name, 'starts');
  ownership.start();
  return { process, ownership };
}

function portsOf(world: World, process: SimProcess, hooks: WriterHooks): WriterPorts {
  const { note } = world;
  const say =
    (level: string) =>
    (fields: object, message: string): void => {
      note(process.name, `${level}: ${message} ${JSON.stringify(fields)}`);
    };
  const log: WriterLog = { debug: silent, info: say('info'), warn: say('warn'), error: say('error') };
  return {
    ledger: ledgerOf(world, process, hooks),
    line: lineOf(world, process),
    parse: parseCommand,
    announce: (announcement) => announce(world, process, announcement, hooks),
    publish: (partition, saleId, events) => publish(world, process, { partition, saleId, events }),
    startPublishing: silent,
    now: process.now,
    schedule: process.schedule,
    observer: SILENT_OBSERVER,
    log,
  };
}

function ledgerOf(world: World, process: SimProcess, hooks: WriterHooks): WriterLedger {
  const { ledger } = world;
  const ask = <T>(name: Parameters<SimProcess['call']>[0], act: () => T): Promise<T> => process.call(name, 'ledger', act);
  const queues = new Map<Partition, Promise<unknown>>();
  return {
    takeOver: (partition, owner, leaseMs, clusterId) => ask('writer takeOver', () => ledger.takeOver(partition, owner, leaseMs, clusterId)),
    takeablePartitions: (wanted, owner) => ask('writer takeablePartitions', () => ledger.takeable(wanted, owner)),
    renewLeases: (owned, leaseMs) => ask('writer renewLeases', () => ledger.renew(owned, leaseMs)),
    releaseLeases: (owned) =>
      ask('writer releaseLeases', () => {
        ledger.release(owned);
      }),
    unsettledHeads: (partitions) => ask('writer unsettledHeads', () => ledger.unsettled(partitions)),
    leavesAfter: (saleNo, afterSeq, throughSeq) => ask('writer leavesAfter', () => ledger.leavesAfter(saleNo, afterSeq, throughSeq)),
    loadSale: (partition, saleId) => ask('writer loadSale', () => ledger.load(partition, saleId)),
    prefetch: (lookup) => ask('writer prefetch', () => ledger.lookUp(lookup)),
    commit(batch) {
      // One connection for each partition: a batch waits for the one before, and fails with it.
      const before = queues.get(batch.partition) ?? Promise.resolve();
      const mine = before.then(() => ask('writer commit', () => commit(batch)));
      queues.set(batch.partition, mine);
      mine.catch(() => {
        if (queues.get(batch.partition) === mine) queues.delete(batch.partition);
      });
      return mine;
    },
    async *unpublished(partition, fromOffset) {
      const events = await ask('writer unpublished', () => ledger.unpublished(partition, fromOffset));
      for (let first = 0; first < events.length; first += 3) yield await ask('writer unpublished', () => events.slice(first, first + 3));
    },
  };

  function commit(batch: Batch): CommitOutcome {
    const outcome = ledger.commit(batch);
    note(batch, outcome);
    if (outcome.kind === 'committed') hooks.committed(batch);
    return outcome;
  }

  function note(batch: Batch, outcome: CommitOutcome): void {
    world.note(
      process.name,
      `${outcome.kind} epoch ${String(batch.epoch)} offsets ${String(batch.expectedNextOffset)}..${String(batch.nextOffset - 1)}`,
    );
  }
}

function lineOf(world: World, process: SimProcess): WriterPorts['line'] {
  interface Feed {
    next: Offset;
    paused: boolean;
    readonly onRecords: (records: LineRecord[]) => void;
    turn: number;
  }
  const feeds = new Map<Partition, Feed>();
  const { line } = world;

  function deliver(partition: Partition): void {
    const feed = feeds.get(partition);
    if (feed === undefined || process.isDead()) return;
    const turn = ++feed.turn;
    process.schedule(1 + Math.floor(world.chance.next('delivery') * 5), () => {
      if (feeds.get(partition) !== feed || feed.turn !== turn || feed.paused) return;
      if (world.isAway('line')) {
        process.schedule(100, () => {
          deliver(partition);
        });
        return;
      }
      const more = line.records(partition).slice(feed.next, feed.next + fetchRecordsMax);
      if (more.length === 0) return;
      feed.next = (feed.next + more.length) as Offset;
      feed.onRecords(more);
      deliver(partition);
    });
  }
  process.onKill(line.onAppend(deliver));

  return {
    open(partition, fromOffset, onRecords) {
      feeds.set(partition, { next: fromOffset, paused: false, onRecords, turn: 0 });
      deliver(partition);
    },
    close(partition) {
      feeds.delete(partition);
    },
    pause(partition) {
      const feed = feeds.get(partition);
      if (feed !== undefined) feed.paused = true;
    },
    resume(partition) {
      const feed = feeds.get(partition);
      if (feed !== undefined) feed.paused = false;
      deliver(partition);
    },
    watermarks: (partition) =>
      process.call('writer watermarks', 'line', () => ({ low: 0 as Offset, high: line.records(partition).length as Offset })),
    fetchOne: (partition, offset) => process.call('writer fetchOne', 'line', () => line.records(partition)[offset] ?? null),
  };
}

/** Redis keeps nothing: who does not listen at that moment does not hear it. */
function announce(world: World, process: SimProcess, announcement: Announcement, hooks: WriterHooks): Promise<void> {
  const how = world.faults.next('writer announce');
  if (how !== null) world.note(process.name, faultName('writer announce', how));
  if (how === 'killed before') {
    process.kill();
    return new Promise(silent);
  }
  hooks.telling(announcement);
  if (how !== 'lost' && !world.isAway('redis')) {
    for (const [instance, message] of encodeReplies(announcement.replies).messages) tell(repliesChannel(instance), message.toString());
    if (announcement.settledOrders.length > 0) tell(ordersChannel, encodeOrders(announcement.settledOrders));
  }
  if (how === 'killed after') process.kill();
  return Promise.resolve();

  function tell(channel: string, message: string): void {
    world.time.schedule(1 + Math.floor(world.chance.next('reply') * 4), () => {
      for (const hear of world.channels.values()) hear(channel, message);
    });
  }
}

async function publish(world: World, process: SimProcess, record: PublishedEvents): Promise<void> {
  await process.call('writer publish', 'line', (how) => {
    const events = how === 'half' ? record.events.slice(0, record.events.length >> 1) : record.events;
    if (events.length > 0) world.events.publish({ ...record, events });
  });
}
