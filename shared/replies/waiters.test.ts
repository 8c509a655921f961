import { createWaiters } from './waiters.ts';

function bench(waitersMax = 10) {
  let now = 1_000;
  let sweep: (() => void) | null = null;
  const waiters = createWaiters<string>(waitersMax, 10, {
    now: () => now,
    every: (_, work) => {
      sweep = work;
      return () => {
        sweep = null;
      };
    },
  });
  const heard: string[] = [];
  const wait = (name: string, ms: number): void => void waiters.wait(name, ms).then((value) => heard.push(`${name}=${value}`));
  const pass = async (ms: number): Promise<void> => {
    for (const end = now + ms; now < end;) {
      now += 1;
      if (now % 10 === 0) sweep?.();
    }
    await Promise.resolve();
    await Promise.resolve();
  };
  return { waiters, wait, pass, heard, sweeping: () => sweep !== null };
}

it('answers everyone who waits for the name, once', async () => {
  const { waiters, wait, pass, heard } = bench();
  wait('a', 100);
  wait('a', 200);
  wait('b', 100);
  expect(waiters.answer('a', 'yes')).toBe(2);
  expect(waiters.answer('a', 'again')).toBe(0);
  await pass(300);
  expect(heard).toEqual(['a=yes', 'a=yes', 'b=null']);
  expect(waiters.waiting()).toBe(0);
});

it.each([0, 1, 9, 10, 11, 95])('lets one who waits %i ms go within a tick of it, and not before', async (ms) => {
  const { wait, pass, heard } = bench();
  await pass(3);
  wait('a', ms);
  if (ms > 0) await pass(ms - 1);
  expect(heard).toEqual([]);
  await pass(21);
  expect(heard).toEqual(['a=null']);
});

it('keeps the others of a name when the time of one runs out', async () => {
  const { waiters, wait, pass, heard } = bench();
  wait('a', 10);
  wait('a', 500);
  await pass(100);
  expect(heard).toEqual(['a=null']);
  expect(waiters.answer('a', 'yes')).toBe(1);
});

it('lets in no more than may wait, and again when some have gone', async () => {
  const { waiters, wait, pass, heard } = bench(1);
  wait('a', 100);
  wait('b', 100);
  await pass(1);
  expect([heard, waiters.refused()]).toEqual([['b=null'], 1]);
  waiters.answer('a', 'yes');
  wait('c', 100);
  expect([waiters.refused(), waiters.waiting()]).toEqual([1, 1]);
});

it('sweeps only while someone may be waiting', async () => {
  const { wait, pass, sweeping } = bench();
  expect(sweeping()).toBe(false);
  wait('a', 20);
  expect(sweeping()).toBe(true);
  await pass(50);
  expect(sweeping()).toBe(false);
});

it('lets everyone go when it closes', async () => {
  const { waiters, wait, pass, heard, sweeping } = bench();
  wait('a', 1_000);
  waiters.close();
  await pass(1);
  expect([heard, sweeping(), waiters.waiting()]).toEqual([['a=null'], false, 0]);
});
