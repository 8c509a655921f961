/**
 * A part of the crowd of bench/stampede.ts, in a process of its own: one generator alone would be the bottleneck.
 * Started by it, and told what to do by messages; answers each with one.
 */
import { createComebacks } from '#shared/load/comebacks.ts';
import { createHttpPool, type PoolAnswer } from '#shared/load/http-pool.ts';
import { headerOf } from '#shared/load/answer-parser.ts';
import { runOpenLoop } from '#shared/load/open-loop.ts';

export interface CrowdOrder {
  readonly port: number;
  readonly saleId: string;
  readonly sku: string;
  /** Buyers of this part. */
  readonly buyers: number;
  readonly ratePerSecond: number;
  readonly connectionsMax: number;
  /** Tells this part's buyers from those of the others. */
  readonly name: string;
}

/** What came of the first request of each: answers by status and code, and how long each took. */
export interface FirstRush {
  readonly answers: Readonly<Record<string, number>>;
  /** From the intended start. */
  readonly ms: Float32Array;
  /** Of those that took longer than `answerMsMax`: answers by status and code. */
  readonly late: Readonly<Record<string, number>>;
  /** How far this process was behind its own clock at most. */
  readonly lateMsMax: number;
}

/** What came of those who were sent to wait. */
export interface Return {
  /** Answers by status and code, of everyone in the end. */
  readonly answers: Readonly<Record<string, number>>;
  readonly requests: number;
}

export type CrowdMessage =
  { readonly kind: 'ready' } | ({ readonly kind: 'rushed' } & FirstRush) | ({ readonly kind: 'returned' } & Return);

/** Within this everyone has an answer. */
export const answerMsMax = 2_000;
const requestMsMax = 20_000;
/** Real clients do not come back on the same millisecond either. */
const jitterMs = 1_000;
const comebackEveryMs = 1;
/** Connections are there before the clock starts, as a crowd's are that looks at the page already. */
const openingMsMax = 10_000;

if (import.meta.main)
  process.once('message', (order: CrowdOrder) => {
    run(order).catch((error: unknown) => {
      console.error(error);
      process.exit(1);
    });
  });

async function run({ port, saleId, sku, buyers, ratePerSecond, connectionsMax, name }: CrowdOrder): Promise<void> {
  const pool = createHttpPool({ host: '127.0.0.1', port, connectionsMax, timeoutMs: requestMsMax });
  const path = `/v1/sales/${saleId}/reservations`;
  const body = JSON.stringify({ sku, quantity: 1 });
  const ms = new Float32Array(buyers);
  /** Seconds to wait before the next attempt; 0: answered. */
  const waitSeconds = new Uint16Array(buyers);
  const last = new Array<string>(buyers);
  let open = 0;
  let requests = 0;
  let whenNoneIsOpen = (): void => undefined;

  function ask(index: number, answered: (answer: PoolAnswer) => void): void {
    open += 1;
    requests += 1;
    const user = `${name}-${index}`;
    pool.send({ method: 'POST', path, headers: `X-User-Id: ${user}\r\nIdempotency-Key: ${user}\r\n`, body }, (answer) => {
      last[index] = nameOf(answer);
      waitSeconds[index] = answer.kind === 'answered' && answer.status < 429 ? 0 : retryAfterOf(answer);
      answered(answer);
      open -= 1;
      if (open === 0) whenNoneIsOpen();
    });
  }
  const noneOpen = (): Promise<void> => (open === 0 ? Promise.resolve() : new Promise((resolve) => (whenNoneIsOpen = resolve)));

  await connect();
  tell({ kind: 'ready' });
  await new Promise((resolve) => process.once('message', resolve));

  let lateMsMax = 0;
  await runOpenLoop({
    ratePerSecond,
    total: buyers,
    arrive(index, dueAt) {
      lateMsMax = Math.max(lateMsMax, performance.now() - dueAt);
      ask(index, () => (ms[index] = performance.now() - dueAt));
    },
  });
  await noneOpen();
  tell({ kind: 'rushed', answers: counted(last), late: counted(last.filter((_name, index) => ms[index]! > answerMsMax)), ms, lateMsMax });
  await new Promise((resolve) => process.once('message', resolve));

  requests = 0;
  const comebacks = createComebacks();
  const comeBackLater = (index: number): void =>
    comebacks.add(index, performance.now() + waitSeconds[index]! * 1_000 + Math.random() * jitterMs);
  for (let index = 0; index < buyers; index += 1) if (waitSeconds[index]! > 0) comeBackLater(index);
  while (comebacks.waiting > 0 || open > 0) {
    comebacks.take(performance.now(), (index) =>
      ask(index, () => {
        if (waitSeconds[index]! > 0) comeBackLater(index);
      }),
    );
    await new Promise((resolve) => setTimeout(resolve, comebackEveryMs));
  }
  tell({ kind: 'returned', answers: counted(last), requests });
  pool.close();
  process.disconnect!();

  async function connect(): Promise<void> {
    const until = performance.now() + openingMsMax;
    let opened = 0;
    for (let index = 0; index < connectionsMax; index += 1)
      pool.send({ method: 'GET', path: '/gateway/livez' }, () => {
        opened += 1;
      });
    while (opened < connectionsMax && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function tell(message: CrowdMessage): void {
  process.send!(message);
}

/** Status and, of a problem, its code. */
function nameOf(answer: PoolAnswer): string {
  if (answer.kind !== 'answered') return `unanswered: ${answer.reason}`;
  if (answer.status < 400) return String(answer.status);
  return `${answer.status} ${/"code":"([a-z_]+)"/.exec(answer.body.toString('latin1'))?.[1] ?? ''}`;
}

/** Whoever was not answered tries again after a second, as one that was told so. */
function retryAfterOf(answer: PoolAnswer): number {
  return Math.max(1, answer.kind === 'answered' ? Number(headerOf(answer.head, 'Retry-After') ?? 1) : 1);
}

function counted(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
