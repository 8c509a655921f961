import { childrenOf, memoryOf } from './process-figures.ts';

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
