/**
 * Orders from the request until they are paid, at rising rates (open loop), the simulated payment gateway answering at
 * once: `POST /v1/orders` with `Prefer: wait`, so that the answer is 201 `paid`. The holds are made before each rate.
 *
 *   make up; eval "$(node deploy/local/main.ts env)"; node bench/orders.ts [--through gateway|api] [--rates 500,1000] [--quick]
 */
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openLayout } from '#deploy/local/open.ts';
import { createHttpPool, type HttpPool } from '#shared/load/http-pool.ts';
import { sendAtRate, type SentAtRate } from '#shared/load/send-at-rate.ts';
import { chargesFor } from '../services/cli/demo/charges.ts';
import { surroundingsOf } from '../services/cli/stack/surroundings.ts';
import { climb, highestGood, type Try } from './climb.ts';
import { openSaleOf, sku } from './ladder.ts';
import { hashMicroseconds } from './machine.ts';
import { print } from './measurement.ts';
import { latencyPlot, percentilesText } from './percentiles.ts';
import { watchStackWork } from './stack-work.ts';

/** What a rate must keep to count as borne. */
const p95MsMax = 100;
/** Paid of those asked for, per second. */
const paidShareMin = 0.97;

const full = { rates: [250, 375, 500, 625, 750, 1_000, 1_250, 1_500, 1_750, 2_000, 2_500, 3_000], halvings: 2, seconds: 8, warmUpsMax: 8 };
const quick = { rates: [200, 400], halvings: 1, seconds: 3, warmUpsMax: 1 };
const warmUpRate = 500;
/** Every process, Kafka's too, has compiled what it runs once an order is no longer cheaper than so much of what it was in the time before. */
const stillWarmingShare = 0.95;
const holdsPerSecond = 2_000;
const connectionsMax = 1_024;
const waitSeconds = 20;
const requestMsMax = (waitSeconds + 10) * 1_000;
/** Between the holds and the orders, so that what the holds left to do is done. */
const settleMs = 1_000;
const ordersEndMsMax = 60_000;

interface Hold {
  readonly user: string;
  readonly reservationId: string;
}

/** Good where it is borne. */
interface Step extends SentAtRate, Try {
  readonly paidPerSecond: number;
  readonly hashUs: number;
  /** Microseconds of processor time an order took, by process. */
  readonly workUs: Readonly<Record<string, number>>;
}

const { values: flags } = parseArgs({
  options: {
    through: { type: 'string', default: 'gateway' },
    rates: { type: 'string' },
    seconds: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
});
if (flags.through !== 'gateway' && flags.through !== 'api') throw new Error('--through is gateway or api');
const way = flags.through === 'gateway' ? 'through the gateway' : 'past the gateway';
const size = flags.quick ? quick : full;
const rates = flags.rates?.split(',').map(Number) ?? size.rates;
const seconds = Number(flags.seconds ?? size.seconds);
const say = (line: string): void => console.error(line);

const { layout } = openLayout();
const surroundings = surroundingsOf(process.env);
const poolTo = (port: number): HttpPool => createHttpPool({ host: '127.0.0.1', port, connectionsMax, timeoutMs: requestMsMax });
const holdPool = poolTo(layout.ports.reserve);
const orderPool = poolTo(flags.through === 'gateway' ? layout.ports.gateway : layout.ports.checkout);

const work = watchStackWork(layout);
const saleId = await openSaleOf(surroundings);
/** An order's key is its user's in all sales, so users are those of this run. */
const run = `orders-${saleId}`;
/** Ids of orders by what their clients were told. */
const told = { paid: new Set<string>(), pending: new Set<string>() };
let holdsMade = 0;

async function holds(count: number): Promise<readonly Hold[]> {
  const made: Hold[] = [];
  const first = holdsMade;
  holdsMade += count;
  const body = JSON.stringify({ sku, quantity: 1 });
  const userOf = (index: number): string => `${run}-${first + index}`;
  await sendAtRate({
    pool: holdPool,
    ratePerSecond: holdsPerSecond,
    total: count,
    request: (index) => ({
      method: 'POST',
      path: `/v1/sales/${saleId}/reservations`,
      headers: `${surroundings.buyerIdentity(userOf(index))}Idempotency-Key: ${userOf(index)}\r\n`,
      body,
    }),
    onAnswer(index, answer) {
      if (answer.kind === 'answered' && answer.status === 201) made.push({ user: userOf(index), reservationId: idIn(answer.body) });
    },
  });
  if (made.length !== count) throw new Error(`${count - made.length} of ${count} holds were not made`);
  return made;
}

const idIn = (body: Buffer): string => (JSON.parse(body.toString()) as { id: string }).id;

async function orders(rate: number, forSeconds: number): Promise<Step> {
  const held = await holds(Math.round(rate * forSeconds));
  await pause(settleMs);
  const hashUs = hashMicroseconds();
  work.lap();
  const sent = await sendAtRate({
    pool: orderPool,
    ratePerSecond: rate,
    total: held.length,
    request(index) {
      const { user, reservationId } = held[index]!;
      return {
        method: 'POST',
        path: '/v1/orders',
        headers: `${surroundings.buyerIdentity(user)}Idempotency-Key: ${user}\r\nPrefer: wait=${waitSeconds}\r\n`,
        body: JSON.stringify({ reservation_id: reservationId, payment_method_id: 'pm_ok' }),
      };
    },
    onAnswer(_index, answer) {
      if (answer.kind !== 'answered') return;
      if (answer.status === 201) told.paid.add(idIn(answer.body));
      else if (answer.status === 202) told.pending.add(idIn(answer.body));
    },
  });
  const workUs = Object.fromEntries([...work.lap()].map(([name, spent]) => [name, Math.round((spent / held.length) * 1e6)]));
  const paid = sent.answers['201'] ?? 0;
  const paidPerSecond = paid / sent.seconds;
  const borne = sent.latency.p95Ms < p95MsMax && paidPerSecond >= rate * paidShareMin && paid === held.length;
  return { ...sent, rate, paidPerSecond, borne, good: borne, hashUs, workUs };
}

/** Microseconds of processor time that an order took, time for time, until it is no longer becoming cheaper. */
async function warmUp(): Promise<readonly number[]> {
  const workUs: number[] = [];
  const isWarm = (): boolean => workUs.length > 1 && workUs.at(-1)! > stillWarmingShare * workUs.at(-2)!;
  while (workUs.length < size.warmUpsMax && !isWarm()) {
    const warm = await orders(warmUpRate, seconds);
    if ((warm.answers['201'] ?? 0) === 0) throw new Error(`no order is paid: ${JSON.stringify(warm.answers)}`);
    workUs.push(sumOf(warm.workUs));
    say(`orders ${way}: warming up, ${workUs.at(-1)} us of processor time an order, ${percentilesText(warm.latency)}`);
  }
  return workUs;
}

const sumOf = (workUs: Step['workUs']): number => Object.values(workUs).reduce((sum, us) => sum + us, 0);

/** Every order that was told to be paid is paid and charged once, and nothing else is. */
async function check(): Promise<{ readonly right: boolean; readonly paid: number; readonly captured: number }> {
  const ledger = surroundings.openLedger();
  try {
    const until = performance.now() + ordersEndMsMax;
    while ((await ledger.view.unfinished(saleId)).orders > 0 && performance.now() < until) await pause(100);
    const rows = await ledger.view.orders(saleId);
    const paid = new Set([...rows.values()].filter(({ status }) => status === 'paid').map(({ id }) => id));
    const charges = await chargesFor(surroundings.gatewaySimUrl, rows);
    const charged = new Set(charges.filter(({ status }) => status === 'succeeded').map(({ reference }) => reference));
    const right =
      told.paid.isSubsetOf(paid) &&
      paid.size === told.paid.size + told.pending.size &&
      rows.size === paid.size &&
      charges.length === paid.size &&
      charged.size === paid.size &&
      paid.isSubsetOf(charged);
    return { right, paid: paid.size, captured: charges.length };
  } finally {
    await ledger.close();
  }
}

const warmUps = await warmUp();
const steps = await climb(rates, size.halvings, async (rate) => {
  const step = await orders(rate, seconds);
  const answers = Object.entries(step.answers).map(([status, count]) => `${status}: ${count}`);
  say(
    `  ${rate}/s: ${step.paidPerSecond.toFixed(0)}/s paid, ${percentilesText(step.latency)}, ${answers.join(', ')}${step.borne ? '' : ', not borne'}`,
  );
  const parts = Object.entries(step.workUs).map(([name, us]) => `${name} ${us}`);
  say(`    ${sumOf(step.workUs)} us of processor time an order: ${parts.join(', ')}`);
  return step;
});
const { right, paid, captured } = await check();
holdPool.close();
orderPool.close();
say(
  `  told paid ${told.paid.size}, told pending ${told.pending.size}; paid in PostgreSQL ${paid}, captured ${captured}: ${right ? 'right' : 'WRONG'}`,
);

const best = highestGood(steps);
print({
  id: 'P4',
  what: `orders until paid, ${way}`,
  value: Math.round(best?.paidPerSecond ?? 0),
  unit: '/s',
  target: { bound: 'at least', value: 2_000 },
  right,
  details: {
    borne_at: `p95 < ${p95MsMax} ms, the better of two tries`,
    ...(best === null
      ? {}
      : {
          p50_ms: best.latency.p50Ms,
          p95_ms: best.latency.p95Ms,
          p99_ms: best.latency.p99Ms,
          max_ms: best.latency.maxMs,
          sha256_us_before: Number(best.hashUs.toFixed(2)),
          processor_us_an_order: sumOf(best.workUs),
        }),
    processor_us_an_order_while_warming_up: warmUps.join(', '),
    told_paid: told.paid.size,
    told_pending: told.pending.size,
    paid_in_postgresql: paid,
    captured,
  },
  command: `node bench/orders.ts --through ${flags.through}${flags.quick ? ' --quick' : ''}`,
  plot: latencyPlot(`Orders from the request until paid, ${way}`, 'asked for, per second', steps),
});
