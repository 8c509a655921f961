/**
 * Reservations over HTTP, each answered with its decision: a ladder of rates (open loop), and one lone request after
 * the other. Through the gateway, as buyers come, or past it, at the one API process.
 *
 *   make up; eval "$(node deploy/local/main.ts env)"; node bench/over-http.ts [--through gateway|api] [--rates 1000,2000] [--quick]
 */
import { parseArgs } from 'node:util';
import { openLayout } from '#deploy/local/open.ts';
import { surroundingsOf } from '../services/cli/stack/surroundings.ts';
import { measureLadder, measureLone, p95MsMax, wellBorneMsMax, type LadderStep } from './ladder.ts';
import { print } from './measurement.ts';
import { latencyPlot, percentilesText } from './percentiles.ts';

const full = { rates: [2, 4, 5, 6, 7, 8, 9, 10, 11, 12].map((thousand) => thousand * 1_000), halvings: 2, seconds: 10, lone: 500 };
const quick = { rates: [1_000, 2_000, 4_000], halvings: 1, seconds: 3, lone: 100 };

const { values: flags } = parseArgs({
  options: { through: { type: 'string', default: 'gateway' }, rates: { type: 'string' }, quick: { type: 'boolean', default: false } },
});
if (flags.through !== 'gateway' && flags.through !== 'api') throw new Error('--through is gateway or api');
const way = flags.through === 'gateway' ? 'through the gateway' : 'past the gateway';
const { layout } = openLayout();
const port = flags.through === 'gateway' ? layout.ports.gateway : layout.ports.reserve;
const surroundings = surroundingsOf(process.env);
const say = (line: string): void => console.error(line);
const size = flags.quick ? quick : full;
const rates = flags.rates?.split(',').map(Number) ?? size.rates;
const command = `node bench/over-http.ts --through ${flags.through}${flags.quick ? ' --quick' : ''}`;

say(`lone reservations ${way}`);
const lone = await measureLone(port, size.lone, surroundings);
say(`  ${percentilesText(lone)}`);
print({
  id: 'P2',
  what: `lone reservation ${way}`,
  value: lone.p50Ms,
  unit: 'ms',
  target: { bound: 'at most', value: 6 },
  right: true,
  details: { requests: lone.count, p95_ms: lone.p95Ms, p99_ms: lone.p99Ms, max_ms: lone.maxMs },
  command,
});

say(`a ladder of rates ${way}`);
const ladder = await measureLadder(port, { rates, halvings: size.halvings }, size.seconds, surroundings, say);
const { best, bestWell, toldHeld, held } = ladder;
const right = toldHeld === held;
say(`  ${toldHeld} were told that they hold a unit, PostgreSQL says ${held}: ${right ? 'right' : 'WRONG'}`);
print({
  id: 'P2',
  what: `reservations ${way}`,
  value: Math.round(bestWell?.answeredPerSecond ?? 0),
  unit: '/s',
  target: { bound: 'at least', value: 10_000 },
  right,
  details: {
    borne_at: `p95 < ${wellBorneMsMax.p95} ms and p99 < ${wellBorneMsMax.p99} ms, the better of two tries`,
    ...(bestWell === null ? {} : latencyOf(bestWell)),
    [`per_second_at_p95_under_${p95MsMax}_ms`]: Math.round(best?.answeredPerSecond ?? 0),
    told_held: toldHeld,
    held_in_postgresql: held,
    steps: ladder.steps.length,
  },
  command,
  plot: latencyPlot(`Reservations ${way}`, 'asked for, per second', ladder.steps),
});

function latencyOf({ latency, hashUs }: LadderStep): Record<string, number> {
  return {
    p50_ms: latency.p50Ms,
    p95_ms: latency.p95Ms,
    p99_ms: latency.p99Ms,
    max_ms: latency.maxMs,
    sha256_us_before: Number(hashUs.toFixed(2)),
  };
}
