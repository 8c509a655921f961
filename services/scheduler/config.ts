import { z } from 'zod';
import { parseEnvironment, type Environment } from '#shared/config/environment.ts';
import { databaseUrl, httpHost, instanceId, kafkaBrokers, logLevel, port } from '#shared/config/pieces.ts';

const schema = z.object({
  DATABASE_URL: databaseUrl,
  KAFKA_BROKERS: kafkaBrokers,
  HTTP_HOST: httpHost,
  HTTP_PORT: port.default(8105),
  LOG_LEVEL: logLevel,
  INSTANCE_ID: instanceId,
});

/** Throws TerminalFault `environment_invalid`. */
export function parseSchedulerConfig(environment: Environment): z.output<typeof schema> {
  return parseEnvironment(schema, environment);
}
