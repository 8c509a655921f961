import { z } from 'zod';
import { Partition } from '#schemas/ids.ts';
import { commandsTopic, eventsTopic } from '#shared/line/topics.ts';
import { parseEnvironment, type Environment } from '#shared/config/environment.ts';
import {
  databaseUrl,
  httpHost,
  instanceId,
  kafkaBrokers,
  linePartitions,
  logLevel,
  partitionList,
  port,
  redisUrl,
} from '#shared/config/pieces.ts';

const topicName = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,200}$/, 'is not a topic name')
  .describe('the name of a topic that exists');

const schema = z.object({
  DATABASE_URL: databaseUrl,
  KAFKA_BROKERS: kafkaBrokers,
  REDIS_URL: redisUrl,
  LINE_PARTITIONS: linePartitions,
  /** Those this process tries to own; absent: all. */
  WRITER_PARTITIONS: partitionList.optional(),
  HTTP_HOST: httpHost,
  HTTP_PORT: port.default(8103),
  /** Other names, for several installations on one Kafka cluster. */
  COMMANDS_TOPIC: topicName.default(commandsTopic),
  EVENTS_TOPIC: topicName.default(eventsTopic),
  INSTANCE_ID: instanceId,
  LOG_LEVEL: logLevel,
});

export interface WriterConfig {
  readonly databaseUrl: string;
  readonly kafkaBrokers: readonly string[];
  readonly redisUrl: string;
  readonly commandsTopic: string;
  readonly eventsTopic: string;
  readonly partitions: readonly Partition[];
  readonly httpHost: string;
  readonly httpPort: number;
  readonly instanceId: string | undefined;
  readonly logLevel: string;
}

/** Throws TerminalFault `environment_invalid` naming every fault. */
export function parseWriterConfig(environment: Environment): WriterConfig {
  const parsed = parseEnvironment(schema, environment);
  const all = Array.from({ length: parsed.LINE_PARTITIONS }, (_, partition) => Partition.parse(partition));
  return {
    databaseUrl: parsed.DATABASE_URL,
    kafkaBrokers: parsed.KAFKA_BROKERS,
    redisUrl: parsed.REDIS_URL,
    commandsTopic: parsed.COMMANDS_TOPIC,
    eventsTopic: parsed.EVENTS_TOPIC,
    // The line may have fewer partitions than the list names; those that are not there cannot be owned.
    partitions: parsed.WRITER_PARTITIONS?.filter((partition) => partition < parsed.LINE_PARTITIONS) ?? all,
    httpHost: parsed.HTTP_HOST,
    httpPort: parsed.HTTP_PORT,
    instanceId: parsed.INSTANCE_ID,
    logLevel: parsed.LOG_LEVEL,
  };
}
