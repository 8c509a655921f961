import { coalesce, processBeat } from './coalesce.ts';

test('what is asked for in one turn is loaded together, what comes meanwhile in the next load', async () => {
  const loads: (readonly string[])[] = [];
  const releases: (() => void)[] = [];
  const one = coalesce<string, string>(
    async (keys) => {
      loads.push(keys);
      await new Promise<void>((resolve) => releases.push(resolve));
      return new Map(keys.filter((key) => key !== 'none').map((key) => [key, key.toUpperCase()]));
    },
    (key) => key,
  );
  const first = Promise.all([one('a'), one('b'), one('a'), one('none')]);
  await Promise.resolve();
  const second = one('c');
  await Promise.resolve();
  const third = Promise.all([one('d'), one('e')]);
  await Promise.resolve();
  expect(loads).toEqual([['a', 'b', 'a', 'none'], ['c']]);
  for (const release of releases.splice(0)) release();
  expect(await first).toEqual(['A', 'B', 'A', null]);
  expect(await second).toBe('C');
  for (const release of releases.splice(0)) release();
  expect(await third).toEqual(['D', 'E']);
  expect(loads.at(-1)).toEqual(['d', 'e']);
});

test('by a beat a lone call goes at once, and what follows on it goes together', async () => {
  const loads: (readonly number[])[] = [];
  const one = coalesce<number, number>(
    (keys) => {
      loads.push(keys);
      return Promise.resolve(new Map(keys.map((key) => [String(key), key])));
    },
    String,
    processBeat,
  );
  await one(1);
  const second = one(2);
  await new Promise(setImmediate);
  const third = one(3);
  expect(await Promise.all([second, third])).toEqual([2, 3]);
  expect(loads).toEqual([[1], [2, 3]]);
  await new Promise((resolve) => setTimeout(resolve, 30));
  const lone = one(4);
  await Promise.resolve();
  expect(loads.at(-1)).toEqual([4]);
  expect(await lone).toBe(4);
});

test('a load that fails fails those who asked, and only them', async () => {
  let fail = true;
  const one = coalesce<string, string>(
    async (keys) => {
      if (fail) throw new Error('away');
      return new Map(keys.map((key) => [key, key]));
    },
    (key) => key,
  );
  await expect(one('a')).rejects.toThrow('away');
  fail = false;
  expect(await one('a')).toBe('a');
});

test('a crowd is loaded in bounded parts, each key once', async () => {
  const sizes: number[] = [];
  const one = coalesce<number, number>(async (keys) => {
    sizes.push(keys.length);
    return new Map(keys.map((key) => [String(key), key * 2]));
  }, String);
  const all = await Promise.all(Array.from({ length: 1_200 }, (_, i) => one(i)));
  expect(all).toEqual(Array.from({ length: 1_200 }, (_, i) => i * 2));
  expect(Math.max(...sizes)).toBeLessThanOrEqual(500);
  expect(sizes.reduce((sum, size) => sum + size)).toBe(1_200);
});
