import { assert } from '#shared/faults/assert.ts';
import { RetryableFault } from '#shared/faults/faults.ts';
import type { KafkaAccess } from './kafka-client.ts';
import type { Enqueuer } from './line.ts';
import { createMicroBatch, realTurns, type Turns } from './micro-batch.ts';
import { createRequestSender, type OutgoingRecord, type RequestSender } from './produce.ts';
import { commandBytesMax, commandsTopic } from './topics.ts';

export interface EnqueuerLimits {
  /** A record that is not acknowledged by then is refused; default 1,500. */
  readonly enqueueTimeoutMs?: number;
  /** Least time between two requests to a broker while traffic flows; default 4, and 12 while it is dense. A lone record does not wait for it. */
  readonly lingerMs?: number;
  /** Default 10,000; more are refused at once. */
  readonly recordsWaitingMax?: number;
}

export interface EnqueuerOptions extends KafkaAccess, EnqueuerLimits {
  /** Default `sale.commands`. */
  readonly topic?: string;
}

const enqueueTimeoutMsDefault = 1_500;

/**
 * Puts commands on lines. Records are gathered into requests (see micro-batch.ts) that all
 * in-sync replicas acknowledge; when Kafka is away every record is refused within its time
 * limit, and the first request after Kafka is back succeeds again: nothing has to be restarted.
 * If a record was acknowledged before another was handed in, it stands before it (I11).
 */
export function createEnqueuer(options: EnqueuerOptions): Enqueuer {
  const requestTimeoutMs = options.enqueueTimeoutMs ?? enqueueTimeoutMsDefault;
  return enqueueBy(createRequestSender({ ...options, topic: options.topic ?? commandsTopic, requestTimeoutMs }), realTurns, options);
}

/** The same over whatever sends requests, by whatever clock. */
export function enqueueBy(sender: RequestSender, turns: Turns, options: EnqueuerLimits): Enqueuer {
  const enqueueTimeoutMs = options.enqueueTimeoutMs ?? enqueueTimeoutMsDefault;
  const batch = createMicroBatch<OutgoingRecord>({
    limits: {
      lingerMs: options.lingerMs ?? 4,
      busyLingerMs: options.lingerMs ?? 12,
      busyRecords: 10,
      flushRecords: 200,
      requestRecordsMax: 500,
      requestBytesMax: 512 * 1024,
      recordsWaitingMax: options.recordsWaitingMax ?? 10_000,
      bytesWaitingMax: 64 * 1024 * 1024,
      recordTimeoutMs: enqueueTimeoutMs,
      requestTimeoutMs: enqueueTimeoutMs,
      backoffMsMin: 20,
      backoffMsMax: 250,
    },
    send: sender.send,
    laneOf: sender.laneOf,
    bytesOf: (record) => record.value.length,
    turns,
    fault: (cause) =>
      new RetryableFault(
        'line_unavailable',
        `the line did not take the command within ${enqueueTimeoutMs} ms (${cause}): send the request again with the same Idempotency-Key; if this lasts, look at Kafka`,
      ),
    failTogether: false,
    onRequestFailed: sender.failed,
  });
  let closing = false;

  return {
    enqueue: (partition, value) => {
      assert(value.length <= commandBytesMax, `a command has at most ${commandBytesMax} bytes`);
      if (closing) return Promise.reject(new RetryableFault('line_unavailable', 'this process is stopping: send the request again'));
      return batch.add(partition, { value });
    },
    health: () => {
      const { waiting, acked, failed, requests, failingSince } = batch.counts();
      return {
        status: failingSince === null ? 'ready' : 'away',
        recordsWaiting: waiting,
        recordsAcked: acked,
        recordsFailed: failed,
        requests,
        awayMs: failingSince === null ? 0 : Math.round(turns.now() - failingSince),
      };
    },
    close: async () => {
      closing = true;
      await batch.drained();
      await sender.close();
    },
  };
}
