/**
 * `node deploy/local/prepare.ts`: role, schema and topics on servers that somebody
 * else started (docker-compose.yml runs it once before the services). Repeating it
 * changes nothing. Exit code 1 and the reason on stderr where it cannot.
 */
import { z } from 'zod';
import { parseEnvironment } from '#shared/config/environment.ts';
import { databaseUrl, kafkaBrokers, linePartitions, wholeNumber } from '#shared/config/pieces.ts';
import { messageOf } from './failure.ts';
import { prepareTopics } from './kafka.ts';
import { prepareDatabase } from './postgres.ts';

const schema = z.object({
  DATABASE_OWNER_URL: databaseUrl,
  DATABASE_APP_PASSWORD: z.string().min(8).describe('the password of firstcome_app, at least 8 characters'),
  KAFKA_BROKERS: kafkaBrokers,
  LINE_PARTITIONS: linePartitions,
  // 1 for a single broker; in production 3.
  TOPIC_COPIES: wholeNumber(1, 10).default(1),
});

try {
  const values = parseEnvironment(schema, process.env);
  await Promise.all([
    prepareDatabase({ ownerUrl: values.DATABASE_OWNER_URL, password: values.DATABASE_APP_PASSWORD, root: process.cwd() }),
    prepareTopics({ brokers: values.KAFKA_BROKERS, partitions: values.LINE_PARTITIONS, copies: values.TOPIC_COPIES }),
  ]);
  console.log('role, schema and topics are ready');
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 1;
}
