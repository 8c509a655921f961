import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { StackFailure } from './failure.ts';
import { formatPidRecord, isAlive, parsePidRecord, startOf } from './identity.ts';

const waitMsMax = 300_000;
const lookEveryMs = 200;

/** Runs `work` while no other `up`, `down` or restart of the same stack runs; waits for one that does. A lock whose process is gone is taken over. */
export async function withLock<T>(home: string, say: (line: string) => void, work: () => Promise<T>): Promise<T> {
  mkdirSync(home, { recursive: true });
  const file = join(home, 'lock');
  const own = formatPidRecord({ pid: process.pid, start: startOf(process.pid) ?? '', since: new Date().toISOString(), port: 0 });
  const deadline = performance.now() + waitMsMax;
  for (let told = false; !take(file, own); told = true) {
    if (!told) say('another command is at work on this stack: waiting for it');
    if (performance.now() > deadline)
      throw new StackFailure(`${file} has been held for ${waitMsMax / 1000} s: end that command and run this again.`);
    await pause(lookEveryMs);
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

function take(file: string, own: string): boolean {
  try {
    writeFileSync(file, own, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  let held: string;
  try {
    held = readFileSync(file, 'utf8');
  } catch {
    return false;
  }
  const holder = parsePidRecord(held);
  // An empty lock is one that is just being written.
  if (held !== '' && (holder === null || !isAlive(holder))) rmSync(file, { force: true });
  return false;
}
