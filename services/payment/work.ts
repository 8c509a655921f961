import type { DuePayment } from '#shared/payments/claim.ts';
import type { Clock } from './clock.ts';

/**
 * The bounded pool of workers. One loop claims what is due, a batch at a time, and
 * hands each payment to a step of its own; it sleeps until the consumer or the end
 * of a step wakes it, or until `pollMs` has passed, which finds retries that became
 * due and leases that ended.
 */
export interface WorkPool {
  /** There may be something to do. */
  readonly wake: () => void;
  /** Takes the steps of payments that `claim` claims by itself, at most `limit`, for which it is given the places that are free. */
  readonly takeIn: (claim: (limit: number) => Promise<readonly DuePayment[]>) => Promise<void>;
  readonly inFlight: () => number;
  /** Claims nothing more and waits for the steps under way, at most `waitMsMax`; what is left is freed by its lease. */
  readonly stop: (waitMsMax: number) => Promise<void>;
}

export interface WorkPoolOptions {
  readonly claim: (limit: number) => Promise<readonly DuePayment[]>;
  readonly step: (payment: DuePayment) => Promise<void>;
  readonly mayCall: () => boolean;
  readonly stepsMax: number;
  readonly pollMs: number;
  readonly schedule: Clock['schedule'];
  readonly onClaimFailed: (error: unknown) => void;
  readonly onStepFailed: (payment: DuePayment, error: unknown) => void;
}

const claimMax = 200;
/** Claiming for the sake of one free place would cost a statement for each payment. */
const freeMinMax = 50;
/** While the ledger is away. */
const pauseMs = 1_000;

export function startWorkPool(options: WorkPoolOptions): WorkPool {
  const steps = new Set<Promise<void>>();
  const freeMin = Math.min(freeMinMax, Math.ceil(options.stepsMax / 2));
  /** Places given to claims of `takeIn` that are under way. */
  let promised = 0;
  let stopping = false;
  let woken = false;
  let rouse: (() => void) | null = null;

  function wake(): void {
    woken = true;
    rouse?.();
  }

  function sleep(ms: number): Promise<void> {
    if (woken) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        callOff();
        rouse = null;
        resolve();
      };
      const callOff = options.schedule(ms, end);
      rouse = end;
    });
  }

  function begin(payment: DuePayment): void {
    const step = options
      .step(payment)
      .catch((error: unknown) => options.onStepFailed(payment, error))
      .finally(() => {
        steps.delete(step);
        if (options.stepsMax - steps.size === freeMin) wake();
      });
    steps.add(step);
  }

  async function run(): Promise<void> {
    while (!stopping) {
      woken = false;
      const free = options.stepsMax - steps.size - promised;
      if (free < freeMin || !options.mayCall()) {
        await sleep(options.pollMs);
        continue;
      }
      const limit = Math.min(claimMax, free);
      try {
        const claimed = await options.claim(limit);
        claimed.forEach(begin);
        if (claimed.length === limit) continue;
      } catch (error) {
        options.onClaimFailed(error);
        woken = false;
        await sleep(pauseMs);
        continue;
      }
      await sleep(options.pollMs);
    }
  }

  const running = run();
  return {
    wake,
    async takeIn(claim) {
      const limit = stopping || !options.mayCall() ? 0 : Math.min(claimMax, Math.max(0, options.stepsMax - steps.size - promised));
      promised += limit;
      try {
        (await claim(limit)).forEach(begin);
      } finally {
        promised -= limit;
      }
    },
    inFlight: () => steps.size,
    async stop(waitMsMax) {
      stopping = true;
      wake();
      await running;
      await new Promise<void>((resolve) => {
        const callOff = options.schedule(waitMsMax, resolve);
        void Promise.all(steps).then(() => {
          callOff();
          resolve();
        });
      });
    },
  };
}
