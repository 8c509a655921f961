import { createHttpPool } from '#shared/load/http-pool.ts';
import { createLatencyRecorder, type LatencySummary } from '#shared/load/latency.ts';
import { runOpenLoop } from '#shared/load/open-loop.ts';
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
  const { saleId, run, identity } = options;
  const pool = createHttpPool({ host: options.host, port: options.port, connectionsMax: options.connectionsMax, timeoutMs: requestMs });
  const latency = createLatencyRecorder();
  const answers = new Map<string, number>();
  const path = `/v1/sales/${saleId}/reservations`;
  const body = JSON.stringify({ sku: options.sku, quantity: 1 });
  const total = Math.round(options.rate * options.seconds);
  let open = 0;
  let decided = 0;
  let allAnswered = (): void => undefined;
  const startedAt = performance.now();
  await runOpenLoop({
    ratePerSecond: options.rate,
    total,
    arrive(index, dueAt) {
      open += 1;
      const headers = `${identity(`${run}-${index}`)}Idempotency-Key: ${run}-${index}\r\n`;
      pool.send({ method: 'POST', path, headers, body }, (answer) => {
        latency.record(performance.now() - dueAt);
        const name = answer.kind === 'answered' ? String(answer.status) : `unanswered: ${answer.reason}`;
        if (answer.kind === 'answered' && (answer.status === 201 || answer.status === 409)) decided += 1;
        answers.set(name, (answers.get(name) ?? 0) + 1);
        open -= 1;
        if (open === 0) allAnswered();
      });
    },
  });
  if (open > 0) await new Promise<void>((resolve) => (allAnswered = resolve));
  const seconds = (performance.now() - startedAt) / 1000;
  pool.close();
  return {
    rate: options.rate,
    seconds,
    sent: total,
    answeredPerSecond: decided / seconds,
    answers: Object.fromEntries([...answers].sort()),
    decided,
    latency: latency.summary(),
  };
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
