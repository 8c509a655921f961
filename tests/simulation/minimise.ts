import type { FaultId } from './faults.ts';
import type { Plan } from './plan.ts';
import { runPlan, type RunOptions, type RunResult, type Violation } from './run.ts';

/** What of a run is kept: acts of its plan and faults of its calls. With the seed it is the whole run. */
export interface Kept {
  readonly acts: readonly number[];
  readonly faults: readonly FaultId[];
}

export interface MinimiseOptions extends Pick<RunOptions, 'calmMsMax'> {
  /** A small trace soon is worth more than the smallest late. */
  readonly runsMax: number;
}

const ENOUGH: MinimiseOptions = { runsMax: 400 };

export function reduced(plan: Plan, kept: Kept): Plan {
  const acts = new Set(kept.acts);
  return { ...plan, acts: plan.acts.filter(({ id }) => acts.has(id)) };
}

/**
 * The same violation with as little as possible: delta debugging (ddmin: Zeller and
 * Hildebrandt, Simplifying and Isolating Failure-Inducing Input, 2002) over the acts and the faults.
 *
 * @param failed the run that showed it
 */
export async function minimise(plan: Plan, failed: RunResult, violation: Violation, options = ENOUGH): Promise<Kept> {
  const { runsMax } = options;
  let runs = 0;
  const parts = [...plan.acts.map(({ id }) => ({ act: id })), ...new Set(failed.fired)];
  type Part = (typeof parts)[number];
  const keptOf = (of: readonly Part[]): Kept => ({
    acts: of.flatMap((part) => (typeof part === 'string' ? [] : [part.act])),
    faults: of.filter((part) => typeof part === 'string'),
  });
  const stillFails = async (of: readonly Part[]): Promise<boolean> => {
    if (runs >= runsMax) return false;
    runs += 1;
    const kept = keptOf(of);
    const { violation: found } = await runPlan(reduced(plan, kept), { ...options, only: new Set(kept.faults) });
    return found?.rule === violation.rule;
  };

  let left: readonly Part[] = parts;
  let chunks = 2;
  while (left.length >= 2 && runs < runsMax) {
    const size = Math.ceil(left.length / chunks);
    let smaller: readonly Part[] | null = null;
    for (let first = 0; first < left.length && smaller === null; first += size) {
      const without = left.filter((_, index) => index < first || index >= first + size);
      if (await stillFails(without)) smaller = without;
    }
    if (smaller !== null) {
      left = smaller;
      chunks = Math.max(2, chunks - 1);
    } else if (size === 1) {
      break;
    } else {
      chunks = Math.min(left.length, chunks * 2);
    }
  }
  return keptOf(left);
}
