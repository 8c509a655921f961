import { readdirSync, readFileSync } from 'node:fs';
import { pidFileOf, type Layout } from '#deploy/local/layout.ts';
import { PARTS } from '#deploy/local/parts.ts';
import { runningRecord } from '#deploy/local/processes.ts';

/** Processor time of a whole stack, by part, since it was last asked; `bench` is this process. */
export interface StackWork {
  /** Seconds by part since the start or the last call; parts that did nothing are left out. */
  readonly lap: () => ReadonlyMap<string, number>;
}

const ticksPerSecond = 100;

export function watchStackWork(layout: Layout): StackWork {
  const roots = PARTS.flatMap(({ name }) => {
    const record = runningRecord(pidFileOf(layout, name));
    return record === null ? [] : [{ name, pid: record.pid }];
  });
  let before = look();

  /** A part's processes are its first one and those that this one started, such as PostgreSQL's. */
  function look(): Map<string, number> {
    const all = processes();
    const bench = process.cpuUsage();
    const seconds = new Map([['bench', (bench.user + bench.system) / 1e6]]);
    for (const { name, pid } of roots) {
      let ticks = all.get(pid)?.ticks ?? 0;
      for (const one of all.values()) if (one.parent === pid) ticks += one.ticks;
      seconds.set(name, ticks / ticksPerSecond);
    }
    return seconds;
  }

  return {
    lap() {
      const now = look();
      const lap = new Map([...now].map(([name, seconds]) => [name, seconds - (before.get(name) ?? 0)] as const));
      before = now;
      return new Map([...lap].filter(([, seconds]) => seconds > 0).sort(([, a], [, b]) => b - a));
    },
  };
}

/** With the time of children that have ended. */
function processes(): Map<number, { readonly parent: number; readonly ticks: number }> {
  const all = new Map<number, { parent: number; ticks: number }>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    let stat: string;
    try {
      stat = readFileSync(`/proc/${name}/stat`, 'utf8');
    } catch {
      continue;
    }
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    all.set(Number(name), { parent: fields[1]!, ticks: fields.slice(11, 15).reduce((sum, ticks) => sum + ticks, 0) });
  }
  return all;
}
