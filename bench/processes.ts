import { readFileSync } from 'node:fs';

/** What Linux says about a process. */

const bytesInMb = 1_000_000;

/** Resident memory, and the part of it that the process shares with no file (its heap and the like). 0 where it has ended. */
export function memoryOf(pid: number): { readonly residentMb: number; readonly ownMb: number } {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return { residentMb: 0, ownMb: 0 };
  }
  const mb = (name: string): number =>
    Math.round((Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1_024) / bytesInMb);
  return { residentMb: mb('VmRSS'), ownMb: mb('RssAnon') };
}

export interface NamedProcess {
  readonly name: string;
  readonly pid: number;
}

const sampleEveryMs = 500;

/** Looks at the processes, with those they started, until it is stopped; then says what each had at most. Children's memory counts where it is their own. */
export function peakMemory(processes: readonly NamedProcess[]): { stop(): readonly { readonly name: string; readonly mb: number }[] } {
  const peaks = new Map(processes.map(({ name }) => [name, 0]));
  function look(): void {
    for (const { name, pid } of processes) {
      const mb = childrenOf(pid).reduce((sum, child) => sum + memoryOf(child).ownMb, memoryOf(pid).residentMb);
      peaks.set(name, Math.max(peaks.get(name)!, mb));
    }
  }
  look();
  const timer = setInterval(look, sampleEveryMs);
  return {
    stop() {
      clearInterval(timer);
      return [...peaks].map(([name, mb]) => ({ name, mb })).sort((a, b) => b.mb - a.mb);
    },
  };
}

function childrenOf(pid: number): readonly number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
