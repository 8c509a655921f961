/**
 * `node tests/chaos/main.ts [--rounds n] [--from seed] [--only fault] [--json file]`: faults on the real stack.
 * Each round is a function of its seed. Exit code 0 where nothing was found, 1 where something was, 2 for bad arguments.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { aligned } from '#deploy/local/tables.ts';
import { FAULTS } from './faults.ts';
import { faultOf, planOf } from './plan.ts';
import { RESULTS_FILE, summaryOf, type Results } from './results.ts';
import { runRound, type RoundResult } from './round.ts';
import { openStack } from './stack.ts';

const names = Object.keys(FAULTS);
const root = join(import.meta.dirname, '../..');
process.chdir(root);

function fromArguments(): { rounds: number; from: number; only: string | undefined; json: string } {
  const { values } = parseArgs({
    options: { rounds: { type: 'string' }, from: { type: 'string' }, only: { type: 'string' }, json: { type: 'string' } },
  });
  const number = (text: string | undefined, byDefault: number): number => (text === undefined || text === '' ? byDefault : Number(text));
  const only = values.only === '' ? undefined : values.only;
  const asked = {
    rounds: number(values.rounds, names.length),
    from: number(values.from, 1),
    only,
    json: values.json ?? join(root, RESULTS_FILE),
  };
  const faults = [
    ...[asked.rounds, asked.from]
      .filter((value) => !Number.isSafeInteger(value) || value < 1)
      .map(() => 'ROUNDS and FROM are whole numbers from 1'),
    ...(only === undefined || names.includes(only) ? [] : [`there is no fault ${only}: choose from ${names.join(', ')}`]),
  ];
  if (faults.length > 0) {
    console.error(faults.join('\n'));
    process.exit(2);
  }
  return asked;
}

/** With `only`, the seeds that lead to that fault: a round is reproduced by its seed alone. */
function seedsOf({ rounds, from, only }: { rounds: number; from: number; only: string | undefined }): number[] {
  const seeds: number[] = [];
  for (let seed = from; seeds.length < rounds; seed++) if (only === undefined || faultOf(seed, names) === only) seeds.push(seed);
  return seeds;
}

const asked = fromArguments();
// As it is now: the code is loaded, whatever is committed meanwhile.
const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
const seeds = seedsOf(asked);
const rounds: RoundResult[] = [];
const failures: string[] = [];
const skipped: string[] = [];
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => (interrupted = true));

function resultsSoFar(): Results {
  return {
    commit,
    command: `make chaos ROUNDS=${asked.rounds}${asked.from === 1 ? '' : ` FROM=${asked.from}`}${asked.only === undefined ? '' : ` ONLY=${asked.only}`}`,
    date: new Date().toISOString(),
    rounds,
    failures,
    skipped,
  };
}

/** After each round: a run that is ended halfway has told what it knew. */
function save(): void {
  mkdirSync(dirname(asked.json), { recursive: true });
  writeFileSync(asked.json, `${JSON.stringify(resultsSoFar(), null, 2)}\n`);
}

const stack = await openStack(process.env, (line) => console.log(line));
try {
  await stack.heal();
  for (const [index, seed] of seeds.entries()) {
    if (interrupted) break;
    const plan = planOf(seed, names);
    const fault = FAULTS[plan.fault]!;
    const impossible = fault.impossible?.(stack) ?? null;
    const label = `${String(index + 1).padStart(3)}/${seeds.length}  seed ${String(seed).padEnd(4)} ${plan.fault.padEnd(28)}`;
    if (impossible !== null) {
      console.log(`${label} SKIPPED: ${impossible}`);
      skipped.push(`${plan.fault}: ${impossible}`);
      continue;
    }
    try {
      const result = await runRound(stack, plan, fault, index + 1);
      rounds.push(result);
      console.log(
        `${label} ${result.violations.length === 0 ? 'ok  ' : 'FAIL'} ${result.seconds.toFixed(1).padStart(5)} s  ${result.seen}`,
      );
      for (const { check, detail } of result.violations) console.log(`       ${check}: ${detail}`);
    } catch (error) {
      const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
      failures.push(`seed ${seed} (${plan.fault}): ${why}`);
      console.log(`${label} BROKE OFF: ${why}`);
      await stack.startAfresh();
    }
    save();
  }
} finally {
  await stack.close();
}

console.log(`\n${aligned(summaryOf(resultsSoFar())).join('\n')}`);
const bad = rounds.filter(({ violations }) => violations.length > 0);
console.log(`\n${rounds.length} rounds, ${bad.length} with a violation, ${failures.length} broken off; ${asked.json}`);
for (const { seed } of bad) console.log(`  make chaos ROUNDS=1 FROM=${seed}`);
process.exit(bad.length + failures.length > 0 || interrupted ? 1 : 0);
