import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { addCoverage, type Coverage } from './coverage-counts.ts';
import type { Told, Work } from './worker.ts';

export interface SeedsResult {
  readonly seeds: number;
  readonly events: number;
  readonly coverage: Coverage;
  readonly failures: readonly NonNullable<Told['failure']>[];
}

export interface SeedsOptions {
  readonly from: number;
  readonly count: number;
  readonly mutant?: string;
  /** Ends at the first failure. */
  readonly failFast: boolean;
  readonly onProgress?: (seeds: number, failures: number) => void;
  /** Ends it early, with what was found until then. */
  readonly stop?: AbortSignal;
}

/** Failures that are kept; a run that fails everywhere needs no more to be looked into. */
const failuresMax = 20;

/** Runs seeds on all processors. Throws where a thread dies of anything but a violation. */
export async function runSeeds({ from, count, mutant, failFast, onProgress, stop }: SeedsOptions): Promise<SeedsResult> {
  const coverage: Coverage = new Map();
  const failures: NonNullable<Told['failure']>[] = [];
  let seeds = 0;
  let events = 0;
  const threads = Math.max(1, Math.min(availableParallelism(), count));
  const workers = Array.from({ length: threads }, (_, index) => {
    const workerData: Work = { from: from + index, until: from + count, step: threads, mutant: mutant ?? null };
    return new Worker(new URL('worker.ts', import.meta.url), { workerData });
  });
  const endAll = (): void => {
    for (const worker of workers) void worker.terminate();
  };
  stop?.addEventListener('abort', endAll);
  await Promise.all(
    workers.map(
      (worker) =>
        new Promise<void>((resolve, reject) => {
          worker.on('message', (told: Told) => {
            seeds += told.seeds;
            events += told.events;
            addCoverage(coverage, told.coverage);
            if (told.failure !== null && failures.length < failuresMax) failures.push(told.failure);
            onProgress?.(seeds, failures.length);
            if (failures.length > 0 && (failFast || failures.length >= failuresMax)) endAll();
          });
          worker.on('error', reject);
          worker.on('exit', () => {
            resolve();
          });
        }),
    ),
  );
  return { seeds, events, coverage, failures: failures.sort((a, b) => a.seed - b.seed) };
}
