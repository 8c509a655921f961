import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
  openSync,
  closeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { logOf } from '#deploy/local/layout.ts';
import type { Scene } from './scene.ts';
import type { Random } from './plan.ts';
import { aside, isMounted, PLACES, unmountAll } from './mounts.ts';
import type { Stack } from './stack.ts';

/**
 * A part of PostgreSQL's data on a tmpfs that has little room: `pg_wal`, without which the server
 * ends itself, or `base`, where a full disk refuses statements.
 */

const roomBytes = 96 * 1024 * 1024;
const fullMs = 3_000;
const FILLER = 'filler';

export async function toSmallDisk(stack: Stack, random: Random): Promise<void> {
  const folder = join(stack.servers.dataOf('postgres'), random.pick(PLACES));
  await stack.servers.stop('postgres');
  const { uid, gid, mode } = statSync(folder);
  const used = Number(execFileSync('du', ['-sk', folder], { encoding: 'utf8' }).split('\t')[0]) * 1024;
  renameSync(folder, aside(folder));
  mkdirSync(folder);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${used + roomBytes}`, 'tmpfs', folder]);
  chownSync(folder, uid, gid);
  chmodSync(folder, mode);
  execFileSync('cp', ['-a', `${aside(folder)}/.`, folder]);
  await stack.heal();
}

export async function toLargeDisk(stack: Stack): Promise<void> {
  await stack.servers.stop('postgres');
  const data = stack.servers.dataOf('postgres');
  for (const place of PLACES) {
    if (!isMounted(join(data, place))) continue;
    rmSync(aside(join(data, place)), { recursive: true });
    execFileSync('cp', ['-a', join(data, place), aside(join(data, place))]);
  }
  unmountAll(data);
  await stack.heal();
}

export async function fillDisk({ stack }: Scene): Promise<string> {
  const data = stack.servers.dataOf('postgres');
  const place = PLACES.find((one) => isMounted(join(data, one)));
  if (place === undefined) throw new Error('no part of the data lies on a small disk: prepare this fault first');
  const filler = join(data, place, FILLER);
  const log = logOf(stack.context.layout, 'postgres');
  const logged = statSync(log).size;
  fill(filler);
  const end = performance.now() + fullMs;
  while (performance.now() < end) {
    // A log file that is begun already has room: only the next one meets the full disk.
    if (place === 'pg_wal' && stack.servers.isRunning('postgres')) await stack.query('SELECT pg_switch_wal()').catch(() => undefined);
    if (place === 'base') fill(filler);
    await pause(100);
  }
  const ended = !stack.servers.isRunning('postgres');
  const refused = readFileSync(log).subarray(logged).toString('utf8').split('No space left on device').length - 1;
  rmSync(filler, { force: true });
  await stack.servers.start('postgres');
  return `${place} full for ${fullMs / 1000} s: ${refused} refusals${ended ? ', PostgreSQL ended itself' : ''}`;
}

/** Takes what room there is, to the last page. */
function fill(file: string): void {
  const output = openSync(file, 'a');
  const page = Buffer.alloc(4_096);
  const large = Buffer.alloc(1024 * 1024);
  try {
    for (let free = statfsSync(file).bavail; free > 0; free = statfsSync(file).bavail) writeSync(output, free > 256 ? large : page);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    closeSync(output);
  }
}
