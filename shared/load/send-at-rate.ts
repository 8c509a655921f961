import type { HttpPool, PoolAnswer, PoolRequest } from './http-pool.ts';
import { createLatencyRecorder, type LatencySummary } from './latency.ts';
import { runOpenLoop } from './open-loop.ts';

/** Requests at a stated rate, each answered once, none sent again. */

export interface SendAtRate {
  /** Stays open. */
  readonly pool: HttpPool;
  readonly ratePerSecond: number;
  readonly total: number;
  readonly request: (index: number) => PoolRequest;
  /** `ms` from the intended start. */
  readonly onAnswer?: (index: number, answer: PoolAnswer, ms: number) => void;
}

export interface SentAtRate {
  /** Until the last answer. */
  readonly seconds: number;
  /** From the intended start. */
  readonly latency: LatencySummary;
  /** Answers by status; `unanswered: reason` where none came. */
  readonly answers: Readonly<Record<string, number>>;
}

/** Ends when the last request was answered or had timed out. */
export async function sendAtRate({ pool, ratePerSecond, total, request, onAnswer }: SendAtRate): Promise<SentAtRate> {
  const latency = createLatencyRecorder();
  const answers = new Map<string, number>();
  let open = 0;
  let allAnswered = (): void => undefined;
  const startedAt = performance.now();
  await runOpenLoop({
    ratePerSecond,
    total,
    arrive(index, dueAt) {
      open += 1;
      pool.send(request(index), (answer) => {
        const ms = performance.now() - dueAt;
        latency.record(ms);
        const name = answer.kind === 'answered' ? String(answer.status) : `unanswered: ${answer.reason}`;
        answers.set(name, (answers.get(name) ?? 0) + 1);
        onAnswer?.(index, answer, ms);
        open -= 1;
        if (open === 0) allAnswered();
      });
    },
  });
  if (open > 0) await new Promise<void>((resolve) => (allAnswered = resolve));
  return { seconds: (performance.now() - startedAt) / 1_000, latency: latency.summary(), answers: Object.fromEntries([...answers].sort()) };
}
