import type { ReservationRefusal } from '#schemas/event.ts';

/**
 * What became of a request for a reservation. `waitlisted_offered` and
 * `waitlisted_turned_away` are those of the `waitlisted` to whom that happened later.
 */
export type Outcome = 'held' | 'partly_held' | 'waitlisted' | 'waitlisted_offered' | 'waitlisted_turned_away' | 'refused';

/**
 * How long requests of one outcome waited, from `accepted_at`, stamped when the edge took
 * the request in, to `at`, the logical time of the decision that made the outcome: for
 * `waitlisted` the decision to let them wait, for `waitlisted_offered` the offer, for
 * `waitlisted_turned_away` the end of the wait.
 */
export interface WaitFigures {
  readonly outcome: Outcome;
  /** Why, where it was refused. */
  readonly reason: ReservationRefusal | null;
  readonly count: number;
  /** The shortest wait that at least half of them did not exceed (nearest rank). */
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** The wait that each hundredth of the requests of one outcome did not exceed, the shortest first. */
export interface WaitCurve {
  readonly outcome: Outcome;
  readonly reason: ReservationRefusal | null;
  readonly percentilesMs: readonly number[];
}

/** Up to here each wait is counted by itself, above in steps of less than a thousandth of it: memory is bounded whatever comes. */
const exactMsMax = 100_000;
const significantSteps = 1_000;

export interface Waits {
  /** A negative wait, which clocks that differ can make, counts as 0 and among `negative`. */
  readonly take: (outcome: Outcome, reason: ReservationRefusal | null, waitMs: number) => void;
  readonly figures: () => { readonly waits: readonly WaitFigures[]; readonly negative: number };
  readonly curves: () => readonly WaitCurve[];
}

interface Counted {
  readonly outcome: Outcome;
  readonly reason: ReservationRefusal | null;
  readonly counts: Map<number, number>;
  count: number;
  maxMs: number;
}

const OUTCOMES: readonly Outcome[] = ['held', 'partly_held', 'waitlisted', 'waitlisted_offered', 'waitlisted_turned_away', 'refused'];

export function createWaits(): Waits {
  const classes = new Map<string, Counted>();
  let negative = 0;
  const ordered = (): Counted[] =>
    [...classes.values()].sort((a, b) => OUTCOMES.indexOf(a.outcome) - OUTCOMES.indexOf(b.outcome) || b.count - a.count);
  return {
    take(outcome, reason, waitMs) {
      if (waitMs < 0) negative += 1;
      const key = reason === null ? outcome : `${outcome} ${reason}`;
      let counted = classes.get(key);
      if (counted === undefined) classes.set(key, (counted = { outcome, reason, counts: new Map(), count: 0, maxMs: 0 }));
      const wait = Math.max(0, waitMs);
      const bin = binOf(wait);
      counted.counts.set(bin, (counted.counts.get(bin) ?? 0) + 1);
      counted.count += 1;
      counted.maxMs = Math.max(counted.maxMs, wait);
    },
    figures: () => ({
      waits: ordered().map((counted) => {
        const [p50Ms, p95Ms, p99Ms] = quantiles(counted, [0.5, 0.95, 0.99]);
        const { outcome, reason, count, maxMs } = counted;
        return { outcome, reason, count, p50Ms: p50Ms!, p95Ms: p95Ms!, p99Ms: p99Ms!, maxMs };
      }),
      negative,
    }),
    curves: () =>
      ordered().map((counted) => ({
        outcome: counted.outcome,
        reason: counted.reason,
        percentilesMs: quantiles(
          counted,
          Array.from({ length: 101 }, (_, percent) => percent / 100),
        ),
      })),
  };
}

function binOf(ms: number): number {
  if (ms <= exactMsMax) return ms;
  const step = 10 ** Math.floor(Math.log10(ms / significantSteps));
  return Math.floor(ms / step) * step;
}

/** By nearest rank: the smallest value that at least the share of all does not exceed. Shares ascend. */
function quantiles({ counts, count, maxMs }: Counted, shares: readonly number[]): number[] {
  const bins = [...counts].sort(([a], [b]) => a - b);
  let at = 0;
  let through = bins[0]![1];
  return shares.map((share) => {
    const rank = Math.max(1, Math.ceil(share * count));
    while (through < rank) through += bins[++at]![1];
    return rank === count ? maxMs : bins[at]![0];
  });
}
