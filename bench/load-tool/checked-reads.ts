import { z } from 'zod';
import { createHttpPool } from '#shared/load/http-pool.ts';
import { headerOf } from '#shared/load/answer-parser.ts';
import { createLatencyRecorder, type LatencySummary } from '#shared/load/latency.ts';
import { runOpenLoop } from '#shared/load/open-loop.ts';

/**
 * A few readers on a clock of their own beside a load tool's many: what they wait counts from the instant each was due,
 * and every answer of theirs is looked at. Meanwhile a few buyers move the stock; what they were told is what a read
 * must not be older than.
 */

const Availability = z.strictObject({
  sale_id: z.string(),
  status: z.literal('open'),
  as_of_seq: z.number().int(),
  items: z.tuple([z.strictObject({ sku: z.string(), total: z.number(), held: z.number(), sold: z.number(), available: z.number() })]),
});
const Held = z.object({ seq: z.number().int() });

const readsPerSecond = 100;
/** A lone reservation costs the whole house some ten milliseconds of processor time, which are not to be measured here. */
const buyersPerSecond = 5;
const requestMs = 20_000;
const connectionsMax = 64;
const faultsToldMax = 5;

export interface CheckedReadsOptions {
  readonly port: number;
  readonly saleId: string;
  readonly sku: string;
  readonly units: number;
  readonly seconds: number;
  /** How old an answer may be. */
  readonly ageMsMax: number;
  readonly buyerIdentity: (userId: string) => string;
  /** Keeps keys and users apart from those of other runs. */
  readonly run: string;
}

export interface CheckedReads {
  readonly latency: LatencySummary;
  readonly answers: Readonly<Record<string, number>>;
  /** Units that buyers were told they hold. */
  readonly toldHeld: number;
  readonly buyersAnswers: Readonly<Record<string, number>>;
  readonly bodyBytes: { readonly shortest: number; readonly longest: number };
  /** What was not as it must be; the first few. */
  readonly faults: readonly string[];
}

/** Ends when every read and every purchase was answered or had timed out. */
export async function checkedReads(options: CheckedReadsOptions): Promise<CheckedReads> {
  const { port, saleId, sku, units, seconds, ageMsMax, buyerIdentity, run } = options;
  const pool = createHttpPool({ host: '127.0.0.1', port, connectionsMax, timeoutMs: requestMs });
  const latency = createLatencyRecorder();
  const answers = new Map<string, number>();
  const buyersAnswers = new Map<string, number>();
  const faults: string[] = [];
  const fault = (what: string): void => {
    if (faults.length < faultsToldMax) faults.push(what);
  };
  const requestIds = new Set<string>();
  const newest = createNewestKnown();
  let bodyBytes = { shortest: Infinity, longest: 0 };
  let etag = '';
  let open = 0;
  let toldHeld = 0;
  let allAnswered = (): void => undefined;
  const ended = (): void => {
    open -= 1;
    if (open === 0) allAnswered();
  };
  const count = (counts: Map<string, number>, name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1);

  function read(index: number, dueAt: number): void {
    open += 1;
    const known = index % 2 === 0 ? '' : etag;
    const seqMin = newest.at(performance.now() - ageMsMax);
    const headers = known === '' ? '' : `If-None-Match: ${known}\r\n`;
    pool.send({ method: 'GET', path: `/v1/sales/${saleId}/availability`, headers }, (answer) => {
      latency.record(performance.now() - dueAt);
      count(answers, answer.kind === 'answered' ? String(answer.status) : `unanswered: ${answer.reason}`);
      if (answer.kind === 'answered') look(answer.status, answer.head, answer.body, known, seqMin);
      ended();
    });
  }

  function look(status: number, head: string, body: Buffer, known: string, seqMin: number): void {
    const tag = headerOf(head, 'etag') ?? '';
    const requestId = headerOf(head, 'x-request-id') ?? '';
    if (requestId === '' || requestIds.has(requestId)) fault(`X-Request-Id ${requestId} is missing or not its own`);
    requestIds.add(requestId);
    if (!/^[0-9a-f]{32}$/.test(headerOf(head, 'x-trace-id') ?? '')) fault('no X-Trace-Id');
    if (headerOf(head, 'cache-control') !== 'public, max-age=1') fault(`Cache-Control is ${headerOf(head, 'cache-control') ?? 'missing'}`);
    const seq = Number(/^"(\d+)"$/.exec(tag)?.[1] ?? NaN);
    if (!(seq >= seqMin)) fault(`as of ${tag}, where ${seqMin} was known ${ageMsMax} ms before`);
    newest.learn(seq, performance.now());
    if (status === 304) {
      if (tag !== known) fault(`304 for ${known}, and the ETag is ${tag}`);
      return;
    }
    if (status !== 200) {
      fault(`status ${status}`);
      return;
    }
    if (tag === known) fault(`200 for If-None-Match ${known}, which it still is`);
    etag = tag;
    bodyBytes = { shortest: Math.min(bodyBytes.shortest, body.length), longest: Math.max(bodyBytes.longest, body.length) };
    const parsed = Availability.safeParse(jsonOf(body));
    if (!parsed.success) {
      fault(`not an availability: ${body.toString('utf8').slice(0, 200)}`);
      return;
    }
    const { sale_id, as_of_seq, items } = parsed.data;
    const { total, held, sold, available } = items[0];
    if (sale_id !== saleId || as_of_seq !== seq) fault(`of ${sale_id} as of ${as_of_seq} under the ETag ${tag}`);
    if (items[0].sku !== sku || total !== units || held + sold + available !== total || Math.min(held, sold, available) < 0)
      fault(`counts that are not right: ${JSON.stringify(items[0])}`);
  }

  function buy(index: number): void {
    open += 1;
    const headers = `${buyerIdentity(`${run}-${index}`)}Idempotency-Key: ${run}-${index}\r\n`;
    const body = JSON.stringify({ sku, quantity: 1 });
    pool.send({ method: 'POST', path: `/v1/sales/${saleId}/reservations`, headers, body }, (answer) => {
      count(buyersAnswers, answer.kind === 'answered' ? String(answer.status) : `unanswered: ${answer.reason}`);
      if (answer.kind === 'answered' && answer.status === 201) {
        toldHeld += 1;
        newest.learn(Held.parse(jsonOf(answer.body)).seq, performance.now());
      }
      ended();
    });
  }

  await Promise.all([
    runOpenLoop({ ratePerSecond: readsPerSecond, total: readsPerSecond * seconds, arrivals: 'poisson', arrive: read }),
    runOpenLoop({ ratePerSecond: buyersPerSecond, total: buyersPerSecond * seconds, arrive: buy }),
  ]);
  if (open > 0) await new Promise<void>((resolve) => (allAnswered = resolve));
  pool.close();
  const plain = (counts: Map<string, number>): Record<string, number> => Object.fromEntries([...counts].sort());
  return { latency: latency.summary(), answers: plain(answers), buyersAnswers: plain(buyersAnswers), toldHeld, bodyBytes, faults };
}

function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** Which seq was known when. */
export function createNewestKnown(): { learn(seq: number, atMs: number): void; at(ms: number): number } {
  const facts: { readonly seq: number; readonly atMs: number }[] = [];
  return {
    learn(seq, atMs) {
      if (seq > (facts.at(-1)?.seq ?? 0)) facts.push({ seq, atMs });
    },
    at: (ms) => facts.findLast(({ atMs }) => atMs <= ms)?.seq ?? 0,
  };
}
