import { execFileSync, spawnSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { z } from 'zod';
import { nginxProgram } from '#deploy/local/nginx.ts';

/** What was measured on: without it a number means nothing. */
export const Machine = z.strictObject({
  cpu: z.string(),
  cores: z.number(),
  memoryGiB: z.number(),
  system: z.string(),
  /** By the program's name. */
  versions: z.record(z.string(), z.string()),
  /** The last one that changed more than documents and results. */
  commit: z.string(),
  /** Whether the code was that of the commit and nothing else. */
  unchanged: z.boolean(),
  /** Load average of the last minute before the first measurement: other work disturbs. */
  loadBefore: z.number(),
});
export type Machine = z.infer<typeof Machine>;

/** To be asked before anything is started. */
export const loadNow = (): number => loadavg()[0]!;

export async function describeMachine(
  { databaseOwnerUrl, redisUrl }: { readonly databaseOwnerUrl: string; readonly redisUrl: string },
  root: string,
  loadBefore: number,
): Promise<Machine> {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    system: `${osName()}, kernel ${release()}`,
    versions: {
      'Node.js': process.versions.node,
      PostgreSQL: await postgresVersion(databaseOwnerUrl),
      Kafka: kafkaVersion(root),
      Redis: await redisVersion(redisUrl),
      nginx: /nginx\/([\d.]+)/.exec(spawnSync(nginxProgram(), ['-v'], { encoding: 'utf8' }).stderr)?.[1] ?? 'unknown',
    },
    ...codeOf(root),
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

/** More than any cache holds. */
const memoryEntries = 1 << 25;
const readsAtOnce = 10_000;

/**
 * Nanoseconds that a read from a random place in 128 MiB takes just now, each waiting for the one before. A hash needs
 * no memory; what we measure waits for it, and memory and its caches are what neighbours of a virtual machine take.
 */
export function memoryNanoseconds(): number {
  // Written to, or every page of it would be the same one.
  const ones = new Int32Array(memoryEntries).fill(1);
  let place = 1;
  let reads = 0;
  const begun = performance.now();
  // A linear congruence, in which what was read is a factor: the next place is not known before.
  for (; performance.now() - begun < probeMs; reads += readsAtOnce)
    for (let index = 0; index < readsAtOnce; index += 1)
      place = (Math.imul(place, 1_664_525) + Math.imul(ones[place]!, 1_013_904_223)) & (memoryEntries - 1);
  return ((performance.now() - begun) * 1_000_000) / reads;
}

async function postgresVersion(databaseOwnerUrl: string): Promise<string> {
  const client = new Client({ connectionString: databaseOwnerUrl });
  await client.connect();
  const { rows } = await client.query<{ server_version: string }>('SHOW server_version');
  await client.end();
  return rows[0]!.server_version;
}

async function redisVersion(redisUrl: string): Promise<string> {
  const redis = new Redis(redisUrl);
  const info = await redis.info('server');
  redis.disconnect();
  return /redis_version:([\d.]+)/.exec(info)?.[1] ?? 'unknown';
}

function kafkaVersion(root: string): string {
  const libs = `${root}/.local/kafka-libs`;
  const jar = existsSync(libs) ? readdirSync(libs).find((file) => /^kafka_[\d.]+-[\d.]+\.jar$/.test(file)) : undefined;
  return jar === undefined ? 'unknown' : /-([\d.]+)\.jar$/.exec(jar)![1]!;
}

function osName(): string {
  if (!existsSync('/etc/os-release')) return process.platform;
  return /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? process.platform;
}

/** A run writes a result and a page: neither they nor other documents make another code of it. */
const code = ['.', ':(exclude)docs', ':(exclude)bench/results', ':(exclude,glob)**/*.md'];

function codeOf(root: string): { commit: string; unchanged: boolean } {
  try {
    const git = (...args: string[]): string => execFileSync('git', [...args, '--', ...code], { cwd: root, encoding: 'utf8' }).trim();
    return { commit: git('log', '-1', '--format=%h'), unchanged: git('status', '--porcelain', '--untracked-files=no') === '' };
  } catch {
    return { commit: 'unknown', unchanged: false };
  }
}
