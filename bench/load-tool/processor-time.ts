import { existsSync, readFileSync } from 'node:fs';
import { runningRecord } from '#deploy/local/processes.ts';
import { pidFileOf, type Layout } from '#deploy/local/layout.ts';

/** Processor time of processes, as Linux tells it; 0 where a process is gone. */

const ticksPerSecond = 100;

export function processorSeconds(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // It has ended.
    }
  }
  return ticks / ticksPerSecond;
}

/** A part of the stack and its children (nginx's workers); empty where it does not run. */
export function processesOf(layout: Layout, part: string): readonly number[] {
  const record = runningRecord(pidFileOf(layout, part));
  if (record === null) return [];
  const children = `/proc/${record.pid}/task/${record.pid}/children`;
  const listed = existsSync(children) ? readFileSync(children, 'utf8').trim() : '';
  return [record.pid, ...(listed === '' ? [] : listed.split(' ').map(Number))];
}
