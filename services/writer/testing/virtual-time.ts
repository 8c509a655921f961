import type { EpochMs } from '#schemas/ids.ts';

/** Time that stands still until a test moves it, and chance that repeats itself. */
export interface VirtualTime {
  readonly now: () => EpochMs;
  readonly schedule: (ms: number, run: () => void) => () => void;
  /** Moves on by `ms`, running what falls due in order; everything that follows from one timer happens before the next. */
  readonly pass: (ms: number) => Promise<void>;
  /** Lets everything happen that waits for nothing. */
  readonly settle: () => Promise<void>;
}

export function createVirtualTime(startMs: number): VirtualTime {
  let now = startMs;
  let order = 0;
  let timers: { readonly at: number; readonly order: number; readonly run: () => void }[] = [];
  // A turn of the event loop, not a timer: it comes when no promise is left to be settled.
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  return {
    now: () => now as EpochMs,
    schedule(ms, run) {
      const timer = { at: now + Math.max(0, ms), order: order++, run };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    async pass(ms) {
      const until = now + ms;
      await settle();
      for (;;) {
        let next: (typeof timers)[number] | undefined;
        for (const timer of timers)
          if (timer.at <= until && (next === undefined || timer.at < next.at || (timer.at === next.at && timer.order < next.order)))
            next = timer;
        if (next === undefined) break;
        const due = next;
        timers = timers.filter((timer) => timer !== due);
        now = Math.max(now, due.at);
        due.run();
        await settle();
      }
      now = until;
    },
    settle,
  };
}

/** Numbers in [0, 1) that depend on the seed only (mulberry32). */
export function seededChance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
