import type { UserRef } from '#schemas/ids.ts';
import type { BuyerRow } from '#shared/ledger/edge-records.ts';
import { createNoteBuyer } from './buyers.ts';
import { createRecentlySeen } from './recently-seen.ts';

const ref = (n: number) => `00000000-0000-8000-8000-${String(n).padStart(12, '0')}` as UserRef;

function stage(roomFor = 100) {
  const rows: BuyerRow[] = [];
  const seen = createRecentlySeen(4);
  const behind = { admits: () => rows.length < roomFor, add: (row: BuyerRow) => rows.push(row) };
  const note = createNoteBuyer({ behind, seen, now: () => 7 });
  return {
    rows,
    seen,
    empty: () => rows.splice(0),
    async put(n: number, placed: Promise<unknown> = Promise.resolve()): Promise<void> {
      note({ userId: `user ${n}`, ref: ref(n) }, placed);
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

test.each<[string, number[], number[]]>([
  ['one', [1], [1]],
  ['the same again', [1, 1, 1], [1]],
  ['others', [1, 2, 1, 2], [1, 2]],
  ['somebody who was there many buyers ago', [1, 2, 3, 4, 5, 1], [1, 2, 3, 4, 5, 1]],
])('%s', async (_name, buyers, noted) => {
  const { put, rows } = stage();
  for (const buyer of buyers) await put(buyer);
  expect(rows).toEqual(noted.map((n) => ({ userRef: ref(n), userId: `user ${n}`, firstSeenMs: 7 })));
});

test('two requests on their way at once are noted once', async () => {
  const { put, rows } = stage();
  const placed = Promise.withResolvers<null>();
  await put(1, placed.promise);
  await put(1, placed.promise);
  expect(rows).toEqual([]);
  placed.resolve(null);
  await new Promise((resolve) => setImmediate(resolve));
  expect(rows).toHaveLength(1);
});

test('whose request did not get into the line is not noted, and is once one does', async () => {
  const { put, rows } = stage();
  await put(1, Promise.reject(new Error('Kafka is away')));
  expect(rows).toEqual([]);
  await put(1);
  expect(rows).toHaveLength(1);
});

test('who found no room is noted at the next request', async () => {
  const { put, rows, empty } = stage(1);
  await put(1);
  await put(2);
  expect(rows).toHaveLength(1);
  empty();
  await put(2);
  expect(rows.map(({ userRef }) => userRef)).toEqual([ref(2)]);
});

test('what is remembered is bounded', async () => {
  const { put, seen } = stage(1_000);
  for (let n = 0; n < 100; n += 1) await put(n);
  expect(seen.size()).toBeLessThanOrEqual(4);
});
