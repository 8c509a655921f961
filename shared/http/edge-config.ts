import { z } from 'zod';
import { parseEnvironment, type Environment } from '#shared/config/environment.ts';
import { databaseUrl, kafkaBrokers, linePartitions, redisUrl } from '#shared/config/pieces.ts';
import { frontPieces, refuseUnsafe } from './front-config.ts';

/** Variables of the services that put clients' requests on the line. */
const edgeSchema = (portDefault: number) =>
  z.object({
    ...frontPieces(portDefault),
    DATABASE_URL: databaseUrl,
    KAFKA_BROKERS: kafkaBrokers,
    REDIS_URL: redisUrl,
    LINE_PARTITIONS: linePartitions,
  });

export type EdgeConfig = z.output<ReturnType<typeof edgeSchema>>;

/** Throws TerminalFault `environment_invalid`, as `refuseUnsafe` too. */
export function parseEdgeConfig(environment: Environment, portDefault: number): EdgeConfig {
  const config = parseEnvironment(edgeSchema(portDefault), environment);
  refuseUnsafe(config);
  return config;
}
