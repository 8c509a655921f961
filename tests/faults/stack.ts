import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { layoutOf, pidFileOf, type Layout } from '#deploy/local/layout.ts';
import { testServers } from '../integration/setup/servers.ts';
import { goneWithin, runningRecord, send } from '#deploy/local/processes.ts';

/** Breaks the parts of a running stack and mends them. */

export const layout: Layout = layoutOf(process.env, process.cwd());
export const gatewayUrl = `http://127.0.0.1:${String(layout.ports.gateway)}`;

const goneWithinMs = 10_000;
const upWithinMs = 120_000;
const metricsWithinMs = 5_000;

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

const WRITERS = ['writer', 'writer-standby'] as const;

/** Which of the two writers decides the sale's line, and which stands by for it: as they say themselves. */
export async function writersOf(saleId: string): Promise<{ owner: string; standby: string }> {
  const partition = await partitionOf(saleId);
  const epochs = await Promise.all(WRITERS.map((writer) => epochOf(writer, partition)));
  const owner = epochs[0]! > epochs[1]! ? 0 : 1;
  if (epochs[owner] === -1) throw new Error(`no writer owns partition ${String(partition)}`);
  return { owner: WRITERS[owner], standby: WRITERS[1 - owner]! };
}

async function partitionOf(saleId: string): Promise<number> {
  const { databaseOwnerUrl } = testServers();
  const client = new Client({ connectionString: databaseOwnerUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ partition: number }>('SELECT partition FROM sale_lines WHERE sale_id = $1', [saleId]);
    return rows[0]!.partition;
  } finally {
    await client.end();
  }
}

/** -1 where it does not own the partition. */
async function epochOf(writer: (typeof WRITERS)[number], partition: number): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${String(layout.ports[writer])}/metrics`, {
    signal: AbortSignal.timeout(metricsWithinMs),
  });
  const found = new RegExp(`^firstcome_writer_epoch\\{[^}]*\\bpartition="${String(partition)}"[^}]*\\} (\\d+)`, 'm').exec(
    await response.text(),
  );
  return found === null ? -1 : Number(found[1]);
}
