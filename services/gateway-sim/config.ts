import { z } from 'zod';
import { parseEnvironment, type Environment } from '#shared/config/environment.ts';
import { httpHost, instanceId, logLevel, port } from '#shared/config/pieces.ts';

const schema = z.object({
  HTTP_HOST: httpHost,
  HTTP_PORT: port.default(8106),
  LOG_LEVEL: logLevel,
  INSTANCE_ID: instanceId,
  GATEWAY_JOURNAL: z.string().default('.local/gateway-sim/journal.ndjson').describe('the file that charges and refunds are journalled to'),
});

/** Throws TerminalFault `environment_invalid`. */
export function parseGatewayConfig(environment: Environment): z.output<typeof schema> {
  return parseEnvironment(schema, environment);
}
