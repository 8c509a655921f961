import type { IHeaders, Producer } from 'kafkajs';
import type { Offset, Partition } from '#schemas/ids.ts';
import { createKafka, kafkaErrorCode, silentLog, type KafkaAccess } from './kafka-client.ts';
import type { PartitionRecords } from './micro-batch.ts';
import type { zstd } from './zstd.ts';

/** One record to be written, as every topic of ours has it. */
export interface OutgoingRecord {
  readonly key?: string;
  readonly value: Buffer;
  readonly headers?: IHeaders;
}

export interface RequestSenderOptions extends KafkaAccess {
  readonly topic: string;
  readonly requestTimeoutMs: number;
  /** Default: none. */
  readonly compression?: typeof zstd;
}

export interface RequestSender {
  /** One produce request, acknowledged by all in-sync replicas. Rejects with whatever went wrong; the records may be written all the same. */
  readonly send: (batch: readonly PartitionRecords<OutgoingRecord>[]) => Promise<ReadonlyMap<Partition, Offset>>;
  /** The broker that leads the partition, as far as is known; -1 before the first request. */
  readonly laneOf: (partition: Partition) => number;
  /** To be told of a request that failed or hangs: the second in a row makes a new connection. */
  readonly failed: (error: unknown, inARow: number) => void;
  readonly close: () => Promise<void>;
}

/** OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_PRODUCER_EPOCH, UNKNOWN_PRODUCER_ID: a producer that got one of these never recovers. */
const producerIsLost = new Set([45, 47, 59]);
const requestTimedOut = /no answer from Kafka|Request .* timed out/;

/**
 * Sends produce requests by a kafkajs producer that is replaced when it is of no more use.
 *
 * The producer is not idempotent, on purpose. What idempotence would prevent, a
 * record written twice because its request was sent again, is harmless here:
 * commands are decided once by their key, payment results by the state of their
 * order, and readers of events drop what they have seen. What it would cost is
 * real: kafkajs neither retries nor survives errors 45, 47 and 59, and a fresh
 * producer id is a round trip at every reconnection. Order does not need it
 * either: at most one request of a partition is under way.
 */
export function createRequestSender(options: RequestSenderOptions): RequestSender {
  const { topic, requestTimeoutMs } = options;
  const log = options.log ?? silentLog;
  const leaders = new Map<number, number>();
  let leadersFrom: unknown;
  let current: Promise<Producer> | null = null;

  /** Records name their partition; the library hands its metadata to a partitioner on the way, which is how the leaders are learned. */
  const createPartitioner =
    () =>
    ({ partitionMetadata, message }: { partitionMetadata: { partitionId: number; leader: number }[]; message: { partition?: number } }) => {
      if (partitionMetadata !== leadersFrom) {
        leadersFrom = partitionMetadata;
        for (const { partitionId, leader } of partitionMetadata) leaders.set(partitionId, leader);
      }
      return message.partition ?? 0;
    };

  async function connect(): Promise<Producer> {
    const producer = createKafka(options, { requestTimeout: requestTimeoutMs, retry: { retries: 0 } }).producer({
      createPartitioner,
      allowAutoTopicCreation: false,
      idempotent: false,
      retry: { retries: 0 },
    });
    try {
      await producer.connect();
    } catch (error) {
      retire(producer);
      throw error;
    }
    return producer;
  }

  /** The connection of a hanging broker closes only when its requests time out: nobody waits for that. */
  function retire(producer: Producer): void {
    producer.disconnect().catch(() => undefined);
  }

  function replace(): void {
    const retired = current;
    current = null;
    retired?.then(retire, () => undefined);
  }

  async function send(batch: readonly PartitionRecords<OutgoingRecord>[]): Promise<ReadonlyMap<Partition, Offset>> {
    const connecting = (current ??= connect());
    let producer: Producer;
    try {
      producer = await connecting;
    } catch (error) {
      if (current === connecting) current = null;
      throw error;
    }
    const answers = await producer.send({
      topic,
      acks: -1,
      timeout: requestTimeoutMs,
      ...(options.compression === undefined ? {} : { compression: options.compression }),
      messages: batch.flatMap(({ partition, records }) => records.map((record) => ({ ...record, partition }))),
    });
    const offsets = new Map<Partition, Offset>();
    for (const { partition, errorCode, baseOffset } of answers)
      if (errorCode === 0 && baseOffset !== undefined) offsets.set(partition as Partition, Number(baseOffset) as Offset);
    return offsets;
  }

  return {
    send,
    laneOf: (partition) => leaders.get(partition) ?? -1,
    failed: (error, inARow) => {
      const code = kafkaErrorCode(error);
      const message = error instanceof Error ? error.message : String(error);
      log.warn({ topic, code, inARow, error: message }, 'a request to Kafka failed and is sent again while its records have time');
      if (inARow >= 2 || requestTimedOut.test(message) || (code !== undefined && producerIsLost.has(code))) replace();
    },
    close: async () => {
      const last = current;
      current = null;
      await last?.then((producer) => producer.disconnect()).catch(() => undefined);
    },
  };
}
