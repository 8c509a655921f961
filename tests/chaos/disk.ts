import { execFileSync, spawnSync } from 'node:child_process';
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
import type { Scene } from './faults.ts';
import type { Random } from './plan.ts';
import type { Stack } from './stack.ts';

/**
 * A part of PostgreSQL's data on a tmpfs that has little room: `pg_wal`, without which the server
 * ends itself, or `base`, where a full disk refuses statements.
 */

const roomBytes = 96 * 1024 * 1024;
const fullMs = 3_000;
const PLACES = ['pg_wal', 'base'] as const;
const FILLER = 'filler';

const aside = (folder: string): string => `${folder}.aside`;

/** Whether this machine lets us mount. */
export function mayMount(home: string): boolean {
  const probe = join(home, 'mount-probe');
  mkdirSync(probe, { recursive: true });
  const isAllowed = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', probe], { stdio: 'ignore' }).status === 0;
  if (isAllowed) execFileSync('umount', [probe]);
  rmSync(probe, { recursive: true });
  return isAllowed;
}

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

const isMounted = (folder: string): boolean => readFileSync('/proc/mounts', 'utf8').includes(` ${folder} `);

/** What stands aside takes its place again; also after a harness that was killed. */
export function unmountAll(data: string): void {
  for (const folder of PLACES.map((place) => join(data, place))) {
    if (!isMounted(folder)) continue;
    execFileSync('umount', [folder]);
    rmSync(folder, { recursive: true });
    renameSync(aside(folder), folder);
  }
}

export async function fillDisk({ stack }: Scene): Promise<string> {
  const data = stack.servers.dataOf('postgres');
  const place = PLACES.find((one) => isMounted(join(data, one)));
  if (place === undefined) throw new Error('no part of the data lies on a small disk: prepare this fault first');
  const filler = join(data, place, FILLER);
  fill(filler);
  const until = performance.now() + fullMs;
  let refused = '';
  while (performance.now() < until) {
    if (!stack.servers.isRunning('postgres')) refused = 'PostgreSQL ended itself';
    // A log file that is begun already has room: only the next one meets the full disk.
    else if (place === 'pg_wal') await stack.query('SELECT pg_switch_wal()').catch((error: unknown) => (refused ||= String(error)));
    else fill(filler);
    await pause(100);
  }
  rmSync(filler, { force: true });
  await stack.servers.start('postgres');
  return `${place} full for ${fullMs / 1000} s${refused === '' ? '' : `: ${refused}`}`;
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
