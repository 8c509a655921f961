import { createRateLimit } from './rate-limit.ts';

afterEach(() => {
  jest.useRealTimers();
});

test('a user has so many requests in a window, others are not touched', () => {
  jest.useFakeTimers();
  const limit = createRateLimit({ requestsMax: 3, windowSeconds: 10 });
  for (let i = 0; i < 3; i++) expect(limit('ann')).toBeNull();
  expect(limit('ann')).toMatchObject({
    code: 'rate_limited',
    headers: { 'retry-after': '10', 'ratelimit-policy': '"user";q=3;w=10', ratelimit: '"user";r=0;t=10' },
  });
  expect(limit('bob')).toBeNull();
  jest.advanceTimersByTime(10_001);
  expect(limit('ann')).toBeNull();
});

test('users beyond the bound share counters instead of memory', () => {
  jest.useFakeTimers();
  const limit = createRateLimit({ requestsMax: 1, windowSeconds: 10, usersMax: 10 });
  let passed = 0;
  for (let i = 0; i < 10_000; i++) if (limit(`user-${i}`) === null) passed += 1;
  // Ten have their own counter; the others find one of 4,096, each with room for one request.
  expect(passed).toBeGreaterThan(10);
  expect(passed).toBeLessThanOrEqual(10 + 4_096);
});
