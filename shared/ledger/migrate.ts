import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { runner } from 'node-pg-migrate';

/** Where the migrations lie, seen from the project's root, in which every process is started. */
const MIGRATIONS = 'shared/ledger/migrations';

const CONNECT_MS_MAX = 10_000;

/**
 * Brings the ledger's schema to its newest version, forward only, all or nothing.
 * Safe to run several times at once: the later ones wait for the first and then
 * find nothing left to do.
 *
 * @param databaseOwnerUrl connection string of the role that owns the tables (it may create roles)
 * @param directory folder of the SQL files; absolute where the process is not started in the project's root
 * @param log takes one line at a time; by default nobody listens
 */
export async function migrate(
  databaseOwnerUrl: string,
  directory = MIGRATIONS,
  log: (line: string) => void = () => undefined,
): Promise<void> {
  const dir = resolve(directory);
  if (!existsSync(dir)) throw new Error(`no migrations in ${dir}: start this process in the project's root, or name the folder`);
  await runner({
    databaseUrl: { connectionString: databaseOwnerUrl, connectionTimeoutMillis: CONNECT_MS_MAX, application_name: 'firstcome-migrate' },
    dir,
    direction: 'up',
    migrationsTable: 'ledger_migrations',
    singleTransaction: true,
    advisoryLockMode: 'wait',
    log,
  });
}
