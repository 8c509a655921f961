import { nextAttempt, RETRY_POLICY } from './backoff.ts';

const bounds: [tries: number, boundMs: number | null][] = [
  [1, 1_000],
  [2, 2_000],
  [3, 4_000],
  [4, 8_000],
  [5, 16_000],
  [6, 32_000],
  [7, 64_000],
  [8, 128_000],
  [9, 256_000],
  [10, null],
  [11, null],
];

test.each(bounds)('after try %d the wait is at most %p ms, and anything from nothing up', (tries, boundMs) => {
  expect(nextAttempt(tries, 1)).toBe(boundMs);
  expect(nextAttempt(tries, 0)).toBe(boundMs === null ? null : 0);
  expect(nextAttempt(tries, 0.5)).toBe(boundMs === null ? null : boundMs / 2);
});

test('no wait is longer than ten minutes', () => {
  const policy = { ...RETRY_POLICY, triesMax: 100 };
  expect(nextAttempt(10, 1, policy)).toBe(512_000);
  expect(nextAttempt(11, 1, policy)).toBe(600_000);
  expect(nextAttempt(99, 1, policy)).toBe(600_000);
});
