import { createChangeWaiter } from './await-change.ts';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

/** Values that are read, changed by the test; whether one is settled is its sign. */
function setUp() {
  const values = new Map<string, number>();
  const reads: (readonly string[])[] = [];
  const announce = new Map<string, (changed: boolean) => void>();
  const state = { away: false, faults: 0 };
  const waiter = createChangeWaiter<number>({
    async read(ids) {
      reads.push(ids);
      if (state.away) throw new Error('away');
      return new Map([...values].filter(([id]) => ids.includes(id)));
    },
    settled: (value) => value > 0,
    announced: (id) => new Promise((resolve) => announce.set(id, resolve)),
    onFault: () => (state.faults += 1),
  });
  return { values, reads, announce, state, waiter };
}

test('ends when it is settled; all that wait are read in one query', async () => {
  const { values, reads, waiter } = setUp();
  const waits = [waiter.until('a', Date.now() + 5_000), waiter.until('a', Date.now() + 5_000), waiter.until('b', Date.now() + 5_000)];
  values.set('a', 1).set('b', 2);
  await jest.advanceTimersByTimeAsync(50);
  expect(await Promise.all(waits)).toEqual([1, 1, 2]);
  expect(reads).toEqual([['a', 'b']]);
  expect(waiter.waiting()).toBe(0);
});

test('ends at its deadline with the newest that was read, null where there is nothing', async () => {
  const { values, waiter } = setUp();
  values.set('a', -1);
  const waits = [waiter.until('a', Date.now() + 1_000), waiter.until('b', Date.now() + 1_000)];
  await jest.advanceTimersByTimeAsync(1_100);
  expect(await Promise.all(waits)).toEqual([-1, null]);
  expect(await waiter.until('a', Date.now())).toBeNull();
});

test('an announced change is read at once, others less and less often', async () => {
  const { values, reads, announce, waiter } = setUp();
  const wait = waiter.until('a', Date.now() + 60_000);
  await jest.advanceTimersByTimeAsync(20_000);
  expect(reads.length).toBeLessThan(40);
  values.set('a', 7);
  const before = reads.length;
  announce.get('a')!(true);
  await jest.advanceTimersByTimeAsync(0);
  expect(await wait).toBe(7);
  expect(reads.length).toBe(before + 1);
});

test('changes that are announced together, or during a read, are read together', async () => {
  const { values, reads, announce, waiter } = setUp();
  const ids = ['a', 'b', 'c'];
  const waits = ids.map((id) => waiter.until(id, Date.now() + 60_000));
  await jest.advanceTimersByTimeAsync(20_000);
  reads.length = 0;
  for (const id of ids) values.set(id, 1);
  announce.get('a')!(true);
  announce.get('b')!(true);
  await Promise.resolve();
  announce.get('c')!(true);
  await jest.advanceTimersByTimeAsync(0);
  expect(await Promise.all(waits)).toEqual([1, 1, 1]);
  expect(reads.flat()).toEqual(ids);
  expect(reads.length).toBeLessThan(3);
});

test('a read that fails is tried again; a stop ends every wait', async () => {
  const { state, values, waiter } = setUp();
  state.away = true;
  const wait = waiter.until('a', Date.now() + 5_000);
  await jest.advanceTimersByTimeAsync(500);
  expect(state.faults).toBeGreaterThan(1);
  state.away = false;
  values.set('a', 3);
  await jest.advanceTimersByTimeAsync(1_100);
  expect(await wait).toBe(3);
  const stopped = waiter.until('b', Date.now() + 5_000);
  waiter.stop();
  expect(await stopped).toBeNull();
});
