import { join } from 'node:path';
import { migrate } from './migrate.ts';

/**
 * `node shared/ledger/run-migrations.ts` brings the database of DATABASE_OWNER_URL
 * to the newest schema; exit code 1 and the reason on stderr where it cannot.
 */

const url = process.env['DATABASE_OWNER_URL'] ?? 'postgres://firstcome:firstcome@127.0.0.1:5460/firstcome';
try {
  await migrate(url, join(import.meta.dirname, 'migrations'), (line) => {
    process.stdout.write(`${line}\n`);
  });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.stderr.write('The schema is unchanged. Check DATABASE_OWNER_URL and that PostgreSQL is up, then run this again.\n');
  process.exitCode = 1;
}
