/** One try of a rate, as the program that made it judges it. */
export interface Try {
  /** What was asked for, per second. */
  readonly rate: number;
  /** It counts: the highest such rate is the figure. */
  readonly good: boolean;
  /** Higher rates are worth trying. */
  readonly borne: boolean;
}

/** A rate that is not good is tried once again: a neighbour may have been busy. */
const triesMax = 2;
/** The lowest rate can be worse than a higher one, at which requests share their way: so many from the foot need not be borne. */
const footRates = 1;

/**
 * Climbs the rates while they are borne. Then halves the gap between the highest that is good and the next one tried, so
 * that the figure does not jump by a whole rung from run to run. Returns every try, by rate and in the order they were made.
 */
export async function climb<T extends Try>(
  rates: readonly number[],
  halvings: number,
  attempt: (rate: number) => Promise<T>,
): Promise<readonly T[]> {
  const tries: T[] = [];

  /** Whether it was borne at least once. */
  async function tryRate(rate: number): Promise<boolean> {
    let borne = false;
    for (let made = 0; made < triesMax; made += 1) {
      const one = await attempt(rate);
      tries.push(one);
      borne ||= one.borne;
      if (one.good) break;
    }
    return borne;
  }

  for (const [at, rate] of rates.entries()) if (!(await tryRate(rate)) && at >= footRates) break;
  for (let halving = 0; halving < halvings; halving += 1) {
    const low = highestGood(tries)?.rate;
    const above = tries.map(({ rate }) => rate).filter((rate) => low !== undefined && rate > low);
    if (low === undefined || above.length === 0) break;
    await tryRate(Math.round((low + Math.min(...above)) / 2));
  }
  return tries.toSorted((one, other) => one.rate - other.rate);
}

/** Null: none was. */
export function highestGood<T extends Try>(tries: readonly T[]): T | null {
  return tries.reduce<T | null>((best, one) => (one.good && one.rate >= (best?.rate ?? 0) ? one : best), null);
}
