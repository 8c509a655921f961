import { RetryableFault } from '#shared/faults/faults.ts';
import { createWriteBehind, type DropReason } from './write-behind.ts';

const away = () => new RetryableFault('ledger_unreachable', 'PostgreSQL is away');
const limits = { everyMs: 1_000, rowsAtOnceMax: 3, statementsABeatMax: 2, rowsWaitingMax: 8 };

/** A database that answers as it is told to, statement by statement; where nothing is said it takes the rows. */
function stage(answers: (() => Promise<unknown>)[] = []) {
  const written: number[][] = [];
  const dropped: [number, DropReason][] = [];
  const faults: unknown[] = [];
  let beat: () => void = () => undefined;
  let beating = true;
  const behind = createWriteBehind<number>({
    limits,
    write: async (rows) => {
      await (answers.shift() ?? (() => Promise.resolve()))();
      written.push([...rows]);
    },
    onWritten: () => undefined,
    onDropped: (rows, why) => dropped.push([rows, why]),
    onFault: (error) => faults.push(error),
    every: (_ms, work) => {
      beat = work;
      return () => (beating = false);
    },
  });
  let next = 0;
  return {
    behind,
    written,
    dropped,
    faults,
    isBeating: () => beating,
    add(rows: number): void {
      for (let n = 0; n < rows; n += 1) if (behind.admits()) behind.add((next += 1));
    },
    async beat(): Promise<void> {
      beat();
      await settled();
    },
  };
}
/** After everything that is not held back. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 2));

test('a row waits for the beat; nothing waits: nothing is asked', async () => {
  const { add, beat, written, behind } = stage();
  add(2);
  await settled();
  expect([written, behind.waiting()]).toEqual([[], 2]);
  await beat();
  expect([written, behind.waiting()]).toEqual([[[1, 2]], 0]);
  await beat();
  expect(written).toHaveLength(1);
});

test('a full statement does not wait for the beat', async () => {
  const { add, written, behind } = stage();
  add(4);
  await settled();
  expect([written, behind.waiting()]).toEqual([[[1, 2, 3]], 1]);
});

test('no more statements than one beat allows', async () => {
  const { add, beat, written, behind } = stage();
  add(8);
  await settled();
  expect([written, behind.waiting()]).toEqual([
    [
      [1, 2, 3],
      [4, 5, 6],
    ],
    2,
  ]);
  add(6);
  await settled();
  expect(written).toHaveLength(2);
  await beat();
  expect(written.slice(2)).toEqual([
    [7, 8, 9],
    [10, 11, 12],
  ]);
});

test('one statement at a time', async () => {
  const first = Promise.withResolvers<null>();
  const { add, beat, written } = stage([() => first.promise]);
  add(1);
  await beat();
  add(1);
  await beat();
  expect(written).toEqual([]);
  first.resolve(null);
  await settled();
  expect(written).toEqual([[1]]);
  await beat();
  expect(written).toEqual([[1], [2]]);
});

test.each<[string, number, number, [number, DropReason][]]>([
  ['what fits', 8, 8, []],
  ['one row more', 9, 8, [[1, 'full']]],
  ['many more', 12, 8, Array.from({ length: 4 }, (): [number, DropReason] => [1, 'full'])],
])('while the database is away: %s', async (_name, rows, waiting, drops) => {
  const { add, beat, dropped, behind, faults, written } = stage([away, away].map((fault) => () => Promise.reject(fault())));
  add(rows);
  await beat();
  expect([behind.waiting(), dropped, written]).toEqual([waiting, drops, []]);
  expect(faults.length).toBeGreaterThan(0);
  await beat();
  await beat();
  await beat();
  expect(written.flat()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
});

test('rows that the database does not take are let go, those behind them are written', async () => {
  const { add, beat, dropped, faults, written } = stage([() => Promise.reject(new Error('violates check constraint'))]);
  add(5);
  await settled();
  await beat();
  expect([dropped, faults.length, written]).toEqual([[[3, 'refused']], 1, [[4, 5]]]);
});

test.each<[string, (() => Promise<unknown>)[], number[][], [number, DropReason][]]>([
  ['everything', [], [[1, 2]], []],
  ['nothing, where the database is away', [() => Promise.reject(away())], [], [[2, 'stopped']]],
  ['nothing, where it hangs', [() => new Promise(() => undefined)], [], [[2, 'stopped']]],
])('at the end it writes %s', async (_name, answers, written, dropped) => {
  const on = stage(answers);
  on.add(2);
  await on.behind.close(20);
  expect([on.written, on.dropped, on.isBeating()]).toEqual([written, dropped, false]);
  expect(on.behind.admits()).toBe(false);
  expect(on.dropped.at(-1)).toEqual([1, 'stopped']);
});

test('at the end the allowance of a beat does not count', async () => {
  const { add, written, behind, dropped } = stage();
  add(8);
  await settled();
  await behind.close(100);
  expect([written.flat().length, dropped]).toEqual([8, []]);
});
