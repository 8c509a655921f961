import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chownSync,
  cpSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { StackFailure } from './failure.ts';
import type { Layout } from './layout.ts';

/**
 * PostgreSQL refuses to run as root, and nothing of the stack needs root. So when
 * root runs `make up`, the servers run as somebody else: who called sudo, else who
 * owns the checkout, else `nobody`.
 */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
}

/** Where servers keep their data when their user cannot reach the checkout. */
const OUTSIDE = '/var/lib/firstcome';

interface Candidates {
  readonly uid: number;
  readonly sudoUid: string | undefined;
  readonly sudoGid: string | undefined;
  readonly owner: { readonly uid: number; readonly gid: number };
  /** Text of /etc/passwd. */
  readonly passwd: string;
}

/** Undefined where whoever runs this is not root. Throws StackFailure where only root is to be had. */
export function chooseServerUser({ uid, sudoUid, sudoGid, owner, passwd }: Candidates): ServerUser | undefined {
  if (uid !== 0) return undefined;
  const sudo = Number(sudoUid ?? 0);
  if (sudo > 0) return { uid: sudo, gid: Number(sudoGid ?? sudo), name: `uid ${sudo}` };
  if (owner.uid > 0) return { uid: owner.uid, gid: owner.gid, name: `uid ${owner.uid}` };
  const nobody = passwd.split('\n').find((line) => line.startsWith('nobody:'));
  const [, , nobodyUid, nobodyGid] = nobody?.split(':') ?? [];
  if (nobodyUid === undefined || nobodyGid === undefined) {
    throw new StackFailure('PostgreSQL does not run as root and there is no user `nobody`: run this as an ordinary user.');
  }
  return { uid: Number(nobodyUid), gid: Number(nobodyGid), name: 'nobody' };
}

/** The user servers of this checkout run as on this machine. */
export function serverUserOf(layout: Layout, environment: Readonly<Record<string, string | undefined>>): ServerUser | undefined {
  return chooseServerUser({
    uid: process.getuid?.() ?? -1,
    sudoUid: environment['SUDO_UID'],
    sudoGid: environment['SUDO_GID'],
    owner: statSync(layout.root),
    passwd: existsSync('/etc/passwd') ? readFileSync('/etc/passwd', 'utf8') : '',
  });
}

/** Whether the user can read what lies at `path`: asked from the system, as that user, since modes of every parent count. */
export function canRead(user: ServerUser | undefined, path: string): boolean {
  if (user === undefined) return existsSync(path);
  return spawnSync('/bin/sh', ['-c', 'test -r "$1" && test -x "$1"', 'sh', path], { uid: user.uid, gid: user.gid, cwd: '/' }).status === 0;
}

/** Where servers of this stack keep data and configuration: in its home, or outside when their user cannot reach that. */
export function serversHomeOf(layout: Layout, user: ServerUser | undefined): string {
  mkdirSync(layout.home, { recursive: true });
  if (canRead(user, layout.home)) return layout.home;
  return join(OUTSIDE, createHash('sha256').update(layout.home).digest('hex').slice(0, 12));
}

/** Makes a folder that belongs to the server user with all that is in it. */
export function ownFolder(path: string, user: ServerUser | undefined, mode = 0o755): string {
  mkdirSync(path, { recursive: true, mode });
  if (user !== undefined && statSync(path).uid !== user.uid) giveTo(path, user);
  return path;
}

function giveTo(path: string, user: ServerUser): void {
  lchownSync(path, user.uid, user.gid);
  if (!lstatSync(path).isDirectory()) return;
  for (const entry of readdirSync(path)) giveTo(join(path, entry), user);
}

/** Writes a server's configuration, readable by its user; 0600 where it holds a secret. */
export function writeFor(user: ServerUser | undefined, path: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text, { mode });
  if (user !== undefined) chownSync(path, user.uid, user.gid);
}

/**
 * A folder the server user can read with the content of `source`: the source itself,
 * or a copy in `target` where it cannot. `version` names the content, so that a copy
 * is made again when it changed.
 */
export function readableFolder(source: string, target: string, version: string, user: ServerUser | undefined): string {
  if (canRead(user, source)) return source;
  const mark = join(target, '.copied');
  if (existsSync(mark) && readFileSync(mark, 'utf8') === version) return target;
  cpSync(source, target, { recursive: true, verbatimSymlinks: true, force: true });
  writeFileSync(mark, version);
  if (user !== undefined) giveTo(target, user);
  return target;
}
