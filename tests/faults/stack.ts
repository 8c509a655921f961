import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { layoutOf, pidFileOf, type Layout } from '#deploy/local/layout.ts';
import { goneWithin, runningRecord, send } from '#deploy/local/processes.ts';

/** Breaks the parts of a running stack and mends them. */

export const layout: Layout = layoutOf(process.env, process.cwd());
export const gatewayUrl = `http://127.0.0.1:${String(layout.ports.gateway)}`;

const goneWithinMs = 10_000;
const upWithinMs = 120_000;

function recordOf(part: string): NonNullable<ReturnType<typeof runningRecord>> {
  const record = runningRecord(pidFileOf(layout, part));
  if (record === null) throw new Error(`${part} does not run: start the stack first (make up)`);
  return record;
}

/** Ends a part at once and sees that it is gone. */
export async function kill(part: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  const record = recordOf(part);
  send(record.pid, signal);
  if (!(await goneWithin(record, goneWithinMs))) throw new Error(`${part} did not end on ${signal}`);
}

/** Starts what has ended. A process of its own, as a person would do it. */
export async function up(): Promise<void> {
  await promisify(execFile)(process.execPath, ['deploy/local/main.ts', 'up'], { timeout: upWithinMs });
}

/** A part that is there and does not answer: its connections stay open and nothing comes back. */
export function freeze(part: string): { thaw: () => void } {
  const { pid } = recordOf(part);
  send(pid, 'SIGSTOP');
  return {
    thaw: () => {
      send(pid, 'SIGCONT');
    },
  };
}
