/**
 * `node tests/chaos/reliability-page.ts`: writes the tables of docs/RELIABILITY.md, between their markers, from
 * the table of faults and from the results of the run that `make chaos` made last. What is around them is written by hand.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeBetween } from '../between-markers.ts';
import { FAULTS } from './faults.ts';
import { CHECKS } from './history.ts';
import { RESULTS_FILE, type Results } from './results.ts';
import type { RoundResult } from './round.ts';

const root = join(import.meta.dirname, '../..');
const file = join(root, RESULTS_FILE);
if (!existsSync(file)) {
  console.error(`There are no results in ${RESULTS_FILE}: type make chaos first.`);
  process.exit(2);
}

const results = JSON.parse(readFileSync(file, 'utf8')) as Results;
const row = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');
const count = (of: readonly RoundResult[], value: (one: RoundResult) => number): string =>
  of.reduce((sum, one) => sum + value(one), 0).toLocaleString('en-US');

function faultsTable(): string {
  const waived = (names: object | undefined): string =>
    names === undefined
      ? ''
      : `; not checked: ${Object.entries(names)
          .map(([check, why]) => `${check} (${why})`)
          .join(', ')}`;
  const rows = Object.entries(FAULTS).map(([name, { how, expected, waives }]) => [`\`${name}\``, how, `${expected}${waived(waives)}`]);
  return table(['fault', 'how it is done', 'what must happen'], rows);
}

function checksTable(): string {
  return table(
    ['check', 'what holds'],
    Object.entries(CHECKS).map(([check, what]) => [`\`${check}\``, what]),
  );
}

function resultsTable(): string {
  const { rounds, failures, skipped } = results;
  const seconds = rounds.map((one) => one.seconds).toSorted((a, b) => a - b);
  const facts = [
    `\`${results.command}\` at commit ${results.commit}, ${results.date.slice(0, 10)}: ${rounds.length} rounds, ${count(rounds, (one) => one.buyers)} buyers, ` +
      `${count(rounds, (one) => one.requests)} requests, ${count(rounds, (one) => one.events)} events; ` +
      `**${count(rounds, (one) => one.violations.length)} violations**, ${failures.length} rounds broken off. ` +
      `Seconds a round: ${seconds[Math.floor(seconds.length / 2)]!.toFixed(0)} in the middle, ${seconds.at(-1)!.toFixed(0)} at most.`,
    ...skipped.map((what) => `Skipped: ${what}.`),
  ].join('\n');
  const byFault = Map.groupBy(rounds, ({ fault }) => fault);
  const rows = Object.keys(FAULTS).flatMap((fault) => {
    const of = byFault.get(fault);
    if (of === undefined) return [];
    const violations = of.flatMap((one) => one.violations.map(({ check }) => `${check} (seed ${one.seed})`));
    const last = of.at(-1)!;
    return [
      [
        `\`${fault}\``,
        String(of.length),
        count(of, ({ requests }) => requests),
        violations.length === 0 ? 'none' : [...new Set(violations)].join(', '),
        `seed ${last.seed}: ${last.seen}`,
      ],
    ];
  });
  return `${facts}\n\n${table(['fault', 'rounds', 'requests', 'violations', 'what was seen in the last of them'], rows)}`;
}

writeBetween('docs/RELIABILITY.md', 'faults', [faultsTable()]);
writeBetween('docs/RELIABILITY.md', 'checks', [checksTable()]);
writeBetween('docs/RELIABILITY.md', 'results', [resultsTable()]);
