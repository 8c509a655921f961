import { randomUUID } from 'node:crypto';
import type { Consumer, EachBatchPayload, KafkaMessage } from 'kafkajs';
import type { EpochMs, Offset, Partition } from '#schemas/ids.ts';
import { assert } from '#shared/faults/assert.ts';
import { RetryableFault, TerminalFault } from '#shared/faults/faults.ts';
import { assignEverything } from './assign-everything.ts';
import { createKafka, rootCause, silentLog, type KafkaAccess } from './kafka-client.ts';
import type { LineReader, LineRecord, OnReaderCrash } from './line.ts';
import { createFeed, type Feed } from './partition-feed.ts';
import { createTopicFacts } from './topic-facts.ts';
import { commandsTopic } from './topics.ts';

export interface LineReaderOptions extends KafkaAccess {
  readonly onCrash: OnReaderCrash;
  /** Default `sale.commands`. */
  readonly topic?: string;
  /** Longest wait of the brokers for a record, and so of an `open` for its turn; default 100. */
  readonly maxWaitMs?: number;
  /** Read ahead of a partition that is paused; default 10,000 records or 4 MiB. */
  readonly heldRecordsMax?: number;
  readonly heldBytesMax?: number;
}

const fetchBytesMax = 4 * 1024 * 1024;
/** Above the largest request of an enqueuer, so that each fetch can make progress on each partition. */
const fetchPartitionBytesMax = 1024 * 1024;
const fetchOneMsMax = 5_000;
/** The broker answers a fetch after `maxWaitMs`, records or not. Without any answer for so long the connection is dead, whatever the system says of it. */
const silentMsMax = 3_000;
/** The answer may lie there already: this process may have been too busy, or stopped, to read it. */
const silentGraceMs = 200;
const restartMs = 500;
/** So long the reader tries to get back into its group before it gives up. */
const awayMsMax = 120_000;
const seeksInARowMax = 3;
/** So long after a record of it a partition counts as busy; a sale that is not settled has a tick each second. */
const busyMs = 10_000;
/** While records keep coming, quiet partitions are asked for no more often. */
const quietEveryMs = 50;

/**
 * Reads the partitions of a line. One kafkajs consumer, each time in a group of its own, is
 * given every partition and fetches those that are open.
 *
 * Modes: away (not in the group: nothing is fetched, what was asked for is
 * remembered) and joined. Joining, the first time and after every rebalance or
 * restart, pauses everything and then puts each open partition where its feed
 * stands: Kafka's own idea of the offsets is never used. The library loses its
 * place at a rebalance and silently starts anew where an offset is out of range;
 * both show as records that do not follow on, and are then looked into. It also goes on
 * in silence when the topic was made anew and is long enough by then; so after whatever
 * disturbed it the last record of a partition is read again, which tells whether it is
 * the same line.
 *
 * Every partition in a fetch costs the broker and the library time, whether it has
 * records or not, and most have none. So while fetches follow each other quickly the
 * quiet partitions are left out of most of them.
 */
export function createLineReader(options: LineReaderOptions): LineReader {
  const topic = options.topic ?? commandsTopic;
  const log = options.log ?? silentLog;
  const maxWaitMs = options.maxWaitMs ?? 100;
  const feedLimits = { heldRecordsMax: options.heldRecordsMax ?? 10_000, heldBytesMax: options.heldBytesMax ?? 4 * 1024 * 1024 };
  const facts = createTopicFacts(options, topic);
  const feeds = new Map<Partition, OpenFeed>();
  let consumer: Consumer | null = null;
  let joined = false;
  let awaySince = performance.now();
  let ended = false;
  let restartTimer: NodeJS.Timeout | undefined;
  /** Whether the next fetch asks for quiet partitions as well, and when one last did. */
  let quietToo = true;
  let quietAskedAt = -Infinity;
  /** Brokers with a fetch under way. */
  const fetchingFrom = new Set<number>();

  interface OpenFeed {
    readonly feed: Feed;
    busyUntil: number;
    /** As the consumer was last told. */
    fetching: boolean;
    looking: boolean;
    /** Its last record has to be seen again before anything behind it is believed. */
    unverified: boolean;
    seeksInARow: number;
    /** Waits for the first record: `fetchOne`. */
    onFirst: (() => void) | null;
  }

  function crash(fault: TerminalFault | RetryableFault): void {
    if (ended) return;
    ended = true;
    log.error({ topic, code: fault.code }, fault.message);
    feeds.clear();
    clearTimeout(restartTimer);
    consumer?.disconnect().catch(() => undefined);
    options.onCrash(fault);
  }

  /** Makes a consumer and joins with it; resolves or rejects once that is settled, `onLost` is called when it is lost later. */
  async function run(onLost: (error: Error) => void): Promise<void> {
    let lost: Error | null = null;
    const access: KafkaAccess = {
      ...options,
      reach: (address) => {
        disturbed();
        return options.reach?.(address) ?? address;
      },
    };
    const kafka = createKafka(access, {
      requestTimeout: silentMsMax,
      // The library tries again on the connection it has, which is the one that does not answer.
      retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 1 },
      onLibraryLog: (message, fields) => {
        // Nothing else tells that an offset is out of range before the next record comes, which may be never.
        const { partition } = fields as { partition?: Partition };
        const open = partition === undefined ? undefined : feeds.get(partition);
        if (message.startsWith('Offset out of range') && open !== undefined) lookInto(partition!, open, 'its offset is out of range');
      },
    });
    const mine = kafka.consumer({
      // A new group each time: the broker would let it into the old one only when the lost member's session has run out, 30 s later.
      groupId: `firstcome-line-${randomUUID()}`,
      partitionAssigners: [assignEverything],
      allowAutoTopicCreation: false,
      maxWaitTimeInMs: maxWaitMs,
      minBytes: 1,
      maxBytes: fetchBytesMax,
      maxBytesPerPartition: fetchPartitionBytesMax,
      sessionTimeout: 30_000,
      heartbeatInterval: 3_000,
      // The library's own restart keeps the consumer it has; a new one leaves nothing of the old state behind.
      retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 5, restartOnFailure: () => Promise.resolve(false) },
    });
    consumer = mine;
    fetchingFrom.clear();
    /** By broker: calls off the watch over the fetch that is under way. */
    const watches = new Map<number, () => void>();
    const noPartitions = (): Error => new Error(`${topic} has no partitions`);
    const abandon = (why: Error): void => {
      if (consumer !== mine || !joined) return;
      stopWatching();
      mine.disconnect().catch(() => undefined);
      onLost(why);
    };
    const watch = (broker: number): void => {
      watches.get(broker)?.();
      watches.set(
        broker,
        afterMs(silentMsMax, () => {
          watches.set(
            broker,
            afterMs(silentGraceMs, () => abandon(new Error(`no answer to a fetch within ${silentMsMax} ms`))),
          );
        }),
      );
    };
    const stopWatching = (): void => {
      for (const callOff of watches.values()) callOff();
      watches.clear();
    };
    // The listeners run synchronously: everything is paused before the library can start its first fetch.
    mine.on(mine.events.GROUP_JOIN, ({ payload }) => {
      if (consumer !== mine) return;
      const partitions = payload.memberAssignment[topic] ?? [];
      if (partitions.length === 0) {
        // The topic is not there at this moment. The library would be content with nothing, also when it is back.
        if (!joined) lost = noPartitions();
        else abandon(noPartitions());
        return;
      }
      joined = true;
      disturbed();
      mine.pause([{ topic, partitions: [...partitions] }]);
      for (const [partition, open] of feeds) {
        open.fetching = false;
        place(partition, open);
      }
    });
    mine.on(mine.events.FETCH_START, ({ payload }) => {
      if (consumer !== mine) return;
      // The one before has failed, and the library tries again by itself.
      if (fetchingFrom.has(payload.nodeId)) disturbed();
      chooseQuiet(payload.nodeId);
      watch(payload.nodeId);
    });
    mine.on(mine.events.FETCH, ({ payload }) => {
      watches.get(payload.nodeId)?.();
      if (consumer === mine) fetchingFrom.delete(payload.nodeId);
    });
    mine.on(mine.events.REBALANCING, stopWatching);
    mine.on(mine.events.STOP, stopWatching);
    mine.on(mine.events.CRASH, ({ payload }) => {
      stopWatching();
      if (consumer !== mine) return;
      lost = payload.error;
      if (joined) onLost(lost);
    });
    try {
      await mine.connect();
      await mine.subscribe({ topics: [topic], fromBeginning: true });
      await mine.run({ autoCommit: false, eachBatchAutoResolve: false, partitionsConsumedConcurrently: 1, eachBatch });
    } catch (error) {
      lost = rootCause(error);
    }
    // Reading it through a function keeps the compiler from taking the first assignment for the last.
    const fault = ((): Error | null => lost)();
    if (fault === null || joined) return;
    mine.disconnect().catch(() => undefined);
    throw fault;
  }

  function runAgain(error: Error): void {
    if (ended) return;
    if (joined) awaySince = performance.now();
    joined = false;
    consumer = null;
    const cause = rootCause(error).message;
    if (performance.now() - awaySince > awayMsMax) {
      crash(
        unavailable(
          `the reader of ${topic} could not get back to Kafka within ${awayMsMax} ms (${cause}): see that Kafka runs, then start again`,
          error,
        ),
      );
      return;
    }
    log.warn({ topic, error: cause }, 'the reader lost Kafka and connects anew');
    restartTimer = setTimeout(() => {
      run(runAgain).catch((again: unknown) => {
        runAgain(rootCause(again));
      });
    }, restartMs);
  }

  /** A connection was made, a fetch failed, the group was joined: from here on it may be another topic of the same name. */
  function disturbed(): void {
    for (const open of feeds.values()) open.unverified = open.feed.readFrom() < open.feed.next();
  }

  /** Tells the consumer from where, and whether, to fetch a partition. */
  function place(partition: Partition, open: OpenFeed): void {
    if (!joined || consumer === null || open.looking) return;
    consumer.seek({ topic, partition, offset: String(open.feed.readFrom()) });
    setFetching(partition, open);
  }

  /** Called right before a fetch is put together. The library drops what it fetched of a partition that is paused by then, so nothing is paused while another broker is asked. */
  function chooseQuiet(broker: number): void {
    fetchingFrom.add(broker);
    const at = performance.now();
    const chosen = fetchingFrom.size > 1 || at - quietAskedAt >= quietEveryMs;
    if (chosen) quietAskedAt = at;
    if (chosen === quietToo) return;
    quietToo = chosen;
    for (const [partition, open] of feeds) setFetching(partition, open);
  }

  function setFetching(partition: Partition, open: OpenFeed): void {
    const wanted = open.feed.wantsMore() && !open.looking && (quietToo || open.busyUntil > performance.now());
    if (!joined || consumer === null || wanted === open.fetching) return;
    open.fetching = wanted;
    if (wanted) consumer.resume([{ topic, partitions: [partition] }]);
    else consumer.pause([{ topic, partitions: [partition] }]);
  }

  /** Nothing in it waits, so that the library goes on to the next fetch at once. */
  async function eachBatch(payload: EachBatchPayload): Promise<void> {
    const { batch } = payload;
    const partition = batch.partition as Partition;
    const open = feeds.get(partition);
    if (open === undefined || open.looking || payload.isStale()) return;
    const first = batch.messages[0];
    if (first !== undefined) open.busyUntil = performance.now() + busyMs;
    if (first !== undefined && open.unverified && Number(first.offset) > open.feed.readFrom()) {
      place(partition, open);
      return;
    }
    const accepted = open.feed.accept(batch.messages.map(toRecord));
    if (feeds.get(partition) !== open) return;
    switch (accepted.kind) {
      case 'accepted':
        open.seeksInARow = 0;
        if (first !== undefined) open.unverified = false;
        payload.resolveOffset(batch.lastOffset());
        break;
      case 'behind':
        lookInto(partition, open, `offset ${accepted.last} came where ${open.feed.next()} was due`);
        return;
      case 'hole':
        lookInto(partition, open, `offset ${accepted.first} came where ${open.feed.next()} was due`);
        return;
      case 'another':
        crash(
          new TerminalFault(
            'line_broken',
            `partition ${partition} of ${topic} holds another record at offset ${accepted.at} than the one that was read there: the topic was made anew; ` +
              'see "A line that halted" in docs/OPERATIONS.md before this partition is written again',
          ),
        );
        return;
    }
    open.onFirst?.();
    setFetching(partition, open);
  }

  /** Records did not follow on: either the library lost its place, and is put back there, or the topic is not what it was. */
  function lookInto(partition: Partition, open: OpenFeed, why: string): void {
    if (open.looking || ended) return;
    open.looking = true;
    setFetching(partition, open);
    const due = open.feed.next();
    facts.watermarks(partition).then(
      ({ low, high }) => {
        if (feeds.get(partition) !== open) return;
        open.looking = false;
        open.seeksInARow += 1;
        if (due >= low && due <= high && open.seeksInARow <= seeksInARowMax) {
          log.warn({ topic, partition, due, low, high, why }, 'the reader is put back to where it was');
          place(partition, open);
          return;
        }
        crash(
          new TerminalFault(
            'line_broken',
            `partition ${partition} of ${topic} does not go on at offset ${due} (${why}; it has ${low} to ${high}): records were deleted or the topic was made anew; ` +
              'see "A line that halted" in docs/OPERATIONS.md before this partition is written again',
          ),
        );
      },
      () => {
        // Kafka is away: look again when it is back.
        setTimeout(() => {
          if (feeds.get(partition) !== open) return;
          open.looking = false;
          lookInto(partition, open, why);
        }, restartMs);
      },
    );
  }

  function start(partition: Partition, from: Offset): OpenFeed {
    const open: OpenFeed = {
      feed: createFeed(from, feedLimits),
      busyUntil: performance.now() + busyMs,
      fetching: false,
      looking: false,
      unverified: false,
      seeksInARow: 0,
      onFirst: null,
    };
    feeds.set(partition, open);
    place(partition, open);
    return open;
  }

  function close(partition: Partition): void {
    const open = feeds.get(partition);
    if (open === undefined) return;
    feeds.delete(partition);
    if (joined && consumer !== null && open.fetching) consumer.pause([{ topic, partitions: [partition] }]);
  }

  return {
    start: async () => {
      assert(consumer === null && !ended, 'a reader is started once');
      try {
        await run(runAgain);
      } catch (error) {
        consumer = null;
        throw unavailable(
          `the reader of ${topic} cannot start (${rootCause(error).message}): see that Kafka runs and has the topic`,
          error,
        );
      }
    },
    open: (partition, from, onRecords) => {
      assert(!ended, 'the reader has ended');
      const before = feeds.get(partition);
      assert(before?.feed.attached() !== true, `partition ${partition} is open already`);
      const open = before?.feed.undelivered() === from ? before : start(partition, from);
      open.onFirst = null;
      open.feed.attach(onRecords);
      setFetching(partition, open);
    },
    close,
    pause: (partition) => feeds.get(partition)?.feed.pause(),
    resume: (partition) => {
      const open = feeds.get(partition);
      open?.feed.resume();
      if (open !== undefined && feeds.get(partition) === open) setFetching(partition, open);
    },
    watermarks: facts.watermarks,
    clusterId: facts.clusterId,
    fetchOne: async (partition, offset) => {
      assert(feeds.get(partition)?.feed.attached() !== true, `partition ${partition} is open already`);
      const { low, high } = await facts.watermarks(partition);
      if (offset < low || offset >= high) return null;
      const open = start(partition, offset);
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve, reject) => {
        open.onFirst = resolve;
        timer = setTimeout(() => {
          close(partition);
          reject(unavailable(`Kafka did not deliver offset ${offset} of partition ${partition} of ${topic} within ${fetchOneMsMax} ms`));
        }, fetchOneMsMax);
      }).finally(() => {
        clearTimeout(timer);
      });
      open.onFirst = null;
      const record = open.feed.takeOne();
      setFetching(partition, open);
      return record;
    },
    stop: async () => {
      ended = true;
      feeds.clear();
      clearTimeout(restartTimer);
      await consumer?.disconnect().catch(() => undefined);
      await facts.close();
    },
  };
}

function afterMs(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms).unref();
  return () => {
    clearTimeout(timer);
  };
}

function unavailable(message: string, cause?: unknown): RetryableFault {
  return new RetryableFault('line_unavailable', message, { cause });
}

function toRecord({ offset, timestamp, value }: KafkaMessage): LineRecord {
  return { offset: Number(offset) as Offset, timestamp: Number(timestamp) as EpochMs, value };
}
