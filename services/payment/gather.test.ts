import { gather } from './gather.ts';

test('a lone item goes at once, what comes meanwhile goes together, in bounded calls', async () => {
  const calls: number[][] = [];
  const releases: (() => void)[] = [];
  const double = gather<number, number>(3, async (items) => {
    calls.push([...items]);
    await new Promise<void>((resolve) => releases.push(resolve));
    return items.map((item) => item * 2);
  });
  const results = [double(1)];
  await new Promise(setImmediate);
  expect(calls).toEqual([[1]]);
  for (let item = 2; item <= 6; item++) results.push(double(item));
  for (let n = 0; n < 3; n++) {
    releases[n]?.();
    await new Promise(setImmediate);
  }
  expect(await Promise.all(results)).toEqual([2, 4, 6, 8, 10, 12]);
  expect(calls).toEqual([[1], [2, 3, 4], [5, 6]]);
});

test('a failed call fails its own items only', async () => {
  const run = gather<string, string>(1, (items) => (items[0] === 'bad' ? Promise.reject(new Error('no')) : Promise.resolve(items)));
  const outcomes = await Promise.allSettled([run('good'), run('bad'), run('fine')]);
  expect(outcomes.map((outcome) => outcome.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});

test('others may be given time to join', async () => {
  let begin = (): void => undefined;
  const calls: number[] = [];
  const count = gather<number, number>(
    10,
    (items) => (calls.push(items.length), Promise.resolve(items)),
    () => new Promise<void>((resolve) => (begin = resolve)),
  );
  const results = [count(1)];
  await new Promise(setImmediate);
  results.push(count(2));
  expect(calls).toEqual([]);
  begin();
  expect(await Promise.all(results)).toEqual([1, 2]);
  expect(calls).toEqual([2]);
});
