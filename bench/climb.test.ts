import { climb, highestGood } from './climb.ts';

const rungs = [1_000, 2_000, 3_000, 4_000, 5_000];

/** Good up to a rate, borne up to another one, both from a lowest one on; `unlucky` are good only when tried again. */
async function climbed(goodTo: number, borneTo: number, unlucky: readonly number[] = [], halvings = 2, from = 0) {
  const asked: number[] = [];
  const tries = await climb(rungs, halvings, (rate) => {
    const isUnlucky = unlucky.includes(rate) && !asked.includes(rate);
    asked.push(rate);
    const inRange = (one: number, to: number): boolean => one >= from && one <= to && !isUnlucky;
    return Promise.resolve({ rate, good: inRange(rate, goodTo), borne: inRange(rate, borneTo) });
  });
  return { asked, best: highestGood(tries)?.rate ?? null, rates: tries.map(({ rate }) => rate) };
}

describe('climbing rates', () => {
  it.each<[string, Parameters<typeof climbed>, number | null, number[]]>([
    ['all good', [9_000, 9_000], 5_000, rungs],
    ['none good', [0, 0], null, [1_000, 1_000, 2_000, 2_000]],
    ['the lowest rate not borne', [2_000, 2_000, [], 0, 2_000], 2_000, [1_000, 1_000, 2_000, 3_000, 3_000]],
    ['the two lowest not borne', [3_000, 3_000, [], 0, 3_000], null, [1_000, 1_000, 2_000, 2_000]],
    ['none good, some borne', [0, 1_500], null, [1_000, 1_000, 2_000, 2_000]],
    ['an end between two rungs', [2_600, 2_600], 2_500, [1_000, 2_000, 3_000, 3_000, 2_500, 2_750, 2_750]],
    ['an end right below a rung', [2_990, 2_990], 2_750, [1_000, 2_000, 3_000, 3_000, 2_500, 2_750]],
    ['borne further than good', [1_000, 2_500], 1_000, [1_000, 2_000, 2_000, 3_000, 3_000, 1_500, 1_500, 1_250, 1_250]],
    ['a neighbour once', [2_000, 2_000, [2_000], 0], 2_000, [1_000, 2_000, 2_000, 3_000, 3_000]],
  ])('with %s', async (_, given, best, asked) => {
    const seen = await climbed(...given);
    expect(seen.asked).toEqual(asked);
    expect(seen.best).toBe(best);
    expect(seen.rates).toEqual(asked.toSorted((one, other) => one - other));
  });
});
