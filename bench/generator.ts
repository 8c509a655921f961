/**
 * Whether our load generator (shared/load, services/cli/load) can be believed: in turns with vegeta it puts the same
 * reservations on the same API process, and what both say is compared; and both meet a server whose latency is known,
 * which answers after 20 ms, or stalls.
 *
 *   make up; eval "$(node deploy/local/main.ts env)"; node bench/generator.ts [--quick]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openLayout } from '#deploy/local/open.ts';
import { openPool } from '#shared/ledger/connections.ts';
import { changeSale } from '../services/cli/sale/sale-calls.ts';
import { runLoad } from '../services/cli/load/loadtest.ts';
import { surroundingsOf } from '../services/cli/stack/surroundings.ts';
import { openSaleOf, sku } from './ladder.ts';
import { buildVegeta, runVegeta } from './load-tool/vegeta.ts';
import { print } from './measurement.ts';
import { median } from './median.ts';

const { values: flags } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
const rates = flags.quick ? [1_000] : [1_000, 2_000];
const seconds = flags.quick ? 2 : 8;
const rounds = 2;
/** Neither is to be held back by connections. */
const connectionsMax = 1_024;

const answerMs = 20;
const stallMs = 500;
const stallEveryMs = 2_500;
const knownRate = 1_000;
/** Whole periods. */
const knownSeconds = (flags.quick ? 1 : 4) * (stallEveryMs / 1_000);
const fewConnections = 16;
/** A fifth of the requests are due in a stall and wait evenly up to its length: a quarter of those are the slowest 5 %. */
const stallP95Ms = stallMs * (1 - 0.05 / (stallMs / stallEveryMs));

const command = `node bench/generator.ts${flags.quick ? ' --quick' : ''}`;
const say = (line: string): void => console.error(line);
const { layout } = openLayout();
const surroundings = surroundingsOf(process.env);
const program = await buildVegeta(say);

/** What either says of one run. */
interface Said {
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly answeredPerSecond: number;
  readonly sent: number;
  readonly answered201: number;
  /** Microseconds of the generator's processor time a request. */
  readonly us: number;
}

interface Load {
  readonly port: number;
  readonly saleId: string;
  readonly rate: number;
  readonly seconds: number;
  readonly connections: number;
  readonly run: string;
}

async function ours({ port, saleId, rate, seconds: forSeconds, connections, run }: Load): Promise<Said> {
  const before = process.cpuUsage();
  const { latency, answeredPerSecond, sent, answers } = await runLoad({
    host: '127.0.0.1',
    port,
    saleId,
    sku,
    rate,
    seconds: forSeconds,
    connectionsMax: connections,
    identity: surroundings.buyerIdentity,
    run,
  });
  const { user, system } = process.cpuUsage(before);
  const { p50Ms, p95Ms, p99Ms, maxMs } = latency;
  return { p50Ms, p95Ms, p99Ms, maxMs, answeredPerSecond, sent, answered201: answers['201'] ?? 0, us: (user + system) / sent };
}

async function vegetas({ port, saleId, rate, seconds: forSeconds, connections, run }: Load): Promise<Said> {
  const body = Buffer.from(JSON.stringify({ sku, quantity: 1 })).toString('base64');
  const url = `http://127.0.0.1:${port}/v1/sales/${saleId}/reservations`;
  const said = await runVegeta({
    program,
    rate,
    seconds: forSeconds,
    workersMax: connections,
    target: (index) => ({
      method: 'POST',
      url,
      header: { 'Content-Type': ['application/json'], 'X-User-Id': [`${run}-${index}`], 'Idempotency-Key': [`${run}-${index}`] },
      body,
    }),
  });
  return { ...said, answered201: said.answers['201'] ?? 0, us: (said.processorSeconds * 1e6) / said.sent };
}

const tell = (who: string, { p50Ms, p95Ms, p99Ms, maxMs, answeredPerSecond, us }: Said): void =>
  say(
    `  ${who}: ${answeredPerSecond.toFixed(0)}/s answered, p50 ${p50Ms.toFixed(1)} p95 ${p95Ms.toFixed(1)} p99 ${p99Ms.toFixed(1)} max ${maxMs.toFixed(1)} ms, ${us.toFixed(0)} us of its processor time a request`,
  );

const tenths = (value: number): number => Math.round(value * 10) / 10;

async function compare(): Promise<void> {
  const saleId = await openSaleOf(surroundings);
  let runs = 0;
  let told201 = 0;
  let everyoneAnswered = true;
  const load = async (with_: (load: Load) => Promise<Said>, rate: number, forSeconds: number): Promise<Said> => {
    const run = `generator-${process.pid}-${(runs += 1)}`;
    const all = { port: layout.ports.reserve, saleId, rate, seconds: forSeconds, connections: connectionsMax, run };
    const said = await with_(all);
    told201 += said.answered201;
    everyoneAnswered &&= said.answered201 === said.sent;
    return said;
  };
  say('warming up');
  await load(ours, rates[0]!, seconds);
  const results: { rate: number; ours: Said[]; vegeta: Said[] }[] = [];
  for (const rate of rates) {
    const result = { rate, ours: [] as Said[], vegeta: [] as Said[] };
    say(`${rate}/s, ${rounds} rounds of ${seconds} s each`);
    for (let round = 0; round < rounds; round += 1) {
      const first = round % 2 === 0;
      for (const isOurs of [first, !first]) {
        const said = await load(isOurs ? ours : vegetas, rate, seconds);
        result[isOurs ? 'ours' : 'vegeta'].push(said);
        tell(isOurs ? 'ours  ' : 'vegeta', said);
      }
    }
    results.push(result);
  }
  await changeSale(surroundings.call, saleId, 'close');
  const pool = openPool(surroundings.databaseUrl, 'bench-generator', 1);
  const { rows } = await pool.query<{ held: number }>('SELECT i.held FROM items i JOIN sale_lines l USING (sale_no) WHERE l.sale_id = $1', [
    saleId,
  ]);
  await pool.end();
  const held = Number(rows[0]?.held);
  const right = held === told201 && everyoneAnswered;
  say(`  ${told201} were told that they hold a unit, PostgreSQL says ${held}: ${right ? 'right' : 'WRONG'}`);
  for (const { rate, ours: own, vegeta } of results) {
    const of = (said: readonly Said[], what: keyof Said): number => tenths(median(said.map((one) => one[what])));
    print({
      id: 'generator',
      what: `p50 that ours tells, of vegeta's, at ${rate}/s`,
      value: tenths((100 * median(own.map(({ p50Ms }) => p50Ms))) / median(vegeta.map(({ p50Ms }) => p50Ms))),
      unit: '%',
      right,
      details: {
        rounds,
        ours_p50_ms: of(own, 'p50Ms'),
        vegeta_p50_ms: of(vegeta, 'p50Ms'),
        ours_p95_ms: of(own, 'p95Ms'),
        vegeta_p95_ms: of(vegeta, 'p95Ms'),
        ours_answered_per_second: of(own, 'answeredPerSecond'),
        vegeta_answered_per_second: of(vegeta, 'answeredPerSecond'),
        ours_us_a_request: of(own, 'us'),
        vegeta_us_a_request: of(vegeta, 'us'),
      },
      command,
    });
  }
}

/** What each says of a server whose latency is known. */
async function known(): Promise<void> {
  const file = fileURLToPath(new URL('load-tool/known-server.ts', import.meta.url));
  let everyoneAnswered = true;
  const meet = async (generator: (load: Load) => Promise<Said>, behaviour: readonly number[], connections: number): Promise<Said> => {
    const server = spawn(process.execPath, [file, ...behaviour.map(String)], { stdio: ['pipe', 'pipe', 'inherit'] });
    const [printed] = (await once(server.stdout, 'data')) as [Buffer];
    const all = { port: Number(printed.toString()), saleId: 'none', rate: knownRate, seconds: knownSeconds, connections, run: 'known' };
    const said = await generator(all);
    everyoneAnswered &&= said.answered201 === said.sent;
    tell(`${generator === ours ? 'ours  ' : 'vegeta'}, at most ${connections} connections`, said);
    server.stdin.end();
    await once(server, 'close');
    return said;
  };

  say(`a server that answers after ${answerMs} ms, ${knownRate}/s`);
  const even = [answerMs, 0, 0];
  const [own, vegeta] = [await meet(ours, even, connectionsMax), await meet(vegetas, even, connectionsMax)];
  print({
    id: 'generator',
    what: `p50 that ours tells, of vegeta's, of a server that answers after ${answerMs} ms`,
    value: tenths((100 * own.p50Ms) / vegeta.p50Ms),
    unit: '%',
    target: { bound: 'at least', value: 98 },
    right: everyoneAnswered,
    details: {
      ours_p50_ms: tenths(own.p50Ms),
      vegeta_p50_ms: tenths(vegeta.p50Ms),
      ours_p95_ms: tenths(own.p95Ms),
      vegeta_p95_ms: tenths(vegeta.p95Ms),
      ours_us_a_request: tenths(own.us),
      vegeta_us_a_request: tenths(vegeta.us),
    },
    command,
  });

  say(`a server that stalls for ${stallMs} ms every ${stallEveryMs} ms: p95 is ${stallP95Ms} ms for whoever does not look away`);
  const stalling = [0, stallMs, stallEveryMs];
  const many = { ours: await meet(ours, stalling, connectionsMax), vegeta: await meet(vegetas, stalling, connectionsMax) };
  const few = { ours: await meet(ours, stalling, fewConnections), vegeta: await meet(vegetas, stalling, fewConnections) };
  print({
    id: 'generator',
    what: `p95 that ours tells of a server that stalls, over ${fewConnections} connections`,
    value: tenths(few.ours.p95Ms),
    unit: 'ms',
    target: { bound: 'at least', value: Math.round(0.9 * stallP95Ms) },
    right: everyoneAnswered,
    details: {
      stall_ms: stallMs,
      every_ms: stallEveryMs,
      must_be_ms: stallP95Ms,
      vegeta_p95_ms: tenths(few.vegeta.p95Ms),
      ours_many_connections_p95_ms: tenths(many.ours.p95Ms),
      vegeta_many_connections_p95_ms: tenths(many.vegeta.p95Ms),
      ours_max_ms: tenths(few.ours.maxMs),
    },
    command,
  });
}

await known();
await compare();
