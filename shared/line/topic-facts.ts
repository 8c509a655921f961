import type { Admin } from 'kafkajs';
import type { Offset, Partition } from '#schemas/ids.ts';
import { RetryableFault } from '#shared/faults/faults.ts';
import { createKafka, rootCause, type KafkaAccess } from './kafka-client.ts';
import type { Watermarks } from './line.ts';

/** What the brokers say of a topic, asked over one connection. Callers at the same moment share one request. */
export interface TopicFacts {
  readonly watermarks: (partition: Partition) => Promise<Watermarks>;
  readonly clusterId: () => Promise<string>;
  readonly close: () => Promise<void>;
}

const answerMsMax = 5_000;

/** Every function throws RetryableFault `line_unavailable` when Kafka does not answer within 5 s. */
export function createTopicFacts(access: KafkaAccess, topic: string): TopicFacts {
  let current: Promise<Admin> | null = null;
  let asking: Promise<ReadonlyMap<number, Watermarks>> | null = null;

  async function connect(): Promise<Admin> {
    const admin = createKafka(access, { requestTimeout: answerMsMax, retry: { retries: 2, initialRetryTime: 100 } }).admin();
    await admin.connect();
    return admin;
  }

  async function ask<T>(question: (admin: Admin) => Promise<T>): Promise<T> {
    const connecting = (current ??= connect());
    let timer: NodeJS.Timeout | undefined;
    try {
      return await Promise.race([
        connecting.then(question),
        new Promise<never>((_, reject) => {
          timer = setTimeout(reject, answerMsMax, new Error(`no answer within ${answerMsMax} ms`));
        }),
      ]);
    } catch (error) {
      if (current === connecting) current = null;
      connecting.then((admin) => admin.disconnect()).catch(() => undefined);
      throw new RetryableFault(
        'line_unavailable',
        `Kafka does not answer for topic ${topic} (${rootCause(error).message}): see that it runs and has the topic`,
        {
          cause: error,
        },
      );
    } finally {
      clearTimeout(timer);
    }
  }

  function askWatermarks(): Promise<ReadonlyMap<number, Watermarks>> {
    asking ??= ask(async (admin) => {
      const offsets = await admin.fetchTopicOffsets(topic);
      return new Map(offsets.map(({ partition, low, high }) => [partition, { low: Number(low) as Offset, high: Number(high) as Offset }]));
    }).finally(() => {
      asking = null;
    });
    return asking;
  }

  return {
    watermarks: async (partition) => {
      // An answer under way may be older than what the caller knows of, so only one that is asked for now will do.
      if (asking !== null) await asking.catch(() => undefined);
      const found = (await askWatermarks()).get(partition);
      if (found === undefined)
        throw new RetryableFault(
          'line_unavailable',
          `topic ${topic} has no partition ${partition}: see that LINE_PARTITIONS fits the topic`,
        );
      return found;
    },
    clusterId: () => ask(async (admin) => (await admin.describeCluster()).clusterId),
    close: async () => {
      const last = current;
      current = null;
      await last?.then((admin) => admin.disconnect()).catch(() => undefined);
    },
  };
}
