import { spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { messageOf, StackFailure } from './failure.ts';
import { formatPidRecord, isAlive, orphansOf, parsePidRecord, startOf, type PidRecord } from './identity.ts';
import type { Command } from './part.ts';
import type { ServerUser } from './server-user.ts';

/** A log that has grown beyond this is put aside as `log.1` at the next start. */
const logBytesMax = 50 * 1024 * 1024;
const tailBytesMax = 16 * 1024;
/** Begins the line that `up` writes to a log before each start. */
const startMark = '# started ';
const pollMs = 50;
const orphansMsMax = 5_000;

/** The pid file's record, where its process still runs; null otherwise. */
export function runningRecord(pidFile: string): PidRecord | null {
  if (!existsSync(pidFile)) return null;
  const record = parsePidRecord(readFileSync(pidFile, 'utf8'));
  return record !== null && isAlive(record) ? record : null;
}

/** Ends what a killed process left running; see `orphansOf`. */
export async function endOrphans(pidFile: string): Promise<void> {
  const record = existsSync(pidFile) ? parsePidRecord(readFileSync(pidFile, 'utf8')) : null;
  if (record === null) return;
  const deadline = performance.now() + orphansMsMax;
  for (let left = orphansOf(record); left.length > 0 && performance.now() < deadline; left = orphansOf(record)) {
    for (const pid of left) send(pid, 'SIGKILL');
    await pause(pollMs);
  }
}

/**
 * Starts a program that lives on when this process ends, with its output appended
 * to `log`, and writes its pid file. Throws StackFailure where it cannot be started.
 */
export async function startDetached(
  command: Command,
  { log, pidFile, port, user }: { log: string; pidFile: string; port: number; user: ServerUser | undefined },
): Promise<PidRecord> {
  mkdirSync(dirname(log), { recursive: true });
  if (existsSync(log) && statSync(log).size > logBytesMax) renameSync(log, `${log}.1`);
  const output = openSync(log, 'a');
  writeSync(output, `${startMark}${new Date().toISOString()}\n`);
  try {
    const child = spawn(command.file, command.args, {
      cwd: command.cwd,
      env: { ...command.env },
      detached: true,
      stdio: ['ignore', output, output],
      ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
    });
    const failed = new Promise<never>((_resolve, reject) => child.once('error', reject));
    // An error after the start is the log's business; without a listener it would end this process.
    failed.catch(() => undefined);
    const spawned = new Promise<void>((resolve) => child.once('spawn', resolve));
    await Promise.race([spawned, failed]);
    child.unref();
    const pid = child.pid!;
    // A program that has ended already has no start time: its record then names no living process.
    const record: PidRecord = { pid, start: startOf(pid) ?? 'ended', since: new Date().toISOString(), port };
    writeFileSync(pidFile, formatPidRecord(record));
    return record;
  } catch (error) {
    throw new StackFailure(`${command.file} cannot be started: ${messageOf(error)}`);
  } finally {
    closeSync(output);
  }
}

/**
 * Stops the process of a pid file with `signal`, then with SIGKILL after `graceMs`,
 * and removes the file. A pid that belongs to another process now is left alone.
 * Returns what was found.
 */
export async function stopProcess(
  pidFile: string,
  signal: NodeJS.Signals,
  graceMs: number,
): Promise<'stopped' | 'killed' | 'was not running'> {
  const record = runningRecord(pidFile);
  if (record === null) {
    await endOrphans(pidFile);
    rmSync(pidFile, { force: true });
    return 'was not running';
  }
  send(record.pid, signal);
  const stopped = await goneWithin(record, graceMs);
  if (!stopped) {
    send(record.pid, 'SIGKILL');
    await goneWithin(record, 5_000);
  }
  await endOrphans(pidFile);
  rmSync(pidFile, { force: true });
  return stopped ? 'stopped' : 'killed';
}

/** Sends a signal; a process that ended meanwhile is no error. */
export function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Whether the process has ended within the time. */
export async function goneWithin(record: PidRecord, ms: number): Promise<boolean> {
  const deadline = performance.now() + ms;
  while (isAlive(record)) {
    if (performance.now() > deadline) return false;
    await pause(pollMs);
  }
  return true;
}

/** The last lines that a part has written to its log since it was last started. */
export function tailOf(log: string, lines: number): string {
  if (!existsSync(log)) return '';
  const size = statSync(log).size;
  const length = Math.min(size, tailBytesMax);
  const buffer = Buffer.alloc(length);
  const file = openSync(log, 'r');
  readSync(file, buffer, 0, length, size - length);
  closeSync(file);
  const all = buffer.toString('utf8').trimEnd().split('\n');
  const started = all.findLastIndex((line) => line.startsWith(startMark));
  return all
    .slice(started + 1)
    .slice(-lines)
    .join('\n');
}
