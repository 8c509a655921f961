import type { Fingerprint, Offset, Partition, SaleId, UserRef } from '#schemas/ids.ts';
import { createNotes202, type Note202, type NoteStore } from './answered-202.ts';

const note = (offset: number): Note202 => ({
  sale_id: 's' as SaleId,
  user: 'u' as UserRef,
  fingerprint: 'f' as Fingerprint,
  partition: 0 as Partition,
  offset: offset as Offset,
  accepted_at_ms: 1,
});

/** Redis in memory, with its status. */
function memoryStore() {
  const kept = new Map<string, string>();
  const ready: (() => void)[] = [];
  return {
    status: 'ready',
    kept,
    on: (_event: 'ready', listener: () => void) => ready.push(listener),
    comeBack(this: { status: string }) {
      this.status = 'ready';
      for (const listener of ready) listener();
    },
    get: async (key: string) => kept.get(key) ?? null,
    async set(key: string, value: string) {
      const before = kept.get(key) ?? null;
      if (before === null) kept.set(key, value);
      return before;
    },
  };
}

test('the first note stays, in this process and for the others', async () => {
  const store = memoryStore();
  const here = createNotes202(store, () => undefined);
  const there = createNotes202(store, () => undefined);
  expect(await here.note('a', note(1))).toBeNull();
  expect(await here.note('a', note(2))).toMatchObject({ offset: 1 });
  expect(await there.note('a', note(3))).toMatchObject({ offset: 1 });
  expect(await there.recall('a')).toBeTruthy();
  expect(await here.recall('b')).toBeNull();
});

test('while Redis is away notes are kept in the process', async () => {
  const store = { ...memoryStore(), status: 'reconnecting' };
  const notes = createNotes202(store, () => undefined);
  expect(await notes.note('a', note(1))).toBeNull();
  expect(await notes.recall('a')).toMatchObject({ offset: 1 });
  expect(store.kept.size).toBe(0);
});

test('a Redis that fails is told about and is not in the way', async () => {
  const faults: unknown[] = [];
  const fail = () => Promise.reject(new Error('timed out'));
  const notes = createNotes202({ status: 'ready', get: fail, set: fail, on: () => undefined }, (error) => faults.push(error));
  expect(await notes.note('a', note(1))).toBeNull();
  expect(await notes.recall('b')).toBeNull();
  expect(faults).toHaveLength(2);
});

test.each<[string, Partial<NoteStore>]>([
  ['is away', { status: 'reconnecting' }],
  ['does not answer', { get: () => Promise.reject(new Error('timed out')) }],
])('while Redis %s nobody says that an unknown id is not in the line', async (_how, broken) => {
  const notes = createNotes202({ ...memoryStore(), ...broken }, () => undefined);
  await notes.note('a', note(1));
  expect(await notes.find('a')).toMatchObject({ offset: 1 });
  await expect(notes.find('b')).rejects.toMatchObject({ code: 'queue_unavailable' });
  expect(await notes.recall('b')).toBeNull();
});

test('with Redis an unknown id is not in the line', async () => {
  expect(await createNotes202(memoryStore(), () => undefined).find('b')).toBeNull();
});

test('what was noted while Redis was away is there for the others once it is back; an earlier note stays', async () => {
  const store = memoryStore();
  const there = createNotes202(store, () => undefined);
  await there.note('a', note(1));
  store.status = 'reconnecting';
  const here = createNotes202(store, () => undefined);
  await here.note('a', note(2));
  await here.note('b', note(3));
  store.comeBack();
  await new Promise((resolve) => setImmediate(resolve));
  const elsewhere = createNotes202(store, () => undefined);
  expect([await elsewhere.find('a'), await elsewhere.find('b')]).toMatchObject([{ offset: 1 }, { offset: 3 }]);
});
