/**
 * Reads of a sale's availability while its stock moves: a ladder of rates by h2load, through the gateway and from the
 * one API process, with a few readers beside it whose every answer is looked at and whose latency counts from the
 * instant it was due. Then by wrk as fast as they are answered. Both share the cores with what they measure.
 *
 *   make up; eval "$(node deploy/local/main.ts env)"; node bench/reads.ts [--through gateway|api] [--connections 256]
 *                         [--rates 90000,100000] [--seconds 8] [--quick]
 */
import { parseArgs } from 'node:util';
import { openLayout } from '#deploy/local/open.ts';
import { ensureLoadTools } from '#deploy/local/packages.ts';
import { openPool } from '#shared/ledger/connections.ts';
import { changeSale } from '../services/cli/sale/sale-calls.ts';
import { surroundingsOf } from '../services/cli/stack/surroundings.ts';
import { climb, highestGood } from './climb.ts';
import { openSaleOf, sku, units } from './ladder.ts';
import { checkedReads, type CheckedReads } from './load-tool/checked-reads.ts';
import { runH2load } from './load-tool/h2load.ts';
import { processesOf } from './load-tool/part-processes.ts';
import { runWrk } from './load-tool/wrk.ts';
import { print } from './measurement.ts';
import { percentilesText } from './percentiles.ts';
import { cpuSecondsOf } from './process-figures.ts';

/** What a rate must keep to count as borne. */
const p95MsMax = 50;
/** Answered of those asked for, per second. */
const answeredShareMin = 0.97;
/** Rungs are ten thousand apart where it counts. */
const halvings = 1;
/** nginx counts whole seconds, so its second is up to two; the API's figures are 50 ms old at most; the rest is the way. */
const ageMsMax = { gateway: 2_500, api: 500 };
/** Until the readers beside the tool are on their way, and so that they end after it. */
const aroundSeconds = 1;

const { values: flags } = parseArgs({
  options: {
    through: { type: 'string' },
    connections: { type: 'string', default: '256' },
    rates: { type: 'string' },
    seconds: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
});
if (flags.through !== undefined && flags.through !== 'gateway' && flags.through !== 'api') throw new Error('--through is gateway or api');
const connections = Number(flags.connections);
const seconds = Number(flags.seconds ?? (flags.quick ? 2 : 8));
const askedRates = flags.rates?.split(',').map(Number);
const ways = [
  {
    name: 'gateway',
    what: 'through the gateway',
    target: 100_000,
    rates: flags.quick ? [40_000, 80_000] : [10_000, 20_000, 40_000, 60_000, 80_000, 90_000, 100_000, 110_000, 120_000],
  },
  {
    name: 'api',
    what: 'one API process',
    target: 20_000,
    rates: flags.quick ? [10_000, 20_000] : [5_000, 10_000, 20_000, 30_000, 40_000, 50_000],
  },
] as const;

const say = (line: string): void => console.error(line);
const { layout } = openLayout();
ensureLoadTools(layout, say);
const surroundings = surroundingsOf(process.env);
const pool = openPool(surroundings.databaseUrl, 'bench-reads', 1);

interface Run {
  readonly answeredPerSecond: number;
  readonly readers: CheckedReads;
  readonly faults: readonly string[];
  /** Microseconds of processor time a read took. */
  readonly us: { readonly nginx: number; readonly api: number; readonly tool: number };
}

let runs = 0;
/** A sale of its own, so that what buyers were told can be counted afterwards. */
async function run(way: (typeof ways)[number], ratePerSecond?: number): Promise<Run> {
  const saleId = await openSaleOf(surroundings);
  const port = way.name === 'gateway' ? layout.ports.gateway : layout.ports.reserve;
  const beside = checkedReads({
    port,
    saleId,
    sku,
    units,
    seconds: seconds + 2 * aroundSeconds,
    ageMsMax: ageMsMax[way.name],
    buyerIdentity: surroundings.buyerIdentity,
    run: `reads-${process.pid}-${(runs += 1)}`,
  });
  await new Promise((resolve) => setTimeout(resolve, aroundSeconds * 1_000));
  const [nginx, api] = [processesOf(layout, 'nginx'), processesOf(layout, 'reserve')];
  const before = { nginx: cpuSecondsOf(nginx), api: cpuSecondsOf(api) };
  const url = `http://127.0.0.1:${port}/v1/sales/${saleId}/availability`;
  const load = { url, connections, seconds };
  const h2load = ratePerSecond === undefined ? null : await runH2load({ ...load, ratePerSecond });
  const tool = h2load ?? (await runWrk(load));
  const micros = (used: number): number => Math.round((used * 1e7) / Math.max(1, tool.answered)) / 10;
  const us = {
    nginx: micros(cpuSecondsOf(nginx) - before.nginx),
    api: micros(cpuSecondsOf(api) - before.api),
    tool: micros(tool.processorSeconds),
  };
  const readers = await beside;
  await changeSale(surroundings.call, saleId, 'close');
  const { rows } = await pool.query<{ held: number }>('SELECT i.held FROM items i JOIN sale_lines l USING (sale_no) WHERE l.sale_id = $1', [
    saleId,
  ]);
  const faults = [...readers.faults];
  const held = Number(rows[0]?.held);
  if (held !== readers.toldHeld) faults.push(`${readers.toldHeld} buyers were told that they hold a unit, PostgreSQL says ${held}`);
  if (!tool.allGood) faults.push('the load tool had answers other than 200, or none');
  const { shortest, longest } = readers.bodyBytes;
  // At its end each of its connections may have got a body that it does not count.
  if (h2load !== null && (h2load.bodyBytes < h2load.answered * shortest || h2load.bodyBytes > (h2load.answered + connections) * longest))
    faults.push(
      `the load tool got ${h2load.bodyBytes} bytes in ${h2load.answered} answers, and the bodies looked at are ${shortest} to ${longest} bytes`,
    );
  for (const name of Object.keys(readers.answers)) if (name !== '200' && name !== '304') faults.push(`a reader's answer was ${name}`);
  return { answeredPerSecond: tool.perSecond, readers, faults, us };
}

/** Right, and whoever reads beside it does not wait. */
const quick = ({ readers, faults }: Run): boolean => readers.latency.p95Ms < p95MsMax && faults.length === 0;

function tell(what: string, { answeredPerSecond, readers, faults, us }: Run, remark = ''): void {
  say(
    `  ${what}: ${answeredPerSecond.toFixed(0)}/s answered, ${percentilesText(readers.latency)}, ` +
      `a read took nginx ${us.nginx}, the API ${us.api}, the tool ${us.tool} us${remark}`,
  );
  for (const fault of faults) say(`    WRONG: ${fault}`);
}

try {
  for (const way of ways) {
    if (flags.through !== undefined && flags.through !== way.name) continue;
    say(`reads ${way.what}, ${connections} connections`);
    const steps = await climb(askedRates ?? way.rates, halvings, async (rate) => {
      const one = await run(way, rate);
      const borne = one.answeredPerSecond >= rate * answeredShareMin && quick(one);
      tell(`${rate}/s`, one, borne ? '' : ', not borne');
      return { rate, borne, good: borne, run: one };
    });
    const allOut = await run(way);
    tell('as fast as they are answered', allOut);
    const borneAtRate = highestGood(steps)?.run ?? null;
    const best = [borneAtRate, quick(allOut) ? allOut : null].reduce((one, other) =>
      (other?.answeredPerSecond ?? 0) > (one?.answeredPerSecond ?? 0) ? other : one,
    );
    const point = (ms: (run: Run) => number): [number, number][] =>
      [...steps.map((step) => step.run), allOut].map((one) => [Math.round(one.answeredPerSecond), Math.round(ms(one) * 100) / 100]);
    print({
      id: 'P3',
      what: way.what,
      value: Math.round(best?.answeredPerSecond ?? 0),
      unit: '/s',
      target: { bound: 'at least', value: way.target },
      right: [...steps.map((step) => step.run), allOut].every(({ faults }) => faults.length === 0),
      details: {
        borne_at: `p95 < ${p95MsMax} ms, the better of two tries`,
        connections,
        p50_ms: best?.readers.latency.p50Ms ?? 0,
        p95_ms: best?.readers.latency.p95Ms ?? 0,
        p99_ms: best?.readers.latency.p99Ms ?? 0,
        borne_at_a_rate_per_second: Math.round(borneAtRate?.answeredPerSecond ?? 0),
        as_fast_as_answered_per_second: Math.round(allOut.answeredPerSecond),
        nginx_us: allOut.us.nginx,
        api_us: allOut.us.api,
        tool_us: allOut.us.tool,
        reads_looked_at: steps.reduce((sum, step) => sum + step.run.readers.latency.count, allOut.readers.latency.count),
      },
      command: `node bench/reads.ts --through ${way.name}${flags.quick ? ' --quick' : ''}`,
      plot: {
        title: `Availability, ${way.what}`,
        x: { label: 'reads answered a second', log: false },
        y: { label: 'ms from the intended start', log: true },
        series: [
          { name: 'p50', points: point(({ readers }) => readers.latency.p50Ms) },
          { name: 'p95', points: point(({ readers }) => readers.latency.p95Ms) },
          { name: 'p99', points: point(({ readers }) => readers.latency.p99Ms) },
        ],
      },
    });
  }
} finally {
  await pool.end();
}
