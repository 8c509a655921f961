import type { Measurement, MeasurementId } from './measurement.ts';
import { median } from './median.ts';
import type { RunResult } from './run-result.ts';

/** What several runs say about each thing that was measured. */

/** The page is made of so many runs where there are so many. */
export const runsMax = 3;
/** Within which a figure's runs are said to agree. */
export const spreadPercentMax = 15;

export interface Figure {
  readonly id: MeasurementId;
  readonly what: string;
  readonly unit: Measurement['unit'];
  readonly target: Measurement['target'];
  readonly command: string;
  /** One a run, in their order; null where the run has none. Of a thing measured several times in a run, see `valueInRun`. */
  readonly values: readonly (number | null)[];
  readonly median: number;
  /** From the lowest to the highest, of the median; null where there is one only. */
  readonly spreadPercent: number | null;
  /** `wrong`: something was counted that must not be. */
  readonly verdict: 'met' | 'missed' | 'wrong' | 'no target';
  /** In its own run, the median of them; null where it was not compared. */
  readonly timesRowLock: number | null;
  /** How far apart those are, as `spreadPercent`: most of the machine's drift from run to run is in both and falls out. */
  readonly timesRowLockSpreadPercent: number | null;
  readonly timesFloor: number | null;
  /** Of all runs, the measurement nearest to the median first. */
  readonly measurements: readonly Measurement[];
}

/** A step that ended badly, in so many of the runs. */
export interface Failure {
  readonly name: string;
  readonly command: string;
  readonly runs: number;
  readonly why: string;
}

export interface PageRuns {
  /** Oldest first. */
  readonly runs: readonly RunResult[];
  /** Runs of single steps, made since, the newest command's first: theirs stand in `runs`, in place of what those had, the first in the first. */
  readonly again: readonly (readonly RunResult[])[];
}

/**
 * The newest whole runs of the newest one's code, but for steps that were measured again on such a machine: of each step
 * the newest command that measured it, in the code in which it did so last.
 */
export function runsOfPage(stored: readonly RunResult[]): PageRuns {
  const whole = wholeRuns(stored);
  const newest = whole.at(-1);
  const since = stored.filter(
    ({ kind, at, machine }) =>
      newest !== undefined && kind === 'part' && at > newest.at && machine.unchanged && machine.cpu === newest.machine.cpu,
  );
  const amended = new Set<string>();
  const again: RunResult[][] = [];
  let runs = whole;
  for (const last of since.toReversed()) {
    const names = new Set(last.steps.map(({ name }) => name)).difference(amended);
    if (names.size === 0) continue;
    const alike = since.filter(({ machine, command }) => machine.commit === last.machine.commit && command === last.command);
    const made = alike.slice(-whole.length);
    runs = runs.map((run, at) => ({
      ...run,
      steps: [...run.steps.filter(({ name }) => !names.has(name)), ...(made[at]?.steps ?? []).filter(({ name }) => names.has(name))],
    }));
    again.push(made);
    for (const name of names) amended.add(name);
  }
  return { runs, again };
}

/** Code that is no commit's is only that run's. */
function wholeRuns(stored: readonly RunResult[]): RunResult[] {
  const whole = stored.filter(({ kind }) => kind === 'whole');
  const newest = whole.at(-1);
  if (newest === undefined) return [];
  if (!newest.machine.unchanged) return [newest];
  const same = whole.filter(({ machine }) => machine.unchanged && machine.commit === newest.machine.commit);
  return same.slice(-runsMax);
}

/** In the order in which they were measured. */
export function figuresOf(runs: readonly RunResult[]): Figure[] {
  const measured = runs.map(({ steps }) => steps.flatMap(({ measurements }) => measurements));
  const names = new Set(measured.flat().map(nameOf));
  return [...names].map((name) => {
    const perRun = measured.map((ofRun) => ofRun.filter((one) => nameOf(one) === name));
    const all = perRun.flat();
    const { id, what, unit, target, command } = all.at(-1)!;
    const values = perRun.map(valueInRun);
    const known = values.filter((value) => value !== null);
    const middle = median(known);
    /** One a run that has both. */
    const ratiosTo = (which: (one: Measurement) => boolean): number[] =>
      values.flatMap((value, run) => {
        const other = valueInRun(measured[run]!.filter(which));
        return value === null || other === null || unit !== '/s' ? [] : [value / other];
      });
    const toRowLock = ratiosTo((one) => one.id === 'baseline' && one.what === 'row-lock');
    const toFloor = ratiosTo((one) => one.id === 'floor');
    return {
      id,
      what,
      unit,
      target,
      command,
      values,
      median: middle,
      spreadPercent: known.length < 2 ? null : spreadPercent(known),
      verdict: all.some(({ right }) => !right) ? 'wrong' : verdictOf(middle, target),
      timesRowLock: toRowLock.length === 0 ? null : median(toRowLock),
      timesRowLockSpreadPercent: toRowLock.length < 2 ? null : spreadPercent(toRowLock),
      timesFloor: toFloor.length === 0 ? null : median(toFloor),
      measurements: all.toSorted((a, b) => Math.abs(a.value - middle) - Math.abs(b.value - middle)),
    };
  });
}

export function failuresOf(runs: readonly RunResult[]): Failure[] {
  const failed = runs.flatMap(({ steps }, run) => steps.filter((step) => step.failed !== null).map((step) => ({ ...step, run })));
  return [...Map.groupBy(failed, ({ name }) => name).values()].map((same) => ({
    name: same[0]!.name,
    command: same[0]!.command,
    runs: new Set(same.map(({ run }) => run)).size,
    why: [...new Set(same.map((step) => step.failed!))].join('; '),
  }));
}

/**
 * What a run says of a thing that it measured several times, minutes apart: of rates the highest, for whatever else is on
 * the machine can only take from them; of all else the median. Null: not measured. See docs/decisions/0016.
 */
function valueInRun(measurements: readonly Measurement[]): number | null {
  if (measurements.length === 0) return null;
  const values = measurements.map(({ value }) => value);
  return measurements[0]!.unit === '/s' ? Math.max(...values) : median(values);
}

/** From the lowest to the highest, in percent of the median. */
export function spreadPercent(values: readonly number[]): number {
  const range = Math.max(...values) - Math.min(...values);
  return range === 0 ? 0 : (100 * range) / median(values);
}

function verdictOf(value: number, target: Measurement['target']): Figure['verdict'] {
  if (target === undefined) return 'no target';
  return (target.bound === 'at least' ? value >= target.value : value <= target.value) ? 'met' : 'missed';
}

function nameOf({ id, what }: Measurement): string {
  return `${id} ${what}`;
}
