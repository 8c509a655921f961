/**
 * `make bench`: everything that stands in docs/PERFORMANCE.md, one step of bench/plan.ts after the other, on a stack of
 * its own beside the ordinary one and only ever against this machine. A whole run, and one that is to be kept, writes
 * bench/results/<time>.json and docs/PERFORMANCE.md, any other .local/bench-results/<time>.json. A step that fails is told, the others go on, and the command ends with 1.
 *
 *   node bench/main.ts [--quick] [--long] [--only P1,P3] [--keep] [--no-page]
 *     --quick     every program on a small size: whether it works, no figures for the page
 *     --long      the sale of P5 grows to ten million reservations
 *     --keep      with --only: on the page, what it measures stands in place of what the whole runs before it did
 *     --no-page   leaves docs/PERFORMANCE.md as it is
 */
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { clear } from '#deploy/local/clear.ts';
import { down } from '#deploy/local/down.ts';
import { openLayout, stackEnvironment } from '#deploy/local/open.ts';
import { up } from '#deploy/local/up.ts';
import { base, runProgram } from './bench-stack.ts';
import { describeMachine, loadNow, type Machine } from './machine.ts';
import { valueOf } from './performance-page.ts';
import { commandOf, type Step, stepsFor } from './plan.ts';
import { atItsBest, type Speed, untilQuiet } from './quiet.ts';
import { type RunResult, type StepResult, storedResults, storeResult } from './run-result.ts';
import { readOutput } from './step-output.ts';
import { writePage } from './write-page.ts';

/** Until what a stack does after its start is done. */
const settleMs = 3_000;
/** What a fresh stack takes, for the guess of what is left. */
const freshSeconds = 20;
/** A step waits so long for a quiet machine, and all of them so long together. */
const quietMsMax = { step: 180_000, run: 900_000 };
/** What a program on a small size takes at most. */
const quickSeconds = 30;

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    long: { type: 'boolean', default: false },
    only: { type: 'string' },
    keep: { type: 'boolean', default: false },
    page: { type: 'boolean', default: true },
  },
  allowNegative: true,
});
const only = flags.only?.split(',');
const steps = stepsAsked();
const kind: RunResult['kind'] = flags.quick ? 'quick' : only === undefined ? 'whole' : 'part';
const keep = kind === 'whole' || flags.keep;
if (kind === 'quick' && flags.keep) {
  console.error('What --quick measures is no figure for the page: leave out --keep, or --quick.');
  process.exit(2);
}
const { layout } = openLayout(base);
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.abort());

const begun = performance.now();
const at = new Date().toISOString();
const loadBefore = loadNow();
const usual = usualSeconds();
const results: StepResult[] = [];
let machine: Machine | undefined;
/** What is left of the run's. */
let quietMsLeft = quietMsMax.run;
let running: Step['stack'] | undefined;
say(
  `${steps.length} steps, about ${clock(secondsOf(steps))}, on a stack of its own in ${layout.home}, ports shifted by ${layout.portOffset}`,
);
try {
  for (const [index, step] of steps.entries()) {
    if (interrupted.signal.aborted) break;
    const left = `${clock((performance.now() - begun) / 1_000)} gone, about ${clock(secondsOf(steps.slice(index)))} to go`;
    say(`[${index + 1}/${steps.length}] ${step.ids.join(' ')}: ${step.name} (${left})`);
    const result = await run(step);
    results.push(result);
    for (const line of toldOf(result)) say(`  ${line}`);
  }
} finally {
  await down({ environment: base });
}

if (interrupted.signal.aborted || machine === undefined) {
  say(machine === undefined ? 'nothing was measured' : 'interrupted: nothing is written');
  process.exit(1);
}
const command = [
  'make bench',
  ...(flags.quick ? ['QUICK=1'] : []),
  ...(flags.long ? ['LONG=1'] : []),
  ...(only === undefined ? [] : [`ONLY=${only.join(',')}`]),
  ...(flags.keep ? ['KEEP=1'] : []),
];
const minutes = (performance.now() - begun) / 60_000;
say(`written: ${storeResult(layout.root, { at, command: command.join(' '), kind, machine, minutes, steps: results }, keep)}`);
if (flags.page && keep) say(`written: docs/PERFORMANCE.md, from ${writePage(layout.root)} whole runs`);
const bad = results.filter(({ failed, measurements }) => failed !== null || measurements.some(({ right }) => !right));
if (bad.length > 0) {
  say(`FAILED: ${[...new Set(bad.map(({ name }) => name))].join(', ')}`);
  process.exitCode = 1;
}

function stepsAsked(): Step[] {
  try {
    return stepsFor({ quick: flags.quick, long: flags.long, only });
  } catch (error) {
    console.error((error as Error).message);
    process.exit(2);
  }
}

async function run(step: Step): Promise<StepResult> {
  const [measurements, text]: [StepResult['measurements'], string[]] = [[], []];
  let before: Pick<StepResult, 'speed' | 'waitedSeconds'> = { speed: { hashMicroseconds: 0, memoryNanoseconds: 0 }, waitedSeconds: 0 };
  let stepBegun = performance.now();
  let failed: string | null;
  try {
    await ensureStack(step);
    before = await untilQuiet(
      step.quiet === true && !flags.quick ? speedAtItsBest() : null,
      Math.min(quietMsMax.step, quietMsLeft),
      interrupted.signal,
      say,
    );
    quietMsLeft = Math.max(0, quietMsLeft - before.waitedSeconds * 1_000);
    stepBegun = performance.now();
    const program = { file: `bench/${step.program}`, nodeArgs: step.nodeArgs ?? [], args: step.args, secondsMax: step.secondsMax };
    const end = await runProgram({ ...program, signal: interrupted.signal }, stackEnvironment(base));
    const output = readOutput(end.lines);
    measurements.push(...output.measurements);
    text.push(...output.text);
    const faults = [end.failed, output.fault].filter((fault) => fault !== null);
    failed = faults.length === 0 ? null : faults.join('; ');
  } catch (error) {
    failed = (error as Error).message;
  }
  // Whatever a step that failed has left behind is not for the next one.
  if (failed !== null) running = undefined;
  const seconds = (performance.now() - stepBegun) / 1_000;
  return { name: step.name, command: commandOf(step), ...before, seconds, failed, measurements, text };
}

/** In this run, and in those that were stored of a machine with such a processor. */
function speedAtItsBest(): Speed | null {
  const alike = storedResults(layout.root).filter((stored) => stored.machine.cpu === machine?.cpu);
  return atItsBest([...alike.flatMap(({ steps: stored }) => stored), ...results].map(({ speed }) => speed));
}

async function ensureStack({ stack, fresh }: Step): Promise<void> {
  if (running === stack && fresh !== true) return;
  running = undefined;
  await clear(base);
  await up({ environment: base, ...(stack === 'servers' ? { only: ['servers'] } : {}) });
  await pause(settleMs);
  const { DATABASE_OWNER_URL, REDIS_URL } = stackEnvironment(base);
  machine ??= await describeMachine({ databaseOwnerUrl: DATABASE_OWNER_URL!, redisUrl: REDIS_URL! }, layout.root, loadBefore);
  running = stack;
}

function toldOf({ measurements, text, failed }: StepResult): string[] {
  const told = measurements.map(({ id, what, value, unit, target, right }) => {
    const aim = target === undefined ? '' : ` (${target.bound} ${valueOf(target.value, unit)})`;
    return `${id} ${what}: ${valueOf(value, unit)}${aim}${right ? '' : ', COUNTS WRONG'}`;
  });
  return [...told, ...text, ...(failed === null ? [] : [`FAILED: ${failed}`])];
}

/** What each step took in the newest stored run that was measured so, by its command. */
function usualSeconds(): ReadonlyMap<string, number> {
  const took = storedResults(layout.root).flatMap((stored) => stored.steps);
  return new Map(took.map(({ command, seconds }) => [command, seconds]));
}

function secondsOf(ahead: readonly Step[]): number {
  return ahead.reduce((sum, step) => {
    const seconds = usual.get(commandOf(step)) ?? (flags.quick ? Math.min(quickSeconds, step.seconds) : step.seconds);
    return sum + seconds + (step.fresh === true ? freshSeconds : 0);
  }, 0);
}

function clock(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;
}

function say(line: string): void {
  console.log(line);
}
