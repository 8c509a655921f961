import { createHttpPool } from '#shared/load/http-pool.ts';
import { createLatencyRecorder, type LatencySummary } from '#shared/load/latency.ts';
import { createSale } from '../services/cli/sale/sale-calls.ts';
import { runLoad, type LoadResult } from '../services/cli/load/loadtest.ts';
import { climb, highestGood, type Try } from './climb.ts';
import { hashMicroseconds } from './machine.ts';
import { percentilesText } from './percentiles.ts';
import type { Surroundings } from '../services/cli/stack/surroundings.ts';

/** Reservations over HTTP at rising rates, and one after the other; the load generator is on the same machine. */

/** What a rate must keep to count as borne. */
export const p95MsMax = 120;
/** What it must keep to count as borne well. */
export const wellBorneMsMax = { p95: 60, p99: 120 };
/** Decided of those asked for, per second. */
export const decidedShareMin = 0.97;

export const sku = 'bench';
export const units = 50_000_000;
const connectionsMax = 1_024;
/** At a rate that lets every process, Kafka's too, compile what it will run. */
const warmUpRate = 2_000;
const warmUpSeconds = 10;

/** Good where it is borne well. */
export type LadderStep = LoadResult &
  Try & {
    /** How fast a core was right before. */
    readonly hashUs: number;
  };

export interface LadderResult {
  readonly steps: readonly LadderStep[];
  /** The highest rate that was borne; null: none. */
  readonly best: LadderStep | null;
  /** The highest rate that was borne well; null: none. */
  readonly bestWell: LadderStep | null;
  /** What clients were told, warming up included, and what PostgreSQL holds afterwards: the same where nothing is wrong. */
  readonly toldHeld: number;
  readonly held: number;
}

/** An open sale with more units than anybody asks for. */
export async function openSaleOf(surroundings: Surroundings): Promise<string> {
  const sale = await createSale(surroundings.call, {
    name: 'Bench',
    starts_at: new Date(Date.now() - 1_000).toISOString(),
    ends_at: new Date(Date.now() + 86_400_000).toISOString(),
    items: [{ sku, name: 'Bench', unit_price: 100, currency: 'EUR', quantity: units }],
    hold_seconds: 3_600,
  });
  return sale.id;
}

/** What PostgreSQL says is held of the sale. */
export async function heldOf(saleId: string, surroundings: Surroundings): Promise<number> {
  const ledger = surroundings.openLedger();
  try {
    return (await ledger.view.stock(saleId)).held;
  } finally {
    await ledger.close();
  }
}

/** Climbs the rates until one is not borne, and then finds out how much of the last gap is borne well. */
export async function measureLadder(
  port: number,
  { rates, halvings }: { readonly rates: readonly number[]; readonly halvings: number },
  seconds: number,
  surroundings: Surroundings,
  say: (line: string) => void,
): Promise<LadderResult> {
  const saleId = await openSaleOf(surroundings);
  let runs = 0;
  let toldHeld = 0;
  const load = async (rate: number, forSeconds: number): Promise<LoadResult> => {
    const result = await runLoad({
      host: '127.0.0.1',
      port,
      saleId,
      sku,
      rate,
      seconds: forSeconds,
      connectionsMax,
      identity: surroundings.buyerIdentity,
      run: `ladder-${(runs += 1)}`,
    });
    toldHeld += result.answers['201'] ?? 0;
    return result;
  };
  await load(warmUpRate, warmUpSeconds);
  const steps = await climb(rates, halvings, async (rate): Promise<LadderStep> => {
    const hashUs = hashMicroseconds();
    const result = await load(rate, seconds);
    const { p95Ms, p99Ms } = result.latency;
    const borne = p95Ms < p95MsMax && result.answeredPerSecond >= rate * decidedShareMin && result.decided === result.sent;
    const good = borne && p95Ms < wellBorneMsMax.p95 && p99Ms < wellBorneMsMax.p99;
    say(
      `  ${rate}/s: ${result.answeredPerSecond.toFixed(0)}/s decided, ${percentilesText(result.latency)}${good ? '' : borne ? ', borne, not well' : ', not borne'}`,
    );
    return { ...result, borne, good, hashUs };
  });
  return {
    steps,
    best: steps.findLast((step) => step.borne) ?? null,
    bestWell: highestGood(steps),
    toldHeld,
    held: await heldOf(saleId, surroundings),
  };
}

/** One request at a time, the next when the last was answered: what a lone buyer waits for. Throws where one is not held. */
export async function measureLone(port: number, requests: number, surroundings: Surroundings): Promise<LatencySummary> {
  const saleId = await openSaleOf(surroundings);
  const pool = createHttpPool({ host: '127.0.0.1', port, connectionsMax: 1, timeoutMs: 20_000 });
  const latency = createLatencyRecorder();
  const body = JSON.stringify({ sku, quantity: 1 });
  /** Until every process has compiled what it runs. */
  const warmUp = 300;
  for (let index = 0; index < requests + warmUp; index += 1) {
    const headers = `${surroundings.buyerIdentity(`lone-${index}`)}Idempotency-Key: lone-${index}\r\n`;
    const at = performance.now();
    const answer = await new Promise<string>((resolve) => {
      pool.send({ method: 'POST', path: `/v1/sales/${saleId}/reservations`, headers, body }, (got) =>
        resolve(got.kind === 'answered' ? String(got.status) : got.reason),
      );
    });
    if (answer !== '201') throw new Error(`a lone reservation was answered ${answer}`);
    if (index >= warmUp) latency.record(performance.now() - at);
  }
  pool.close();
  const held = await heldOf(saleId, surroundings);
  if (held !== requests + warmUp) throw new Error(`${requests + warmUp} were told that they hold a unit, PostgreSQL says ${held}`);
  return latency.summary();
}
