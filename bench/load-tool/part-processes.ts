import { pidFileOf, type Layout } from '#deploy/local/layout.ts';
import { runningRecord } from '#deploy/local/processes.ts';
import { childrenOf } from '../process-figures.ts';

/** A part of the stack and its children (nginx's workers); empty where it does not run. */
export function processesOf(layout: Layout, part: string): readonly number[] {
  const record = runningRecord(pidFileOf(layout, part));
  return record === null ? [] : [record.pid, ...childrenOf(record.pid)];
}
