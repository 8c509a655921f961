import { createBreaker } from './breaker.ts';

/** A breaker whose pauses are run by hand and whose gateway answers the question as told. */
function scene(answered: boolean[]) {
  const pauses: number[] = [];
  let then: (() => void) | null = null;
  const told: string[] = [];
  const breaker = createBreaker({
    failuresMax: 3,
    answers: () => Promise.resolve(answered.shift() ?? true),
    onOpened: () => told.push('opened'),
    onClosed: () => told.push('closed'),
    schedule(ms, next) {
      pauses.push(ms);
      then = next;
      return () => (then = null);
    },
  });
  const passPause = async (): Promise<void> => {
    then?.();
    await new Promise(setImmediate);
  };
  return { breaker, pauses, told, passPause };
}

const CASES: { name: string; outcomes: Parameters<ReturnType<typeof createBreaker>['observe']>[0][]; closed: boolean }[] = [
  { name: 'two failures', outcomes: ['network', 'timeout'], closed: true },
  { name: 'three failures in a row', outcomes: ['network', 'timeout', 'unavailable'], closed: false },
  { name: 'an answer between', outcomes: ['network', 'network', null, 'network', 'network'], closed: true },
  { name: 'a 500 between, which is an answer', outcomes: ['network', 'network', 'server_error', 'network'], closed: true },
  { name: 'only 429 and 500', outcomes: ['rate_limited', 'server_error', 'rate_limited', 'server_error'], closed: true },
];

test.each(CASES)('$name: closed $closed', ({ outcomes, closed }) => {
  const { breaker } = scene([]);
  for (const outcome of outcomes) breaker.observe(outcome);
  expect(breaker.closed()).toBe(closed);
});

test('while open it asks after growing pauses, and closes with the first answer', async () => {
  const { breaker, pauses, told, passPause } = scene([false, false, false, false, false, false, true]);
  for (let n = 0; n < 9; n++) breaker.observe('network');
  for (let n = 0; n < 7; n++) {
    expect(breaker.closed()).toBe(false);
    await passPause();
  }
  expect(breaker.closed()).toBe(true);
  expect(pauses).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
  expect(told).toEqual(['opened', 'closed']);
  breaker.observe('network');
  expect(breaker.closed()).toBe(true);
});

test('once stopped it asks no more', async () => {
  const { breaker, told, passPause } = scene([true]);
  for (let n = 0; n < 3; n++) breaker.observe('timeout');
  breaker.stop();
  await passPause();
  expect(told).toEqual(['opened']);
});
