import { StackFailure } from './failure.ts';
import { pidFileOf, type Layout } from './layout.ts';
import { withLock } from './lock.ts';
import { openLayout, partNamed, type StackOptions } from './open.ts';
import type { Part } from './part.ts';
import { PARTS } from './parts.ts';
import { goneWithin, runningRecord, send, stopProcess } from './processes.ts';

/** A service ends by itself within 10 s; servers are quicker. */
const stopMsMax = 15_000;

/** Stops one part in order; says what was found. */
export function stopPart(layout: Layout, part: Part): Promise<'stopped' | 'killed' | 'was not running'> {
  return stopProcess(pidFileOf(layout, part.name), part.stopSignal, stopMsMax);
}

/**
 * Stops what `up` started and nothing else: services first, all at once, then the
 * servers. Data stays. Works after a crash too: a pid file whose process is gone
 * is removed, one whose pid belongs to another process now is removed as well.
 */
export async function down(options: StackOptions = {}): Promise<void> {
  const { layout } = openLayout(options.environment);
  const say = options.say ?? (() => undefined);
  const parts = PARTS;
  await withLock(layout.home, say, async () => {
    let stopped = 0;
    for (const group of stopGroups(parts)) {
      const outcomes = await Promise.all(group.map((part) => stopPart(layout, part)));
      outcomes.forEach((outcome, index) => {
        if (outcome === 'was not running') return;
        stopped += 1;
        say(`${group[index]!.name.padEnd(14)} ${outcome}`);
      });
    }
    if (stopped === 0) say('nothing was running');
  });
}

/** Who is stopped together: the gateway, so that no request comes in; those who ask; those who decide; the servers. */
export function stopGroups(parts: readonly Part[]): readonly (readonly Part[])[] {
  const deciding = ['writer', 'writer-standby', 'gateway-sim'];
  const groups = [
    (part: Part) => part.name === 'nginx',
    (part: Part) => part.kind === 'service' && !deciding.includes(part.name),
    (part: Part) => deciding.includes(part.name),
    (part: Part) => part.kind === 'server' && part.name !== 'nginx',
  ];
  return groups.map((belongs) => parts.filter(belongs)).filter((group) => group.length > 0);
}

/**
 * Sends a signal to one part, for tests of crashes and pauses (SIGKILL, SIGSTOP, SIGCONT).
 * After a signal that ends a process this returns once it has ended. Returns the pid.
 * Throws StackFailure where the part does not run.
 */
export async function killService(name: string, signal: NodeJS.Signals = 'SIGKILL', options: StackOptions = {}): Promise<number> {
  const { layout } = openLayout(options.environment);
  const part = partNamed(name);
  const record = runningRecord(pidFileOf(layout, part.name));
  if (record === null) throw new StackFailure(`${name} does not run: start it with \`make up\`.`);
  send(record.pid, signal);
  if (['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGQUIT'].includes(signal)) await goneWithin(record, stopMsMax);
  return record.pid;
}
