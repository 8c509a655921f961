/**
 * Many who each wait for something with a name, for a time of their own, with one
 * timer for all of them: one sweep a tick looks at everyone who still waits. Nearly
 * all are answered long before their deadline and are forgotten in the same moment;
 * a list by deadline would keep them in memory until then.
 */
export interface Waiters<T> {
  /** null after `timeoutMs` (at most one tick later), or at once where `waitersMax` wait already. */
  readonly wait: (name: string, timeoutMs: number) => Promise<T | null>;
  /** Answers everyone who waits for the name; how many that were. */
  readonly answer: (name: string, value: T | null) => number;
  readonly waiting: () => number;
  /** How often nobody more was let in, since the start. */
  readonly refused: () => number;
  /** Answers everyone with null. */
  readonly close: () => void;
}

interface Waiter<T> {
  readonly deadline: number;
  resolve: ((value: T | null) => void) | null;
}

export interface WaitersClock {
  /** Milliseconds, monotonic. */
  now(): number;
  /** Calls `work` each `ms` until the returned function is called. */
  every(ms: number, work: () => void): () => void;
}

export const realWaitersClock: WaitersClock = {
  now: () => performance.now(),
  every: (ms, work) => {
    const timer = setInterval(work, ms);
    return () => {
      clearInterval(timer);
    };
  },
};

export function createWaiters<T>(waitersMax: number, tickMs: number, clock: WaitersClock = realWaitersClock): Waiters<T> {
  const byName = new Map<string, Waiter<T>[]>();
  let waiting = 0;
  let refused = 0;
  let stopSweep: (() => void) | null = null;

  function settle(waiter: Waiter<T>, value: T | null): boolean {
    const { resolve } = waiter;
    if (resolve === null) return false;
    waiter.resolve = null;
    waiting -= 1;
    resolve(value);
    return true;
  }

  function sweep(): void {
    const now = clock.now();
    for (const [name, named] of byName) {
      const others = named.filter((waiter) => waiter.deadline > now || !settle(waiter, null));
      if (others.length === 0) byName.delete(name);
      else if (others.length < named.length) byName.set(name, others);
    }
    if (byName.size === 0) {
      stopSweep?.();
      stopSweep = null;
    }
  }

  return {
    wait: (name, timeoutMs) => {
      if (waiting >= waitersMax) {
        refused += 1;
        return Promise.resolve(null);
      }
      return new Promise((resolve) => {
        const waiter: Waiter<T> = { deadline: clock.now() + Math.max(0, timeoutMs), resolve };
        waiting += 1;
        const others = byName.get(name);
        if (others === undefined) byName.set(name, [waiter]);
        else others.push(waiter);
        stopSweep ??= clock.every(tickMs, sweep);
      });
    },
    answer: (name, value) => {
      const named = byName.get(name);
      if (named === undefined) return 0;
      byName.delete(name);
      return named.filter((waiter) => settle(waiter, value)).length;
    },
    waiting: () => waiting,
    refused: () => refused,
    close: () => {
      stopSweep?.();
      stopSweep = null;
      for (const named of byName.values()) for (const waiter of named) settle(waiter, null);
      byName.clear();
    },
  };
}
