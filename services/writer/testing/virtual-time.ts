import type { EpochMs } from '#schemas/ids.ts';

/** Time that stands still until a test moves it. */
export interface VirtualTime {
  readonly now: () => EpochMs;
  readonly schedule: (ms: number, run: () => void) => () => void;
  /** Moves on by `ms`, running what falls due in order; everything that follows from one timer happens before the next. */
  readonly pass: (ms: number) => Promise<void>;
  /** Lets everything happen that waits for nothing. */
  readonly settle: () => Promise<void>;
}

interface Timer {
  readonly at: number;
  /** Timers of one moment run in the order in which they were set. */
  readonly order: number;
  run: (() => void) | null;
}

export function createVirtualTime(startMs: number): VirtualTime {
  let now = startMs;
  let order = 0;
  /** A binary heap: the next one to run comes first. */
  const timers: Timer[] = [];
  // A turn of the event loop, not a timer: it comes when no promise is left to be settled.
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  return {
    now: () => now as EpochMs,
    schedule(ms, run) {
      const timer: Timer = { at: now + Math.max(0, ms), order: order++, run };
      push(timers, timer);
      return () => {
        timer.run = null;
      };
    },
    async pass(ms) {
      const until = now + ms;
      await settle();
      for (let next = timers[0]; next !== undefined && next.at <= until; next = timers[0]) {
        pop(timers);
        const { run } = next;
        if (run === null) continue;
        next.run = null;
        now = Math.max(now, next.at);
        run();
        await settle();
      }
      now = until;
    },
    settle,
  };
}

const isBefore = (a: Timer, b: Timer): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

function push(heap: Timer[], timer: Timer): void {
  let place = heap.length;
  while (place > 0) {
    const parent = heap[(place - 1) >> 1]!;
    if (!isBefore(timer, parent)) break;
    heap[place] = parent;
    place = (place - 1) >> 1;
  }
  heap[place] = timer;
}

function pop(heap: Timer[]): void {
  const last = heap.pop()!;
  if (heap.length === 0) return;
  let place = 0;
  for (let child = 1; child < heap.length; child = place * 2 + 1) {
    if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
    if (!isBefore(heap[child]!, last)) break;
    heap[place] = heap[child]!;
    place = child;
  }
  heap[place] = last;
}
