/**
 * `make simulate SEEDS=count FROM=first_seed`: so many runs, each with everything in it
 * drawn from its seed. Ends with what was reached and what never was; a seed that fails is
 * repeated with less and less, and what is left is printed as a trace.
 *
 *   node tests/simulation/main.ts [--seeds 1000] [--from 1] [--complete] [--page] [--json FILE]
 *   node tests/simulation/main.ts --seed 42        one run, every step of it (make simulate SEED=42)
 *   node tests/simulation/main.ts --replay FILE    a run that was made small before
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import logUpdate from 'log-update';
import { writeBetween } from '../between-markers.ts';
import { missingIn, WANTED } from './coverage.ts';
import { minimise, reduced, type Kept } from './minimise.ts';
import { planOf } from './plan.ts';
import { runPlan, type RunResult } from './run.ts';
import { runSeeds } from './seeds.ts';

const { values: flags } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    replay: { type: 'string' },
    json: { type: 'string' },
    complete: { type: 'boolean', default: false },
    /** Writes what was seen into docs/SIMULATION.md. */
    page: { type: 'boolean', default: false },
  },
});

/** More than this must have reached everything; fewer need not. */
const completeFromSeeds = 20_000;
const folder = '.local/simulation';

function wholeNumber(name: string, text: string): number {
  if (/^[0-9]{1,9}$/.test(text) && Number(text) > 0) return Number(text);
  console.error(`${name} must be a whole number from 1 on, not "${text}"`);
  process.exit(2);
}

if (flags.replay !== undefined) {
  const saved = JSON.parse(readFileSync(flags.replay, 'utf8')) as { readonly seed: number } & Kept;
  const run = await runPlan(reduced(planOf(saved.seed), saved), { only: new Set(saved.faults), trace: true });
  process.exitCode = show(run);
} else if (flags.seed !== undefined) {
  const seed = wholeNumber('--seed', flags.seed);
  process.exitCode = show(await runPlan(planOf(seed), { trace: true }));
} else {
  process.exitCode = await runMany(wholeNumber('SEEDS', flags.seeds), wholeNumber('FROM', flags.from));
}

/** Prints every step; the exit code. */
function show(run: RunResult): number {
  console.log(run.trace.join('\n'));
  console.log(`\nseed ${String(run.seed)}: ${String(run.events)} events, ${String(run.tookMs)} ms of virtual time`);
  console.log(run.violation === null ? 'nothing is wrong' : `VIOLATED  ${run.violation.rule}\n          ${run.violation.what}`);
  return run.violation === null ? 0 : 1;
}

async function runMany(count: number, from: number): Promise<number> {
  const begun = performance.now();
  const seconds = (): number => (performance.now() - begun) / 1_000;
  const isTerminal = process.stdout.isTTY;
  let toldAt = 0;
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      stopped.abort();
    });
  const { seeds, events, coverage, failures } = await runSeeds({
    from,
    count,
    failFast: false,
    stop: stopped.signal,
    onProgress(done, failed) {
      if (seconds() - toldAt < (isTerminal ? 0.2 : 30)) return;
      toldAt = seconds();
      const left = ((count - done) * seconds()) / Math.max(1, done);
      const line = `${String(done)} of ${String(count)} seeds, ${String(failed)} failed, ${seconds().toFixed(0)} s, ${left.toFixed(0)} s to go`;
      if (isTerminal) logUpdate(line);
      else console.log(line);
    },
  });
  if (isTerminal) logUpdate.clear();

  const missing = missingIn(coverage);
  const mustBeComplete = flags.complete || count >= completeFromSeeds;
  console.log(`seeds      ${String(seeds)} (${String(from)} to ${String(from + count - 1)}), ${seconds().toFixed(1)} s`);
  console.log(`events     ${String(events)} checked, each line replayed`);
  console.log(
    `reached    ${String(WANTED.length - missing.length)} of ${String(WANTED.length)} places of faults, pairs of the tables, refusals`,
  );
  for (const what of missing) console.log(`  never    ${what}`);
  console.log(`violations ${String(failures.length)}`);
  if (flags.json !== undefined)
    writeFileSync(
      flags.json,
      `${JSON.stringify({ from, seeds, events, seconds: seconds(), failures, missing, coverage: Object.fromEntries(coverage) }, null, 1)}\n`,
    );
  if (flags.page && !stopped.signal.aborted) {
    const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
    writeBetween('docs/SIMULATION.md', 'long run', [
      `\`make simulate SEEDS=${String(count)} FROM=${String(from)}\` at ${commit}, ${new Date().toISOString().slice(0, 10)}: ` +
        `${String(seeds)} seeds, ${String(events)} events checked and replayed, ${String(failures.length)} violations, ` +
        `${String(WANTED.length - missing.length)} of ${String(WANTED.length)} places of faults, pairs of the tables and refusals reached, ${(seconds() / 60).toFixed(0)} min.`,
      ...missing.map((what) => `\nNever reached: ${what}.`),
    ]);
  }
  const [first] = failures;
  if (first !== undefined) await explain(first.seed);
  for (const { seed, rule } of failures.slice(1)) console.log(`seed ${String(seed)}  ${rule}`);
  if (failures.length > 0) return 1;
  if (stopped.signal.aborted) {
    console.error('stopped before the end');
    return 130;
  }
  if (missing.length > 0 && mustBeComplete) {
    console.error('not everything was reached: run more seeds, or make what was never reached more likely in tests/simulation/plan.ts');
    return 1;
  }
  return 0;
}

/** Makes the run small, keeps it in a file and prints it. */
async function explain(seed: number): Promise<void> {
  const plan = planOf(seed);
  const failed = await runPlan(plan);
  if (failed.violation === null) {
    console.log(`seed ${String(seed)} fails in a thread and not here: something in the run does not follow from its seed`);
    return;
  }
  console.log(`\nseed ${String(seed)} is made smaller ...`);
  const kept = await minimise(plan, failed, failed.violation);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `seed-${String(seed)}.json`);
  writeFileSync(file, `${JSON.stringify({ seed, ...kept })}\n`);
  show(await runPlan(reduced(plan, kept), { only: new Set(kept.faults), trace: true }));
  console.log(
    `\n${String(kept.acts.length)} acts and ${String(kept.faults.length)} faults are left. Again: node tests/simulation/main.ts --replay ${file}`,
  );
}
