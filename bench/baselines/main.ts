/**
 * What people run instead, on the servers of this machine: no HTTP, no order, no proof, no limits per user; each at its
 * best settings, with clients that never pause. A contender that sells more than there is, or loses what it told, fails the run.
 *
 *   make up ONLY=servers; node bench/baselines/main.ts [--seconds 8] [--only row-lock,redis-queue] [--quick]
 */
import { parseArgs } from 'node:util';
import { Client } from 'pg';
import { createLatencyRecorder } from '#shared/load/latency.ts';
import { print } from '../measurement.ts';
import type { Contender, Servers } from './contender.ts';
import { IN_POSTGRES } from './in-postgres.ts';
import { REDIS_QUEUE } from './redis-queue.ts';

const CONTENDERS: readonly Contender[] = [...IN_POSTGRES, REDIS_QUEUE];
const secondsMax = 60;
/** More than any contender sells in its time. */
const plenty = 100_000_000;
/** For the look whether it oversells. */
const scarce = 500;

const { values: options } = parseArgs({
  options: { seconds: { type: 'string' }, only: { type: 'string' }, quick: { type: 'boolean', default: false } },
});
const seconds = Math.min(secondsMax, Number(options.seconds ?? (options.quick ? 2 : 8)));
const ownerUrl = process.env['DATABASE_OWNER_URL'] ?? 'postgres://firstcome:firstcome@127.0.0.1:5460/firstcome';
const redisUrl = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6390';
for (const url of [ownerUrl, redisUrl])
  if (!['127.0.0.1', 'localhost'].includes(new URL(url).hostname))
    throw new Error(`Only this machine is loaded, not ${new URL(url).hostname}.`);

for (const contender of CONTENDERS) {
  if (options.only !== undefined && !options.only.split(',').includes(contender.name)) continue;
  await sellOut(contender);
  let best: Awaited<ReturnType<typeof measure>> | undefined;
  for (const clients of contender.clients) {
    const measured = await measure(contender, clients);
    if (best === undefined || measured.durablePerSecond > best.durablePerSecond) best = measured;
  }
  const { latency } = best!;
  print({
    id: 'baseline',
    what: contender.name,
    value: best!.durablePerSecond,
    unit: '/s',
    right: true,
    details: {
      how: contender.what,
      clients: best!.clients,
      told_per_second: best!.toldPerSecond,
      a_power_cut_takes: best!.atRisk === '' ? 'nothing' : best!.atRisk,
      p50_ms: latency.p50Ms,
      p95_ms: latency.p95Ms,
      p99_ms: latency.p99Ms,
    },
    command: `node bench/baselines/main.ts --only ${contender.name}`,
  });
  console.error(
    `  ${contender.name}: ${best!.toldPerSecond}/s told, ${best!.durablePerSecond}/s in PostgreSQL, with ${best!.clients} clients`,
  );
}

/** With its own database, dropped afterwards. */
async function inDatabase<T>(work: (servers: Servers) => Promise<T>): Promise<T> {
  const name = `firstcome_baseline_${process.pid}`;
  const owner = new Client({ connectionString: ownerUrl });
  await owner.connect();
  try {
    await owner.query(`CREATE DATABASE ${name}`);
    const databaseUrl = new URL(ownerUrl);
    databaseUrl.pathname = `/${name}`;
    return await work({ databaseUrl: databaseUrl.href, redisUrl });
  } finally {
    await owner.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await owner.end();
  }
}

/** Told to clients, and the same until all of it was in PostgreSQL. */
function measure(contender: Contender, clients: number) {
  return inDatabase(async (servers) => {
    const open = await contender.open(servers, plenty, clients);
    try {
      const latency = createLatencyRecorder();
      const begun = performance.now();
      const until = begun + seconds * 1_000;
      let told = 0;
      await Promise.all(
        Array.from({ length: clients }, async (_, client) => {
          for (let at = performance.now(); at < until; at = performance.now()) {
            if (await open.reserve(client)) told += 1;
            latency.record(performance.now() - at);
          }
        }),
      );
      const answeredIn = (performance.now() - begun) / 1_000;
      const durable = await open.settle();
      const durableIn = (performance.now() - begun) / 1_000;
      if (durable !== told) throw new Error(`${contender.name} told ${told} and has ${durable}`);
      return {
        clients,
        toldPerSecond: Math.round(told / answeredIn),
        durablePerSecond: Math.round(durable / durableIn),
        atRisk: open.atRisk,
        latency: latency.summary(),
      };
    } finally {
      await open.close();
    }
  });
}

/** A fast oversell is no result. */
async function sellOut(contender: Contender): Promise<void> {
  const clients = contender.clients.at(-1)!;
  const sold = await inDatabase(async (servers) => {
    const open = await contender.open(servers, scarce, clients);
    try {
      let left = 2 * scarce;
      await Promise.all(
        Array.from({ length: clients }, async (_, client) => {
          while (left-- > 0) await open.reserve(client);
        }),
      );
      return await open.settle();
    } finally {
      await open.close();
    }
  });
  if (sold !== scarce) throw new Error(`${contender.name} sold ${sold} of ${scarce}`);
}
