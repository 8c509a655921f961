/**
 * Arrivals on a clock of their own: a slow server does not slow down who comes
 * next, and a latency counts from the instant an arrival was due. A closed loop,
 * where everyone waits for an answer before the next is sent, hides exactly the
 * moments that matter.
 */

/** `even`: equal gaps. `poisson`: independent arrivals, as a crowd's are. */
export type Arrivals = 'even' | 'poisson';

export interface OpenLoop {
  readonly ratePerSecond: number;
  readonly total: number;
  readonly arrivals?: Arrivals;
  /** Called for arrival `index` as soon as it is due; `dueAt` on performance.now()'s clock. */
  readonly arrive: (index: number, dueAt: number) => void;
  /** Asked before each tick: true ends the loop early. */
  readonly stopped?: () => boolean;
}

/** Ends when the last arrival was made (not when it was answered); the number of arrivals. */
export function runOpenLoop(loop: OpenLoop): Promise<number> {
  const { ratePerSecond, total, arrivals = 'even', arrive, stopped = () => false } = loop;
  if (!(ratePerSecond > 0 && total >= 0)) throw new Error(`rate ${ratePerSecond} and total ${total} must be positive`);
  const meanGapMs = 1000 / ratePerSecond;
  const start = performance.now() + 5;
  let due = start;
  let index = 0;
  return new Promise((resolve, reject) => {
    function tick(): void {
      try {
        const now = performance.now();
        while (index < total && due <= now) {
          arrive(index++, due);
          // Even arrivals are computed from the start, so that rounding does not add up.
          due = arrivals === 'even' ? start + index * meanGapMs : due - Math.log(1 - Math.random()) * meanGapMs;
        }
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
        return;
      }
      if (index >= total || stopped()) resolve(index);
      else setTimeout(tick, 1);
    }
    tick();
  });
}
