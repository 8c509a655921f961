import type { Admin, ResourceConfigQuery } from 'kafkajs';
import { setTimeout as pause } from 'node:timers/promises';
import { RetryableFault, TerminalFault } from '#shared/faults/faults.ts';
import { createKafka, type KafkaAccess } from './kafka-client.ts';

/** The two topics and what they must be like. */

export const commandsTopic = 'sale.commands';
export const eventsTopic = 'sale.events';

/** A sale's terms may be large: 10,000 items. Everything else is below 10 kB. */
export const commandBytesMax = 8 * 1024 * 1024;
const leadersMsMax = 10_000;
const leadersPollMs = 50;
const recordOverheadBytesMax = 1024 * 1024;

/** kafkajs's ConfigResourceTypes.TOPIC, which Node does not find among the exports of a CommonJS module that spreads. */
const topicResource = 2;

export interface TopicOptions extends KafkaAccess {
  readonly topic: string;
  readonly partitions: number;
  /** 1 on a single machine, 3 in production. */
  readonly replicationFactor?: number;
  /** How long records are kept; -1: for ever. */
  readonly retentionMs?: number;
}

/**
 * Creates the topic where it does not exist; time stands in a record as its broker saw it (LogAppendTime).
 * TerminalFault `topic_unfit` where it exists with fewer partitions or another kind of time.
 */
export async function ensureTopic(options: TopicOptions): Promise<void> {
  const replicas = options.replicationFactor ?? 1;
  const config: Record<string, string> = {
    'cleanup.policy': 'delete',
    'retention.ms': String(options.retentionMs ?? -1),
    'message.timestamp.type': 'LogAppendTime',
    'max.message.bytes': String(commandBytesMax + recordOverheadBytesMax),
    'unclean.leader.election.enable': 'false',
    'min.insync.replicas': String(Math.min(2, replicas)),
  };
  await withAdmin(options, async (admin) => {
    await admin.createTopics({
      // The library gives up at once where a broker has not heard of the topic yet.
      waitForLeaders: false,
      topics: [
        {
          topic: options.topic,
          numPartitions: options.partitions,
          replicationFactor: replicas,
          configEntries: Object.entries(config).map(([name, value]) => ({ name, value })),
        },
      ],
    });
    await requireFit(admin, options);
  });
}

async function requireFit(admin: Admin, { topic, partitions }: TopicOptions): Promise<void> {
  const found = await countLedPartitions(admin, topic);
  if (found < partitions)
    throw new TerminalFault(
      'topic_unfit',
      `topic ${topic} has ${found} partitions, not ${partitions}: set LINE_PARTITIONS to ${found} or add partitions`,
    );
  const query = { type: topicResource, name: topic, configNames: ['message.timestamp.type'] } as unknown as ResourceConfigQuery;
  const configs = await admin.describeConfigs({ includeSynonyms: false, resources: [query] });
  const kind = configs.resources[0]?.configEntries.find((entry) => entry.configName === 'message.timestamp.type')?.configValue;
  if (kind !== 'LogAppendTime')
    throw new TerminalFault(
      'topic_unfit',
      `topic ${topic} takes time from its writers (${String(kind)}): set message.timestamp.type=LogAppendTime before anything is sold`,
    );
}

/** Waits until every partition of the topic has a leader. */
async function countLedPartitions(admin: Admin, topic: string): Promise<number> {
  let cause: unknown;
  const deadline = performance.now() + leadersMsMax;
  while (performance.now() < deadline) {
    try {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
      const partitions = topics[0]?.partitions ?? [];
      if (partitions.length > 0 && partitions.every(({ leader }) => leader >= 0)) {
        // A leader is named before it knows that it is one; only an answer from each of them shows that.
        await admin.fetchTopicOffsets(topic);
        return partitions.length;
      }
    } catch (error) {
      cause = error;
    }
    await pause(leadersPollMs);
  }
  throw new RetryableFault(
    'line_unavailable',
    `topic ${topic} has partitions without a leader after ${leadersMsMax} ms: look at the brokers' logs`,
    { cause },
  );
}

/** Deletes a topic and all that stands in it: for tests. */
export async function deleteTopic(access: KafkaAccess, topic: string): Promise<void> {
  await withAdmin(access, (admin) => admin.deleteTopics({ topics: [topic] }));
}

async function withAdmin(access: KafkaAccess, work: (admin: Admin) => Promise<void>): Promise<void> {
  const admin = createKafka(access).admin();
  await admin.connect();
  try {
    await work(admin);
  } finally {
    await admin.disconnect();
  }
}
