import { existsSync } from 'node:fs';
import { pidFileOf } from './layout.ts';
import { contextOf, type StackOptions } from './open.ts';
import { PARTS } from './parts.ts';
import { runningRecord } from './processes.ts';

export interface PartStatus {
  readonly part: string;
  /** `down`: not running and not wanted by a pid file; `dead`: a pid file without its process. */
  readonly state: 'ready' | 'not ready' | 'dead' | 'down';
  readonly pid: number | null;
  readonly port: number;
  /** RFC 3339 UTC; null where it does not run. */
  readonly since: string | null;
  /** Why it is not ready. */
  readonly reason: string | null;
}

/** How each part stands, asked from the parts themselves. */
export async function status(options: StackOptions = {}): Promise<readonly PartStatus[]> {
  const context = contextOf(options);
  const { layout } = context;
  return Promise.all(
    PARTS.map(async (part): Promise<PartStatus> => {
      const pidFile = pidFileOf(layout, part.name);
      const port = part.port(layout);
      const record = runningRecord(pidFile);
      if (record === null)
        return { part: part.name, state: existsSync(pidFile) ? 'dead' : 'down', pid: null, port, since: null, reason: null };
      const reason = await part.ready(context);
      return {
        part: part.name,
        state: reason === null ? 'ready' : 'not ready',
        pid: record.pid,
        port: record.port,
        since: record.since,
        reason,
      };
    }),
  );
}
