import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Client, escapeIdentifier, escapeLiteral } from 'pg';

/**
 * A database of its own for each test, cloned from a migrated template, which is
 * much faster than migrating. The server is the one of TEST_DATABASE_OWNER_URL.
 */

/** The roles the services use, given LOGIN and this password for tests. */
const APP_ROLE = 'firstcome_app';
const AUDIT_ROLE = 'firstcome_audit';
const PASSWORD = 'firstcome';

/** Any number; who holds it may create the template. */
const TEMPLATE_LOCK = 7_241_001;

/** One database, alone with its test. */
export interface TestDatabase {
  readonly name: string;
  /** Of the role that owns the tables. */
  readonly ownerUrl: string;
  /** Of the role the services use. */
  readonly appUrl: string;
  /** Of the role the audit service uses. */
  readonly auditUrl: string;
  drop(): Promise<void>;
}

/** Connection string of the role that owns the databases of tests. */
export function ownerUrl(): string {
  return process.env['TEST_DATABASE_OWNER_URL'] ?? 'postgres://firstcome:firstcome@127.0.0.1:5460/firstcome';
}

/** Runs the migrations as the stack does, in a process of their own (the migration library cannot be loaded by jest). */
export async function runMigrations(databaseOwnerUrl: string): Promise<string> {
  const script = resolve('shared/ledger/run-migrations.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [script], {
    env: { ...process.env, DATABASE_OWNER_URL: databaseOwnerUrl },
  });
  return stdout;
}

/** An empty database, not migrated. */
export async function createEmptyDatabase(): Promise<TestDatabase> {
  return createDatabase('template0');
}

/** A migrated database without rows. */
export async function createTestDatabase(): Promise<TestDatabase> {
  return createDatabase(await migratedTemplate());
}

async function createDatabase(template: string): Promise<TestDatabase> {
  const name = `firstcome_test_${randomBytes(6).toString('hex')}`;
  await asOwner('postgres', (client) => client.query(`CREATE DATABASE ${escapeIdentifier(name)} TEMPLATE ${escapeIdentifier(template)}`));
  const urlFor = (role: string): string => {
    const url = new URL(urlOf(name));
    url.username = role;
    url.password = PASSWORD;
    return url.href;
  };
  return {
    name,
    ownerUrl: urlOf(name),
    appUrl: urlFor(APP_ROLE),
    auditUrl: urlFor(AUDIT_ROLE),
    async drop() {
      await asOwner('postgres', (client) => client.query(`DROP DATABASE IF EXISTS ${escapeIdentifier(name)} WITH (FORCE)`));
    },
  };
}

/** Named by the migrations' content, so that a changed migration makes a new template. */
async function migratedTemplate(): Promise<string> {
  const directory = resolve('shared/ledger/migrations');
  const content = createHash('sha256');
  for (const file of readdirSync(directory).sort()) content.update(file).update(readFileSync(join(directory, file)));
  const name = `firstcome_template_${content.digest('hex').slice(0, 12)}`;
  await asOwner('postgres', async (client) => {
    await client.query('SELECT pg_advisory_lock($1)', [TEMPLATE_LOCK]);
    const existing = await client.query('SELECT 1 FROM pg_database WHERE datname = $1 AND datistemplate', [name]);
    if (existing.rowCount === 1) return;
    await client.query(`DROP DATABASE IF EXISTS ${escapeIdentifier(name)} WITH (FORCE)`);
    await client.query(`CREATE DATABASE ${escapeIdentifier(name)} TEMPLATE template0`);
    await runMigrations(urlOf(name));
    for (const role of [APP_ROLE, AUDIT_ROLE])
      await client.query(`ALTER ROLE ${escapeIdentifier(role)} LOGIN PASSWORD ${escapeLiteral(PASSWORD)}`);
    // Only what is finished is marked a template; one that was left half made is made again.
    await client.query(`ALTER DATABASE ${escapeIdentifier(name)} WITH IS_TEMPLATE true`);
  });
  return name;
}

function urlOf(database: string): string {
  const url = new URL(ownerUrl());
  url.pathname = `/${database}`;
  return url.href;
}

async function asOwner<T>(database: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: urlOf(database), connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
