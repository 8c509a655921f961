import { join } from 'node:path';
import { z } from 'zod';
import { parseEnvironment, type Environment } from '#shared/config/environment.ts';
import { databaseUrl, kafkaBrokers } from '#shared/config/pieces.ts';
import { frontPieces, refuseUnsafe } from '#shared/http/front-config.ts';
import { isKeyName } from '#shared/proof/note.ts';

const folder = z.string().min(1).describe('a folder');

const schema = z.object({
  ...frontPieces(8107),
  /** Of the role firstcome_audit, which can change nothing that was decided. */
  AUDIT_DATABASE_URL: databaseUrl.default('postgres://firstcome_audit:firstcome@127.0.0.1:5460/firstcome'),
  /** Read when a sale is verified, never written. */
  KAFKA_BROKERS: kafkaBrokers,
  /** Begins the names of all logs, and is the name of the key. Auditors pin it, so it never changes. */
  AUDIT_ORIGIN: z
    .string()
    .max(200)
    .refine((name) => isKeyName(name) && !name.endsWith('/'), 'has spaces, pluses or a slash at its end')
    .default('firstcome.local/log')
    .describe('a name such as example.com/log'),
  AUDIT_KEYS_DIR: folder.default(join('.local', 'audit', 'keys')),
  /** Not in the ledger's database and not on its disk, where that can be had. */
  AUDIT_STATE_DIR: folder.default(join('.local', 'audit', 'state')),
});

export type AuditConfig = z.output<typeof schema>;

/** Throws TerminalFault `environment_invalid`. */
export function parseAuditConfig(environment: Environment): AuditConfig {
  const config = parseEnvironment(schema, environment);
  refuseUnsafe(config);
  return config;
}
