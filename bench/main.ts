/**
 * `make bench`: the measurements side by side, on a stack of its own beside the
 * ordinary one (its data under .local/bench, ports shifted by 12,000), only ever
 * against this machine, and from nothing: the holds of an earlier run would be
 * loaded by its writers and would expire in the middle of it. Writes bench/results/<time>.json and docs/PERFORMANCE.md.
 *
 *   node bench/main.ts [--quick] [--only baselines,floor,backlog,http,lone,programs] [--no-page]
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { clear } from '#deploy/local/clear.ts';
import { down } from '#deploy/local/down.ts';
import { openLayout, stackEnvironment } from '#deploy/local/open.ts';
import { up } from '#deploy/local/up.ts';
import { surroundingsOf } from '../services/cli/stack/surroundings.ts';
import type { Measured } from './baselines/contender.ts';
import { base, linesOf } from './bench-stack.ts';
import { describeMachine, hashMicroseconds } from './machine.ts';
import { measureLadder, measureLone } from './over-http.ts';
import { performancePage, type BacklogRun, type BenchResult, type FloorRun } from './performance-page.ts';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    page: { type: 'boolean', default: true },
  },
  allowNegative: true,
});
const wanted = flags.only?.split(',');
const wants = (name: string): boolean => wanted === undefined || wanted.includes(name);
const say = (line: string): void => console.log(line);

const backlogReservations = flags.quick ? 50_000 : 500_000;
/** Of the backlog, one after the other: the machine is not always equally fast. */
const backlogRuns = flags.quick ? 1 : 3;
const ladderSeconds = flags.quick ? 4 : 10;
const ladderRates = flags.quick
  ? [500, 1_000, 2_000, 4_000, 6_000, 8_000]
  : [1_000, 2_000, 3_000, 4_000, 5_000, 6_000, 7_000, 8_000, 9_000, 10_000];
const loneRequests = flags.quick ? 100 : 500;
const baselineSeconds = flags.quick ? 3 : 8;
/** Programs that stand on their own; each prints lines for people. */
const PROGRAMS: readonly (readonly [string, readonly string[]])[] = [
  ['ledger-batch', []],
  ['memory-of-holds', ['--expose-gc']],
];

const { layout } = openLayout(base);
const loadBefore = loadavg()[0]!;
say(`bench: a stack of its own in ${layout.home}, ports shifted by ${layout.portOffset}`);
await clear(base, say);
await up({ environment: base, say });
let result: BenchResult;
try {
  const environment = stackEnvironment(base);
  const surroundings = surroundingsOf({ ...base, FIRSTCOME_URL: undefined });
  const ownerUrl = environment['DATABASE_OWNER_URL']!;
  const api = layout.ports.reserve;

  say('what people run instead, and the floor');
  const baselines = wants('baselines')
    ? (await linesOf('bench/baselines/main.ts', [], ['--seconds', String(baselineSeconds)], environment)).map(
        (line) => JSON.parse(line) as Measured,
      )
    : [];
  for (const one of baselines)
    say(`  ${one.contender}: ${one.answered_per_second}/s told, ${one.durable_per_second}/s durable, ${one.clients} clients`);
  const floor = wants('floor') ? (JSON.parse((await linesOf('bench/floor.ts', [], [], environment)).at(-1)!) as FloorRun) : null;
  if (floor !== null) say(`  floor: ${floor.reservations_per_second} reservations/s`);

  say('lone reservations');
  const lone = wants('lone') ? await measureLone(api, loneRequests, surroundings) : null;
  if (lone !== null) say(`  p50 ${lone.p50Ms.toFixed(1)} p95 ${lone.p95Ms.toFixed(1)} p99 ${lone.p99Ms.toFixed(1)} ms`);

  say('over HTTP, rate by rate');
  const ladder = wants('http') ? await measureLadder(api, ladderRates, ladderSeconds, surroundings, say) : null;

  say(`writer: a backlog of ${backlogReservations}`);
  const backlog: BacklogRun[] = [];
  for (let run = 0; wants('backlog') && run < backlogRuns; run += 1) {
    const hashUs = hashMicroseconds();
    const lines = await linesOf('bench/writer-backlog.ts', [], ['--commands', String(backlogReservations)], environment);
    const measured = { ...(JSON.parse(lines[0]!) as Omit<BacklogRun, 'hashUs'>), hashUs };
    backlog.push(measured);
    say(`  ${measured.decisions_per_second} decisions/s`);
  }

  const programs: Record<string, readonly string[]> = {};
  if (wants('programs')) {
    for (const [name, nodeArgs] of PROGRAMS) {
      if (!existsSync(`${layout.root}/bench/${name}.ts`)) continue;
      say(`bench/${name}.ts`);
      programs[name] = await linesOf(`bench/${name}.ts`, nodeArgs, [], environment);
      for (const line of programs[name]) say(`  ${line}`);
    }
  }
  result = {
    at: new Date().toISOString(),
    command: `make bench${flags.quick ? ' (quick)' : ''}`,
    machine: await describeMachine(ownerUrl, layout.root, loadBefore),
    backlog,
    ladder,
    lone,
    baselines,
    floor,
    programs,
  };
} finally {
  await down({ environment: base, say });
}

const file = `bench/results/${result.at.replaceAll(':', '').slice(0, 15)}.json`;
mkdirSync(`${layout.root}/bench/results`, { recursive: true });
writeFileSync(`${layout.root}/${file}`, `${JSON.stringify(result, null, 2)}\n`);
say(`written: ${file}`);
if (flags.page) {
  writeFileSync(
    `${layout.root}/docs/PERFORMANCE.md`,
    `${performancePage(result, readFileSync(`${layout.root}/bench/findings.md`, 'utf8')).trimEnd()}\n`,
  );
  say('written: docs/PERFORMANCE.md');
}
