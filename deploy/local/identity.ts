import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/**
 * Which process a pid file means. A pid alone is not enough: after a crash or a
 * restart of the machine another process may have it, and must not be stopped.
 */
export interface Identity {
  readonly pid: number;
  /** When the process began: clock ticks since boot with the boot's id (Linux), or what `ps` says (macOS). */
  readonly start: string;
}

/** What a pid file holds. */
export interface PidRecord extends Identity {
  /** RFC 3339 UTC, for people. */
  readonly since: string;
  readonly port: number;
}

export function formatPidRecord(record: PidRecord): string {
  return `${JSON.stringify(record)}\n`;
}

/** Null where the text is not a whole pid record: a crash may have cut it off. */
export function parsePidRecord(text: string): PidRecord | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { pid, start, since, port } = value as Partial<Record<keyof PidRecord, unknown>>;
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 1) return null;
  if (typeof start !== 'string' || start === '' || typeof since !== 'string' || typeof port !== 'number') return null;
  return { pid, start, since, port };
}

/**
 * State, process group and start time from the text of /proc/PID/stat. The second field is the
 * program's name in parentheses and may itself hold spaces and parentheses, so
 * the fields are counted from the last parenthesis. Null where it is something else.
 */
export function parseProcStat(text: string): { state: string; group: number; startTicks: string } | null {
  const fields = text
    .slice(text.lastIndexOf(')') + 1)
    .trim()
    .split(/\s+/);
  // Fields 3 (state), 5 (process group) and 22 (start time) of proc(5).
  const state = fields[0];
  const group = Number(fields[2]);
  const startTicks = fields[19];
  return state !== undefined && startTicks !== undefined && /^\d+$/.test(startTicks) ? { state, group, startTicks } : null;
}

/** When the process with this pid began; null where there is none (a zombie is none). */
export function startOf(pid: number): string | null {
  return process.platform === 'linux' ? startFromProc(pid) : startFromPs(pid);
}

function startFromProc(pid: number): string | null {
  const stat = procStatOf(pid);
  return stat === null ? null : `${stat.startTicks}@${bootId()}`;
}

/**
 * Processes that the one of this identity left behind when it was killed, such as
 * nginx's workers, which go on listening. `up` makes each part the leader of a group
 * of its own; as long as a group has members its number is nobody else's pid. So
 * where the leader is gone, members that are younger than it are its children.
 * Empty on systems without /proc.
 */
export function orphansOf(identity: Identity): number[] {
  const [ticks = '', boot] = identity.start.split('@');
  if (process.platform !== 'linux' || boot !== bootId() || startOf(identity.pid) !== null) return [];
  return readdirSync('/proc').flatMap((name) => {
    const stat = /^\d+$/.test(name) ? procStatOf(Number(name)) : null;
    return stat?.group === identity.pid && BigInt(stat.startTicks) >= BigInt(ticks) ? [Number(name)] : [];
  });
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** Null for a process that is gone, or a zombie. */
function procStatOf(pid: number): ReturnType<typeof parseProcStat> {
  try {
    const stat = parseProcStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    return stat === null || stat.state === 'Z' || stat.state === 'X' ? null : stat;
  } catch {
    return null;
  }
}

function startFromPs(pid: number): string | null {
  try {
    const [state = '', ...start] = execFileSync('ps', ['-o', 'state=,lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
      .trim()
      .split(/\s+/);
    return state === '' || state.startsWith('Z') ? null : start.join(' ');
  } catch {
    return null;
  }
}

export function isAlive(identity: Identity): boolean {
  return startOf(identity.pid) === identity.start;
}
