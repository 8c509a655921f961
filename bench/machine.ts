import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { Client } from 'pg';

/** What was measured on: without it a number means nothing. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  readonly postgresql: string;
  readonly kafka: string;
  readonly commit: string;
  /** Load average of the last minute before the first measurement: other work disturbs. */
  readonly loadBefore: number;
}

export async function describeMachine(databaseOwnerUrl: string, root: string, loadBefore: number): Promise<Machine> {
  const client = new Client({ connectionString: databaseOwnerUrl });
  await client.connect();
  const { rows } = await client.query<{ server_version: string }>('SHOW server_version');
  await client.end();
  const libs = `${root}/.local/kafka-libs`;
  const jar = existsSync(libs) ? readdirSync(libs).find((file) => /^kafka_[\d.]+-[\d.]+\.jar$/.test(file)) : undefined;
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    system: `${osName()}, kernel ${release()}`,
    node: process.versions.node,
    postgresql: rows[0]!.server_version,
    kafka: jar === undefined ? 'unknown' : /-([\d.]+)\.jar$/.exec(jar)![1]!,
    commit: commitOf(root),
    loadBefore,
  };
}

const probe = 'x'.repeat(600);
const probeMs = 200;

/**
 * Microseconds that a SHA-256 of 600 bytes takes on one core just now. A virtual machine's cores are not equally fast
 * from minute to minute: two numbers can be compared only beside this one.
 */
export function hashMicroseconds(): number {
  const begun = performance.now();
  let hashes = 0;
  for (; performance.now() - begun < probeMs; hashes += 100) for (let index = 0; index < 100; index += 1) hash('sha256', probe);
  return ((performance.now() - begun) * 1_000) / hashes;
}

function osName(): string {
  if (!existsSync('/etc/os-release')) return process.platform;
  return /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? process.platform;
}

function commitOf(root: string): string {
  try {
    const git = (...args: string[]): string => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
    return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain', '--untracked-files=no') === '' ? '' : ' with changes'}`;
  } catch {
    return 'unknown';
  }
}
