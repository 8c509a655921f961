import type { Unanswered } from '#shared/payments/gateway.ts';
import type { Clock } from './clock.ts';

/**
 * Spares the tries of all orders while the gateway is away. After
 * `failuresMax` calls in a row without an answer (no connection, a timeout, 502 to
 * 504) no new call is made; instead the gateway is asked a cheap question, which
 * costs no order a try, after 0.5 s, 1 s, 2 s ... 15 s. As soon as it answers that,
 * calls go on. So payment methods that never answer cannot keep others from being
 * charged: the gateway answers the question although those calls time out.
 */
export interface Breaker {
  /** Whether calls may be made. */
  readonly closed: () => boolean;
  /** How a call ended; null: with an answer. */
  readonly observe: (why: Unanswered | null) => void;
  readonly stop: () => void;
}

export interface BreakerOptions {
  readonly failuresMax: number;
  readonly answers: () => Promise<boolean>;
  /** Called when calls may be made again. */
  readonly onClosed: () => void;
  readonly onOpened: () => void;
  readonly schedule: Clock['schedule'];
}

export const BREAKER_FAILURES_MAX = 5;
const firstPauseMs = 500;
const pauseMsMax = 15_000;

const MEANS_AWAY: Record<Unanswered, boolean> = {
  timeout: true,
  network: true,
  unavailable: true,
  server_error: false,
  rate_limited: false,
  in_progress: false,
};

export function createBreaker({ failuresMax, answers, onClosed, onOpened, schedule }: BreakerOptions): Breaker {
  let failures = 0;
  let open = false;
  let stopped = false;
  let cancel = (): void => undefined;

  function askAfter(pauseMs: number): void {
    cancel = schedule(pauseMs, () => {
      void answers().then((answered) => {
        if (stopped) return;
        if (!answered) {
          askAfter(Math.min(pauseMsMax, pauseMs * 2));
          return;
        }
        failures = 0;
        open = false;
        onClosed();
      });
    });
  }

  return {
    closed: () => !open,
    observe(why) {
      if (why === null || !MEANS_AWAY[why]) {
        failures = 0;
        return;
      }
      failures += 1;
      if (open || stopped || failures < failuresMax) return;
      open = true;
      onOpened();
      askAfter(firstPauseMs);
    },
    stop() {
      stopped = true;
      cancel();
    },
  };
}
