/**
 * Plants each bug of mutants/mutants.ts in turn and looks for it with the simulation: proof that
 * the simulation bites. Fails where one is not found within the seeds.
 *
 *   node tests/simulation/planted-bugs.ts [--seeds 2000] [--only NAME] [--page]
 *
 * `--page` writes the list into docs/SIMULATION.md.
 */
import { parseArgs } from 'node:util';
import { writeBetween } from '../between-markers.ts';
import { runSeeds } from './seeds.ts';
import { MUTANTS } from './mutants/mutants.ts';

const { values: flags } = parseArgs({
  options: { seeds: { type: 'string', default: '2000' }, only: { type: 'string' }, page: { type: 'boolean', default: false } },
});
const count = Number(flags.seeds);
const width = Math.max(...MUTANTS.map(({ name }) => name.length));
const found: { name: string; file: string; seed: number | null; rule: string }[] = [];

for (const { name, file } of MUTANTS) {
  if (flags.only !== undefined && name !== flags.only) continue;
  const begun = performance.now();
  const { failures, seeds } = await runSeeds({ from: 1, count, mutant: name, failFast: true });
  const first = failures[0];
  found.push({ name, file, seed: first?.seed ?? null, rule: first?.rule ?? '' });
  const seconds = ((performance.now() - begun) / 1_000).toFixed(1).padStart(5);
  console.log(
    `${name.padEnd(width)}  ${seconds} s  ${first === undefined ? `NOT FOUND in ${String(seeds)} seeds` : `seed ${String(first.seed).padStart(4)}  ${first.rule}`}`,
  );
}
if (flags.page && flags.only === undefined)
  writeBetween('docs/SIMULATION.md', 'planted bugs', [
    '| planted bug | in | first seed | seen as |',
    '| --- | --- | ---: | --- |',
    ...found.map(({ name, file, seed, rule }) => `| ${name} | \`${file}\` | ${seed === null ? 'not found' : String(seed)} | ${rule} |`),
  ]);
const missed = found.filter(({ seed }) => seed === null);
if (missed.length > 0) {
  console.error(
    `${String(missed.length)} planted bugs were not found: the simulation does not do, or does not check, what would show them`,
  );
  process.exitCode = 1;
} else {
  console.log(`all ${String(found.length)} planted bugs were found`);
}
