import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Which parts of PostgreSQL's data may lie on a disk of their own, and what they replaced meanwhile. */

export const PLACES = ['pg_wal', 'base'] as const;

/** Where what was there before waits. */
export const aside = (folder: string): string => `${folder}.aside`;

/** Whether this machine lets us mount. */
export function mayMount(home: string): boolean {
  const probe = join(home, 'mount-probe');
  mkdirSync(probe, { recursive: true });
  const isAllowed = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', probe], { stdio: 'ignore' }).status === 0;
  if (isAllowed) execFileSync('umount', [probe]);
  rmSync(probe, { recursive: true });
  return isAllowed;
}

export const isMounted = (folder: string): boolean => readFileSync('/proc/mounts', 'utf8').includes(` ${folder} `);

/** What stands aside takes its place again; also after a harness that was killed. */
export function unmountAll(data: string): void {
  for (const folder of PLACES.map((place) => join(data, place))) {
    if (!isMounted(folder)) continue;
    execFileSync('umount', [folder]);
    rmSync(folder, { recursive: true });
    renameSync(aside(folder), folder);
  }
}
