import { parentPort, workerData } from 'node:worker_threads';
import { plantBug } from './mutants/plant.ts';

/** Runs every n-th seed of a range in a thread of its own and tells what was found. */

export interface Work {
  readonly from: number;
  /** Seeds from here on are another run's. */
  readonly until: number;
  readonly step: number;
  /** A bug to be planted before anything is loaded; null: none. */
  readonly mutant: string | null;
}

export interface Told {
  readonly seeds: number;
  readonly events: number;
  readonly coverage: readonly (readonly [string, number])[];
  readonly failure: { readonly seed: number; readonly rule: string; readonly what: string } | null;
}

const { from, until, step, mutant } = workerData as Work;
if (mutant !== null) plantBug(mutant);
// Only now, so that the bug is in what is loaded.
const { planOf } = await import('./plan.ts');
const { runPlan } = await import('./run.ts');
const { takeCoverage } = await import('./coverage.ts');

const tellEverySeeds = 10;
let seeds = 0;
let events = 0;

function tell(failure: Told['failure']): void {
  parentPort?.postMessage({ seeds, events, coverage: [...takeCoverage()], failure } satisfies Told);
  seeds = 0;
  events = 0;
}

/** A promise that nobody waits for has failed: in a process of ours that is a crash. */
let unhandled: unknown;
process.on('unhandledRejection', (reason) => {
  unhandled ??= reason ?? 'rejected with nothing';
});
const textOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error));

async function failureOf(seed: number): Promise<Told['failure']> {
  try {
    const run = await runPlan(planOf(seed));
    events += run.events;
    if (run.violation !== null) return { seed, ...run.violation };
  } catch (error) {
    return { seed, rule: 'an error that nobody caught', what: textOf(error) };
  }
  if (unhandled === undefined) return null;
  const what = textOf(unhandled);
  unhandled = undefined;
  return { seed, rule: 'a rejection that nobody handled', what };
}

for (let seed = from; seed < until; seed += step) {
  const failure = await failureOf(seed);
  seeds += 1;
  if (failure !== null || seeds >= tellEverySeeds) tell(failure);
}
tell(null);
parentPort?.close();
