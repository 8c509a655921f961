/**
 * `node deploy/local/prepare.ts`: roles, schema, topics and the key of the audit log, on
 * servers that somebody else started (docker-compose.yml runs it once before the
 * services). Repeating it changes nothing. Exit code 1 and the reason on stderr where it cannot.
 */
import { z } from 'zod';
import { parseEnvironment } from '#shared/config/environment.ts';
import { ensureKey } from '#shared/audit-keys/key-folder.ts';
import { databaseUrl, kafkaBrokers, linePartitions, wholeNumber } from '#shared/config/pieces.ts';
import { messageOf } from './failure.ts';
import { prepareTopics } from './kafka.ts';
import { APP_ROLE, AUDIT_ROLE, prepareDatabase } from './postgres.ts';

const schema = z.object({
  DATABASE_OWNER_URL: databaseUrl,
  DATABASE_APP_PASSWORD: z.string().min(8).describe('the password of firstcome_app, at least 8 characters'),
  DATABASE_AUDIT_PASSWORD: z.string().min(8).describe('the password of firstcome_audit, at least 8 characters'),
  AUDIT_ORIGIN: z.string().min(1).describe('the name of the logs, such as example.com/log'),
  AUDIT_KEYS_DIR: z.string().min(1).describe('the folder of the keys of the audit log'),
  KAFKA_BROKERS: kafkaBrokers,
  LINE_PARTITIONS: linePartitions,
  // 1 for a single broker; in production 3.
  TOPIC_COPIES: wholeNumber(1, 10).default(1),
});

try {
  const values = parseEnvironment(schema, process.env);
  await Promise.all([
    prepareDatabase({
      ownerUrl: values.DATABASE_OWNER_URL,
      passwords: { [APP_ROLE]: values.DATABASE_APP_PASSWORD, [AUDIT_ROLE]: values.DATABASE_AUDIT_PASSWORD },
      root: process.cwd(),
    }),
    prepareTopics({ brokers: values.KAFKA_BROKERS, partitions: values.LINE_PARTITIONS, copies: values.TOPIC_COPIES }),
    ensureKey(values.AUDIT_KEYS_DIR, values.AUDIT_ORIGIN),
  ]);
  console.log('roles, schema, topics and the key of the audit log are ready');
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 1;
}
