import { createHttpPool } from '#shared/load/http-pool.ts';
import type { LatencySummary } from '#shared/load/latency.ts';
import { sendAtRate } from '#shared/load/send-at-rate.ts';
import { pairs } from '../table.ts';

/** Reservations at a stated rate for a stated time, each answered once, none sent again. */

export interface LoadOptions {
  readonly host: string;
  readonly port: number;
  readonly saleId: string;
  readonly sku: string;
  /** Arrivals per second. */
  readonly rate: number;
  readonly seconds: number;
  readonly connectionsMax: number;
  /** Header lines of a buyer. */
  readonly identity: (userId: string) => string;
  /** Keeps keys and users apart from those of other runs. */
  readonly run: string;
}

export interface LoadResult {
  readonly rate: number;
  readonly seconds: number;
  readonly sent: number;
  readonly answeredPerSecond: number;
  /** Answers by status and code; `unanswered: reason` where none came. */
  readonly answers: Readonly<Record<string, number>>;
  readonly decided: number;
  readonly latency: LatencySummary;
}

const requestMs = 20_000;

/** Ends when the last request was answered or had timed out. Latency counts from the intended start. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const { host, port, saleId, run, identity, connectionsMax, rate } = options;
  const pool = createHttpPool({ host, port, connectionsMax, timeoutMs: requestMs });
  const path = `/v1/sales/${saleId}/reservations`;
  const body = JSON.stringify({ sku: options.sku, quantity: 1 });
  const total = Math.round(rate * options.seconds);
  const { seconds, latency, answers } = await sendAtRate({
    pool,
    ratePerSecond: rate,
    total,
    request: (index) => ({
      method: 'POST',
      path,
      headers: `${identity(`${run}-${index}`)}Idempotency-Key: ${run}-${index}\r\n`,
      body,
    }),
  });
  pool.close();
  const decided = (answers['201'] ?? 0) + (answers['409'] ?? 0);
  return { rate, seconds, sent: total, answeredPerSecond: decided / seconds, answers, decided, latency };
}

export function loadText(result: LoadResult): string {
  const { latency } = result;
  return pairs([
    ['asked for', `${result.rate}/s, ${result.sent} requests`],
    ['decided', `${result.decided}, ${result.answeredPerSecond.toFixed(0)}/s`],
    [
      'answers',
      Object.entries(result.answers)
        .map(([name, n]) => `${name}: ${n}`)
        .join(', '),
    ],
    [
      'latency',
      `p50 ${latency.p50Ms.toFixed(1)}  p95 ${latency.p95Ms.toFixed(1)}  p99 ${latency.p99Ms.toFixed(1)}  max ${latency.maxMs.toFixed(1)} ms, from the intended start`,
    ],
  ]);
}
