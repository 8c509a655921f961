import type { Consumer, EachBatchPayload } from 'kafkajs';
import type { Event } from '#schemas/event.ts';
import type { Partition, SaleId } from '#schemas/ids.ts';
import { RetryableFault, TerminalFault } from '#shared/faults/faults.ts';
import { parseEventRecord, toEventRecords } from './event-records.ts';
import { createKafka, rootCause, silentLog, type KafkaAccess } from './kafka-client.ts';
import type { ConsumeSaleEventsOptions, EventPublisher, EventRange, SaleEventsConsumer } from './line.ts';
import { createMicroBatch, realTurns } from './micro-batch.ts';
import { createRequestSender, type OutgoingRecord } from './produce.ts';
import { eventsTopic } from './topics.ts';
import { zstd } from './zstd.ts';

export interface EventPublisherOptions extends KafkaAccess {
  /** Default `sale.events`. */
  readonly topic?: string;
  /** Tried again until then; default 10,000. */
  readonly publishTimeoutMs?: number;
}

/** Nobody waits for these records as a buyer waits for an answer: fewer and larger requests leave the machine to those. */
const publishLingerMs = 10;
/**
 * Of one request, before it is compressed; under what the topic takes of records that cannot be (topics.ts). Requests of
 * a partition go one after the other, and each waits several times for a writer that is busy deciding: at a size of
 * one record, publishing was what held a backlog up.
 */
const publishBytesMax = 6 * 1024 * 1024;

/**
 * Publishes decided events. Readers drop what is not newer than what they have
 * seen of a sale, so a hole would hide events for good: once some events of a
 * sale have failed, later ones are refused until the failed ones come again.
 */
export function createEventPublisher(options: EventPublisherOptions): EventPublisher {
  const publishTimeoutMs = options.publishTimeoutMs ?? 10_000;
  const sender = createRequestSender({
    ...options,
    topic: options.topic ?? eventsTopic,
    requestTimeoutMs: Math.min(5_000, publishTimeoutMs),
    compression: zstd,
  });
  const batch = createMicroBatch<OutgoingRecord>({
    limits: {
      lingerMs: publishLingerMs,
      busyLingerMs: publishLingerMs,
      busyRecords: 20,
      flushRecords: 20,
      requestRecordsMax: 100,
      requestBytesMax: publishBytesMax,
      recordsWaitingMax: 1_000,
      bytesWaitingMax: 128 * 1024 * 1024,
      recordTimeoutMs: publishTimeoutMs,
      requestTimeoutMs: Math.min(5_000, publishTimeoutMs),
      backoffMsMin: 20,
      backoffMsMax: 500,
    },
    send: sender.send,
    laneOf: sender.laneOf,
    bytesOf: (record) => record.value.length,
    turns: realTurns,
    fault: (cause) => unavailable(cause),
    failTogether: true,
    onRequestFailed: sender.failed,
  });
  /** First seq of a sale that has to come again, by partition: `startOver` drops them all, also those of calls under way. */
  const dueByPartition = new Map<Partition, Map<SaleId, number>>();

  return {
    startOver: (partition) => {
      dueByPartition.set(partition, new Map());
    },
    publish: async (partition, saleId, events) => {
      const first = events[0];
      if (first === undefined) return;
      const dueAgain = dueByPartition.get(partition) ?? new Map<SaleId, number>();
      dueByPartition.set(partition, dueAgain);
      const due = dueAgain.get(saleId);
      if (due !== undefined) {
        if (first.seq > due) throw unavailable(`event ${due} of the sale was not published`);
        dueAgain.delete(saleId);
      }
      const attempts = toEventRecords(saleId, events).map(async ({ range, value, headers }) => {
        try {
          await batch.add(partition, { key: saleId, value, headers: { ...headers } });
        } catch (error) {
          dueAgain.set(saleId, Math.min(range.firstSeq, dueAgain.get(saleId) ?? Infinity));
          throw error;
        }
      });
      const failed = (await Promise.allSettled(attempts)).find((attempt) => attempt.status === 'rejected');
      if (failed !== undefined) throw failed.reason as RetryableFault;
    },
    close: async () => {
      await batch.drained();
      await sender.close();
    },
  };

  function unavailable(cause: string): RetryableFault {
    return new RetryableFault(
      'events_unavailable',
      `decided events could not be published within ${publishTimeoutMs} ms (${cause}): publish again from the first that failed; if this lasts, look at Kafka`,
    );
  }
}

const retryMsMin = 100;
const retryMsMax = 10_000;
/** A fetch is answered as soon as anything is there, or empty after this time. */
const fetchBytesMin = 1;
/** Compressed: some six times as many in memory. Above the largest record, so that a fetch makes progress. */
const fetchPartitionBytesMax = 1024 * 1024;
const fetchWaitMsMax = 100;
/**
 * Behind a fetch in which nothing was for the handler: while a crowd reserves, events come a hundred times a second,
 * and one that reads orders need not fetch as often. It is the most that the first order behind them waits.
 */
const quietMs = 50;
/** Least time between two fetches once they bring the handler so many events: each costs it a transaction and more, whatever is in it. */
const busyMs = 12;
const busyEvents = 4;
/** So long after such a fetch. */
const busyForMs = 100;
/** Handed over in one call, about. */
const eventsAtOnceMax = 500;
const heartbeatMs = 3_000;
/** Longer than any fetch waits; a connection without an answer for so long is dead. */
const answerMsMax = 3_000;

/**
 * Hands the events of `sale.events` to a consumer group, the sales of a partition in order; what follows on in one fetch
 * is handed over together.
 * Kafka remembers how far the group is once `onEvents` has resolved, so after a crash the last records come
 * again: drop by `createSeenEvents` (event-records.ts) or by a key of your own. The first start of a group reads from the beginning.
 *
 * Resolves once the consumer is in its group; RetryableFault `line_unavailable` where Kafka is away.
 */
export async function consumeSaleEvents(options: ConsumeSaleEventsOptions): Promise<SaleEventsConsumer> {
  const topic = options.topic ?? eventsTopic;
  const log = options.log ?? silentLog;
  const types = options.types === undefined ? undefined : new Set(options.types);
  const stopping = new AbortController();
  let poison = 0;
  /** When the newest fetch came that brought the handler many events. */
  let busyAt = -Infinity;
  const blocked = new Map<Partition, TerminalFault>();
  let ended = false;

  const consumer = createKafka(options, {
    requestTimeout: answerMsMax,
    retry: { initialRetryTime: 200, maxRetryTime: 5_000, retries: 8 },
  }).consumer({
    groupId: options.groupId,
    allowAutoTopicCreation: false,
    maxWaitTimeInMs: fetchWaitMsMax,
    minBytes: fetchBytesMin,
    maxBytesPerPartition: fetchPartitionBytesMax,
    sessionTimeout: 10_000,
    heartbeatInterval: heartbeatMs,
    // The library tries again on the connection it has; only a restart makes another.
    retry: { initialRetryTime: 200, maxRetryTime: 5_000, retries: 1, restartOnFailure: () => Promise.resolve(!ended) },
  });

  function end(error: Error): void {
    if (ended) return;
    ended = true;
    consumer.disconnect().catch(() => undefined);
    options.onCrash(error);
  }
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    log.error(
      { topic, groupId: options.groupId, error: rootCause(payload.error).message, restart: payload.restart },
      'the consumer of events crashed',
    );
    if (!payload.restart) end(lost(rootCause(payload.error)));
  });

  /** What was readable in the record has been handled, and comes again once somebody can read the rest. */
  function block(partition: Partition, offset: string, why: string): void {
    const fault = new TerminalFault(
      'event_unreadable',
      `partition ${partition} of ${topic} is not read beyond offset ${offset}: an event there may not be skipped and cannot be read ` +
        `(${why}). Deploy a version that reads it; everything before it is done, and reading goes on from there.`,
    );
    blocked.set(partition, fault);
    log.error({ topic, partition, offset, code: fault.code, error: fault.message }, 'the events of a partition are not read on');
  }

  async function eachBatch(payload: EachBatchPayload): Promise<void> {
    const { batch } = payload;
    const beat = (): Promise<void> => payload.heartbeat();
    const partition = batch.partition as Partition;
    const begunAt = performance.now();
    let handed = 0;
    /** Events of one sale, of records that stand behind each other, which are not handed over yet. */
    let gathered: Gathered[] = [];
    /** Up to where everything is handed over once `gathered` is. */
    let last: string | null = null;

    async function handOver(): Promise<boolean> {
      const [first] = gathered;
      if (first !== undefined) {
        const events = gathered.flatMap((one) => one.events);
        const range = { ...first.range, lastSeq: gathered.at(-1)!.range.lastSeq };
        gathered = [];
        handed += events.length;
        if (!(await whileBeating(beat, (inGroup) => untilDone(() => options.onEvents(partition, events, range), inGroup)))) return false;
      }
      if (last === null) return true;
      blocked.delete(partition);
      payload.resolveOffset(last);
      last = null;
      await payload.commitOffsetsIfNecessary();
      await beat();
      return true;
    }

    for (const message of batch.messages) {
      if (!payload.isRunning() || payload.isStale() || stopping.signal.aborted || ended) return;
      const parsed = parseEventRecord(message, types, options.neverSkipped);
      for (const why of parsed.poison) {
        poison += 1;
        log.error(
          { topic, partition, offset: message.offset, why },
          'an event could not be read and is skipped: see which version wrote it',
        );
      }
      if (parsed.range !== null && parsed.events.length > 0) {
        if (!followsOn(gathered, parsed.range) && !(await handOver())) return;
        gathered.push({ events: parsed.events, range: parsed.range });
      }
      if (parsed.blocked !== null) {
        if (await handOver()) {
          block(partition, message.offset, parsed.blocked);
          payload.pause();
        }
        return;
      }
      last = message.offset;
    }
    if (!(await handOver())) return;
    if (handed >= busyEvents) busyAt = begunAt;
    const gapMs = begunAt - busyAt < busyForMs ? busyMs : handed === 0 ? quietMs : 0;
    const waitMs = begunAt + gapMs - performance.now();
    if (waitMs >= 1) await pause(waitMs, stopping.signal);
  }

  /** Calls until it resolves; false where the consumer is stopped, or may have lost the partition, before that. An error that is no RetryableFault ends the consumer. */
  async function untilDone(work: () => Promise<void>, inGroup: () => boolean): Promise<boolean> {
    for (let retryMs = retryMsMin; ; retryMs = Math.min(retryMsMax, retryMs * 2)) {
      try {
        await work();
        return true;
      } catch (error) {
        if (!(error instanceof RetryableFault)) {
          const fault = rootCause(error);
          log.error({ topic, error: fault.message }, 'the handler of events failed for good: this consumer stops');
          end(fault);
          return false;
        }
        log.warn({ topic, code: error.code, error: error.message, retryMs }, 'the handler of events is called again');
      }
      if (!(await pause(retryMs * (0.5 + Math.random() / 2), stopping.signal)) || !inGroup()) return false;
    }
  }

  try {
    await startConsumer(consumer, topic, (run) =>
      run({
        autoCommit: true,
        autoCommitInterval: 1_000,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: options.partitionsAtOnceMax ?? 4,
        eachBatch,
      }),
    );
  } catch (error) {
    ended = true;
    consumer.disconnect().catch(() => undefined);
    throw new RetryableFault(
      'line_unavailable',
      `events cannot be read (${rootCause(error).message}): see that Kafka runs and has topic ${topic}`,
      { cause: error },
    );
  }

  return {
    poisonCount: () => poison,
    blocked: () => blocked.values().next().value ?? null,
    stop: async () => {
      stopping.abort();
      ended = true;
      await consumer.disconnect().catch(() => undefined);
    },
  };
}

interface Gathered {
  readonly events: readonly Event[];
  readonly range: EventRange;
}

/** Whether events of that range go together with these. */
function followsOn(gathered: readonly Gathered[], { saleId, firstSeq }: EventRange): boolean {
  const before = gathered.at(-1)?.range;
  if (before === undefined) return true;
  const events = gathered.reduce((sum, one) => sum + one.events.length, 0);
  return saleId === before.saleId && firstSeq > before.lastSeq && events < eventsAtOnceMax;
}

/** The library gives up on some faults of the cluster for good, such as a coordinator that is not there yet: joining anew helps. */
function lost(error: Error): Error {
  if (!error.name.startsWith('KafkaJS')) return error;
  const message = `events can no longer be read (${error.message}): join the group again, and see that Kafka runs if this lasts`;
  return new RetryableFault('line_unavailable', message, { cause: error });
}

async function startConsumer(consumer: Consumer, topic: string, start: (run: Consumer['run']) => Promise<void>): Promise<void> {
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await start((config) => consumer.run(config));
}

/** Keeps the membership alive while `work` takes its time; `work` can ask whether a beat has failed, as it does when the group rebalances. */
async function whileBeating<T>(beat: () => Promise<void>, work: (inGroup: () => boolean) => Promise<T>): Promise<T> {
  let inGroup = true;
  const timer = setInterval(() => {
    beat().catch(() => {
      inGroup = false;
    });
  }, heartbeatMs);
  try {
    return await work(() => inGroup);
  } finally {
    clearInterval(timer);
  }
}

/** False where it was cut short. */
function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const timer = setTimeout(finish, ms, true);
    function finish(whole: boolean): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      resolve(whole);
    }
    function onAbort(): void {
      finish(false);
    }
    signal.addEventListener('abort', onAbort);
  });
}
