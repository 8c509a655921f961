import fc from 'fast-check';
import { lorenzCurve, shareFigures } from './shares.ts';
import { stableOrder } from './stable-order.ts';
import { createTimeline } from './timeline.ts';
import { createWaits } from './waits.ts';

test.each([
  ['nothing', [], []],
  ['one', [5], [0]],
  ['equal ones as they stand', [3, 1, 3, 1, 3], [1, 3, 0, 2, 4]],
  ['one digit', [65_535, 0, 1], [1, 2, 0]],
  ['two digits', [65_536, 65_535, 131_072, 0], [3, 1, 0, 2]],
  ['three digits', [2 ** 32, 2 ** 33, 1, 2 ** 32 - 1], [2, 3, 0, 1]],
  ['times', [1_795_000_000_002, 1_795_000_000_000, 1_795_000_000_001], [1, 2, 0]],
])('order: %s', (_, values, expected) => {
  expect([...stableOrder(Float64Array.from(values))]).toEqual(expected);
});

test('order: as a comparator would have it', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.nat({ max: 5 }),
          fc.nat({ max: 200_000 }),
          fc.maxSafeNat().map((n) => n % 2 ** 47),
        ),
      ),
      (values) => {
        const expected = values.map((_, index) => index).sort((a, b) => values[a]! - values[b]! || a - b);
        expect([...stableOrder(Float64Array.from(values))]).toEqual(expected);
      },
    ),
  );
});

test('waits: by nearest rank, exact to 100 s, above to a thousandth; the longest is always exact', () => {
  const waits = createWaits();
  for (let ms = 1; ms <= 100; ms++) waits.take('held', null, ms);
  waits.take('refused', 'sold_out', 123_456);
  waits.take('refused', 'sold_out', 9_876_543);
  expect(waits.figures().waits).toEqual([
    { outcome: 'held', reason: null, count: 100, p50Ms: 50, p95Ms: 95, p99Ms: 99, maxMs: 100 },
    { outcome: 'refused', reason: 'sold_out', count: 2, p50Ms: 123_400, p95Ms: 9_876_543, p99Ms: 9_876_543, maxMs: 9_876_543 },
  ]);
  const [held] = waits.curves();
  expect([held!.percentilesMs.length, held!.percentilesMs[0], held!.percentilesMs[10], held!.percentilesMs[100]]).toEqual([
    101, 1, 10, 100,
  ]);
});

test('timeline: what stood at the end of each step, the newest always, never more than a thousand', () => {
  const few = createTimeline();
  for (const [at, held] of [
    [5, 1],
    [5, 2],
    [9, 3],
  ] as const)
    few.take({ at, held, sold: 0, available: 0 });
  expect(few.points().map(({ at, held }) => [at, held])).toEqual([
    [5, 2],
    [9, 3],
  ]);
  const many = createTimeline();
  for (let at = 0; at < 100_000; at++) many.take({ at, held: at, sold: 0, available: 0 });
  const points = many.points();
  expect(points.length).toBeGreaterThan(500);
  expect(points.length).toBeLessThanOrEqual(1_000);
  expect(points.at(-1)).toEqual({ at: 99_999, held: 99_999, sold: 0, available: 0 });
  const steps = new Set(points.slice(1, -1).map(({ at }, index) => at - points[index]!.at));
  expect(steps.size).toBe(1);
});

test.each([
  ['nobody asked', [], 0, { usersAsked: 0, units: 0, topPercentShare: null, gini: null, giniOfAsked: null, servedInFullShare: null }],
  ['nobody has any', [0, 0], 0, { usersAsked: 2, usersWithUnits: 0, units: 0, gini: null, servedInFullShare: 0 }],
  ['all the same', [2, 2, 2], 3, { usersWithUnits: 3, units: 6, topPercentUsers: 1, topPercentUnits: 2, gini: 0, giniOfAsked: 0 }],
  // One of two has all.
  ['one has all', [0, 7], 1, { usersWithUnits: 1, topUserUnits: 7, topPercentShare: 1, gini: 0, giniOfAsked: 0.5, servedInFullShare: 0.5 }],
])('shares: %s', (_, units, inFull, expected) => {
  expect(shareFigures(Int32Array.from(units), inFull)).toMatchObject(expected);
});

test('shares: the top hundredth is rounded up', () => {
  const figures = shareFigures(
    Int32Array.from({ length: 150 }, (_, index) => (index < 2 ? 10 : 1)),
    150,
  );
  expect(figures).toMatchObject({ topPercentUsers: 2, topPercentUnits: 20, units: 168 });
});

test.each([
  ['nothing', [0], []],
  [
    'zeros are no users with units',
    [0, 1, 3],
    [
      [0, 0],
      [0.5, 0.25],
      [1, 1],
    ],
  ],
])('Lorenz curve: %s', (_, units, expected) => {
  expect(lorenzCurve(Int32Array.from(units)).map((point) => [point.users, point.units])).toEqual(expected);
});
