import fc from 'fast-check';
import type { ReservationId, Seq, UserRef } from '#schemas/ids.ts';
import { DeadlineQueue } from './deadline-queue.ts';
import { IdIndex } from './id-index.ts';
import { IdMemory } from './id-memory.ts';
import { readFingerprint, readId, WORDS_PER_ID, writeFingerprint, writeWords } from './id-words.ts';
import { ItemQueue } from './item-queue.ts';
import { LiveOrders } from './live-orders.ts';
import { Memory } from './memory.ts';
import { type LiveStatus, type Line, ReservationTable } from './reservation-table.ts';
import { PAST_RESERVATION } from './past-columns.ts';
import { order, reservation, user } from './testing/commands.ts';
import { UsageTable } from './usage.ts';
import { Waitlist } from './waitlist.ts';

/** Each structure against a plain Map or array that does the same, slowly. */

const runs = { numRuns: fc.readConfigureGlobal().numRuns ?? 100 };
const small = fc.nat({ max: 40 });

describe('id words', () => {
  test('an id comes back as it went in, wherever it stands', () => {
    fc.assert(
      fc.property(fc.uuid(), small, (id, at) => {
        const words = new Int32Array(at + WORDS_PER_ID);
        writeWords(id, words, at);
        expect(readId(words, at)).toBe(id);
      }),
      runs,
    );
  });

  test.each([
    '',
    'abc',
    '0123456z-0000-4000-8000-000000000000',
    '0123456A-0000-4000-8000-000000000000',
    '0123456é-0000-4000-8000-000000000000',
  ])('crashes on "%s", which is no lower-case UUID', (id) => {
    expect(() => {
      writeWords(id, new Int32Array(WORDS_PER_ID), 0);
    }).toThrow('assertion failed');
  });
});

test('the id index finds what is in it, and nothing that has left', () => {
  // Few distinct words, so that cells collide and runs wrap round.
  const word = fc.integer({ min: -2, max: 2 });
  fc.assert(
    fc.property(fc.array(fc.tuple(word, word, word, word), { maxLength: 200, size: 'max' }), (all) => {
      const ids = Int32Array.from(all.flat());
      const index = new IdIndex();
      const model = new Map<string, number>();
      all.forEach((words, slot) => {
        const known = model.get(words.join());
        expect(index.find(ids, ids, slot * WORDS_PER_ID)).toBe(known ?? -1);
        if (known === undefined) {
          index.add(ids, slot);
          model.set(words.join(), slot);
        } else {
          index.remove(ids, known);
          model.delete(words.join());
        }
      });
      expect(index.size).toBe(model.size);
      for (const slot of model.values()) expect(index.find(ids, ids, slot * WORDS_PER_ID)).toBe(slot);
    }),
    runs,
  );
});

test.each([0, 1, 2, 3])('the id index tells ids apart that differ in word %i only', (word) => {
  const count = 2_000;
  const ids = new Int32Array(count * WORDS_PER_ID).fill(7);
  const index = new IdIndex();
  for (let slot = 0; slot < count; slot++) {
    ids[slot * WORDS_PER_ID + word] = slot;
    index.add(ids, slot);
  }
  const found = Array.from({ length: count }, (_, slot) => index.find(ids, ids, slot * WORDS_PER_ID));
  expect(found).toEqual([...found.keys()]);
});

test('the id index crashes on an id that is in use', () => {
  const ids = new Int32Array(2 * WORDS_PER_ID);
  const index = new IdIndex();
  index.add(ids, 0);
  expect(() => {
    index.add(ids, 1);
  }).toThrow('still in use');
});

test('the deadline queue gives slots in order, through additions, extensions and removals', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(small, fc.nat({ max: 9 })), { maxLength: 300, size: 'max' }), (changes) => {
      const deadlines = new Map<number, number>();
      const before = (a: number, b: number) => deadlines.get(a)! - deadlines.get(b)! || a - b;
      const queue = new DeadlineQueue((a, b) => before(a, b) < 0);
      for (const [slot, deadline] of changes) {
        if (!queue.has(slot)) {
          deadlines.set(slot, deadline);
          queue.add(slot);
        } else if (deadline === 0) {
          queue.remove(slot);
          deadlines.delete(slot);
        } else {
          deadlines.set(slot, deadline);
          queue.moved(slot);
        }
        expect(queue.size).toBe(deadlines.size);
        expect(queue.first()).toBe([...deadlines.keys()].sort(before)[0] ?? -1);
      }
      expect([...queue.misplaced()]).toEqual([]);
      for (const slot of [...deadlines.keys()].sort(before)) {
        expect(queue.first()).toBe(slot);
        queue.remove(slot);
      }
    }),
    runs,
  );
});

test('the reservation table holds what was put into it, in slots that are given again', () => {
  const lines = fc.array(fc.record<Line>({ item: fc.nat({ max: 9_999 }), quantity: fc.integer({ min: 1, max: 100 }) }), {
    minLength: 1,
    maxLength: 3,
  });
  fc.assert(
    fc.property(fc.array(fc.tuple(small, lines, fc.boolean()), { maxLength: 150, size: 'max' }), (changes) => {
      const table = new ReservationTable();
      const model = new Map<
        ReservationId,
        { slot: number; lines: readonly Line[]; user: UserRef; decidedSeq: number; extended: boolean }
      >();
      changes.forEach(([name, asked, extended], step) => {
        const id = reservation(`r${name}`);
        const known = model.get(id);
        expect(table.find(id)).toBe(known?.slot ?? -1);
        if (known === undefined) {
          const owner = user(`user${name % 7}`);
          // Beyond 32 bits.
          const decidedSeq = (2 ** 40 + step) as Seq;
          const slot = table.add({ id, user: owner, status: 'held', lines: asked, allowPartial: !extended, extended, decidedSeq });
          table.setDeadline(slot, 2 ** 42 + step);
          model.set(id, { slot, lines: asked, user: owner, decidedSeq, extended });
        } else if (extended) {
          table.setLines(known.slot, asked);
          model.set(id, { ...known, lines: asked });
        } else {
          table.remove(known.slot);
          model.delete(id);
          expect(table.isLive(known.slot)).toBe(false);
        }
      });
      expect(table.size).toBe(model.size);
      expect(table.slotsUsed).toBeLessThanOrEqual(41);
      for (const [id, each] of model) {
        const { slot } = each;
        expect(table.find(id)).toBe(slot);
        expect(table.id(slot)).toBe(id);
        expect(table.user(slot)).toBe(each.user);
        expect(table.isOf(slot, each.user)).toBe(true);
        expect(table.isOf(slot, user('another'))).toBe(false);
        expect(table.decidedSeq(slot)).toBe(each.decidedSeq);
        expect(table.deadline(slot)).toBeGreaterThanOrEqual(2 ** 42);
        expect(table.isExtended(slot)).toBe(each.extended);
        expect(table.allowsPartial(slot)).toBe(!each.extended);
        expect(table.lines(slot)).toEqual(each.lines);
        expect(table.lineCount(slot)).toBe(each.lines.length);
        each.lines.forEach(({ item, quantity }, line) => {
          expect([table.lineItem(slot, line), table.lineQuantity(slot, line)]).toEqual([item, quantity]);
        });
      }
    }),
    runs,
  );
});

test('a slot is given again, the last one freed first, and leads nowhere meanwhile', () => {
  const table = new ReservationTable();
  const lines = [{ item: 0, quantity: 1 }];
  const add = (name: string) =>
    table.add({
      ...{ id: reservation(name), user: user('ann'), status: 'held', lines },
      ...{ allowPartial: false, extended: false, decidedSeq: 1 as Seq },
    });
  expect(['a', 'b', 'c'].map(add)).toEqual([0, 1, 2]);
  table.remove(0);
  table.remove(1);
  expect([0, 1, 2].map((slot) => table.isFound(slot))).toEqual([false, false, true]);
  expect(['d', 'e', 'f'].map(add)).toEqual([1, 0, 3]);
  expect([0, 1, 2, 3].map((slot) => table.isFound(slot))).toEqual([true, true, true, true]);
});

test('usage is the sum of its changes, and a user without any leaves nothing behind', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(small, fc.nat({ max: 3 }), fc.nat({ max: 1 }), fc.boolean()), { maxLength: 200, size: 'max' }),
      (changes) => {
        const table = new UsageTable();
        const model = new Map<UserRef, { units: number; holds: number }>();
        for (const [name, units, holds, back] of changes) {
          const who = user(`user${name}`);
          const now = model.get(who) ?? { units: 0, holds: 0 };
          const delta = back ? { units: -now.units, holds: -now.holds } : { units, holds };
          table.change(who, delta.units, delta.holds);
          const after = { units: now.units + delta.units, holds: now.holds + delta.holds };
          if (after.units === 0 && after.holds === 0) model.delete(who);
          else model.set(who, after);
          expect([table.units(who), table.holds(who)]).toEqual([after.units, after.holds]);
        }
        expect(table.size).toBe(model.size);
        const beside = [...table.beside(table)];
        expect(new Map(beside.map(({ user: of, own }) => [of(), own]))).toEqual(model);
        expect(beside.map(({ others }) => others)).toEqual(beside.map(({ own }) => own));
        const byWords = new UsageTable();
        const words = Int32Array.of(0, 1, 2, 3, 4);
        byWords.changeByWords(words, 1, 1, 1);
        expect([...byWords.beside(table)].map(({ others }) => others)).toEqual([{ units: 0, holds: 0 }]);
      },
    ),
    runs,
  );
});

test('usage crashes below zero', () => {
  expect(() => {
    new UsageTable().change(user('ann'), -1, 0);
  }).toThrow('would have -1 units');
});

test("an item's queue keeps its order and knows its greatest need, whoever leaves", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 100 }), fc.nat({ max: 99 }), fc.nat({ max: 2 })), { maxLength: 300, size: 'max' }),
      (changes) => {
        const queue = new ItemQueue();
        let model: { slot: number; seq: number; need: number }[] = [];
        changes.forEach(([need, which, dice], step) => {
          const leaving = model[which % Math.max(1, model.length)];
          if (dice > 0 || leaving === undefined) {
            // Slots are given again, seqs are not.
            const slot = step % 50;
            model.push({ slot, seq: step + 1, need });
            queue.join(slot, step + 1, need);
          } else {
            model = model.filter((each) => each !== leaving);
            queue.leave(leaving.slot, leaving.seq, leaving.need);
          }
          const needMax = Math.max(0, ...model.map((each) => each.need));
          expect(queue.anyNeedsMoreThan(needMax)).toBe(false);
          if (model.length > 0) expect(queue.anyNeedsMoreThan(needMax - 1)).toBe(true);
        });
        expect(queue.waiting).toBe(model.length);
        expect([...queue]).toEqual(model.map(({ slot }) => slot));
        for (const { slot, seq, need } of model) queue.leave(slot, seq, need);
        expect([...queue]).toEqual([]);
      },
    ),
    runs,
  );
});

/** Values that both kinds of memory can keep: any number, and a user for the words. */
const packing = {
  pack: (value: string, words: Int32Array, at: number) => {
    writeWords(user(value), words, at);
    return Number(value);
  },
  unpack: (words: Int32Array, at: number, number: number) => {
    expect(readId(words, at)).toBe(user(String(number)));
    return String(number);
  },
};

test.each<[string, () => Pick<Memory<ReservationId, string>, 'get' | 'has' | 'size' | 'record' | 'forget'>]>([
  ['memory', () => new Memory()],
  ['the memory of ids', () => new IdMemory(packing)],
])('%s forgets what was recorded up to a seq and keeps what was recorded anew', (_what, create) => {
  const change = fc.tuple(fc.nat({ max: 30 }), fc.nat({ max: 9 }), fc.nat({ max: 200 }));
  fc.assert(
    fc.property(fc.array(change, { maxLength: 200, size: 'max' }), (changes) => {
      const memory = create();
      const model = new Map<ReservationId, { seq: number; value: string }>();
      changes.forEach(([key, dice, through], seq) => {
        if (dice === 0) {
          memory.forget(Math.min(through, seq));
          for (const [each, { seq: recorded }] of model) if (recorded <= Math.min(through, seq)) model.delete(each);
        } else {
          memory.record(reservation(String(key)), seq, String(seq));
          model.set(reservation(String(key)), { seq, value: String(seq) });
        }
        expect(memory.size).toBe(model.size);
      });
      for (let each = 0; each <= 30; each++) {
        const id = reservation(String(each));
        expect(memory.get(id)).toBe(model.get(id)?.value);
        expect(memory.has(id)).toBe(model.has(id));
      }
    }),
    runs,
  );
});

test.each(['', '0'.repeat(31), '0'.repeat(33), 'G'.repeat(32)])('crashes on "%s", which is no fingerprint', (digits) => {
  expect(() => {
    writeFingerprint(digits, new Int32Array(WORDS_PER_ID), 0);
  }).toThrow('assertion failed');
});

test('a fingerprint comes back as it went in', () => {
  fc.assert(
    fc.property(fc.uuid(), (id) => {
      const words = new Int32Array(WORDS_PER_ID);
      writeFingerprint(id.replaceAll('-', ''), words, 0);
      expect(readFingerprint(words, 0)).toBe(id.replaceAll('-', ''));
    }),
    runs,
  );
});

test.each(['confirmed', 'released', 'rejected', 'refunding', 'refunded'] as const)(
  'a past reservation that is %s is remembered so',
  (status) => {
    const words = new Int32Array(2 * WORDS_PER_ID);
    const past = { user: user('ann'), status };
    expect(PAST_RESERVATION.unpack(words, WORDS_PER_ID, PAST_RESERVATION.pack(past, words, WORDS_PER_ID))).toEqual(past);
  },
);

test('orders are found by their id, and by their reservation while they are pending', () => {
  const orders = new LiveOrders();
  const about = { user: user('ann'), lines: [], amount: 1, currency: 'EUR' };
  const all = (['pending', 'pending', 'failed', 'refunding'] as const).map((status, n) => {
    const record = { ...about, id: order(`o${n}`), reservationId: reservation(`r${n}`), status };
    orders.add(record);
    return record;
  });
  const [first, second, failed] = all;
  const pending = () => all.map(({ reservationId }) => orders.pendingOf(reservationId)?.id);
  expect([...orders.values()]).toEqual(all);
  expect(pending()).toEqual([order('o0'), order('o1'), undefined, undefined]);
  orders.setStatus(first!, 'failed');
  expect(pending()).toEqual([undefined, order('o1'), undefined, undefined]);
  // A failed order goes without taking its reservation's next one along.
  const next = { ...about, id: order('next'), reservationId: reservation('r0'), status: 'pending' as const };
  orders.add(next);
  orders.setStatus(first!, 'refunding');
  orders.remove(first!);
  expect(pending()[0]).toBe(order('next'));
  orders.remove(second!);
  orders.remove(failed!);
  expect(pending()).toEqual([order('next'), undefined, undefined, undefined]);
  expect([orders.size, orders.get(order('o0')), orders.get(order('next'))]).toEqual([2, undefined, next]);
});

describe('what must not be crashes', () => {
  const one: readonly Line[] = [{ item: 0, quantity: 1 }];
  const add = (table: ReservationTable, name: string, status: LiveStatus, lines = one) =>
    table.add({ id: reservation(name), user: user('ann'), status, lines, allowPartial: false, extended: false, decidedSeq: 1 as Seq });
  const queue = () => {
    const deadlines = new DeadlineQueue((a, b) => a < b);
    deadlines.add(1);
    return deadlines;
  };
  const waiting = () => {
    const waiters = new ItemQueue();
    waiters.join(7, 5, 1);
    return waiters;
  };
  const pending = () => {
    const orders = new LiveOrders();
    orders.add({
      id: order('o'),
      reservationId: reservation('r'),
      user: user('ann'),
      lines: [],
      amount: 1,
      currency: '',
      status: 'pending',
    });
    return orders;
  };
  const another = { user: user('ann'), lines: [], amount: 1, currency: '', status: 'pending' } as const;
  const waitlisted = (status: LiveStatus) => {
    const table = new ReservationTable();
    add(table, 'r', status);
    return new Waitlist(table);
  };
  const inUse = () => {
    const table = new ReservationTable();
    add(table, 'r', 'held');
    return table;
  };
  const givenBack = () => {
    const table = inUse();
    table.remove(0);
    return table;
  };
  const table: readonly [what: string, does: () => unknown][] = [
    ['a deadline twice', () => queue().add(1)],
    ['the end of a deadline that is none', () => queue().remove(0)],
    ['the end of a deadline of a slot never heard of', () => queue().remove(1_000)],
    ['a change of a deadline that is none', () => queue().moved(0)],
    ['an id that leaves the index and is not in it', () => new IdIndex().remove(new Int32Array(WORDS_PER_ID), 0)],
    ['a slot that does not fit a cell of the index', () => new IdIndex().add(new Int32Array(WORDS_PER_ID), 2 ** 26 - 1)],
    ['a waiter before the last one', () => waiting().join(8, 5, 1)],
    ['a need of nothing', () => waiting().join(8, 6, 0)],
    ['a need of more than a line may ask for', () => waiting().join(8, 6, 101)],
    ['a waiter that leaves from the place of another', () => waiting().leave(8, 5, 1)],
    ['a waiter that leaves and does not wait', () => waiting().leave(7, 6, 1)],
    [
      'a waiter that leaves by a seq that nobody has',
      () => {
        const queue = waiting();
        queue.join(8, 6, 1);
        queue.leave(8, 7, 1);
      },
    ],
    ['an order twice', () => pending().add({ ...another, id: order('o'), reservationId: reservation('other') })],
    ['two pending orders of a reservation', () => pending().add({ ...another, id: order('other'), reservationId: reservation('r') })],
    ['a hold that joins the waitlist', () => waitlisted('held').join(0)],
    ['a waiter that leaves the waitlist and has not joined', () => waitlisted('waitlisted').leave(0)],
    ['what a waiter needs of an item he does not ask for', () => waitlisted('waitlisted').needOf(0, 1)],
    ['a slot given back that is free', () => inUse().remove(1)],
    ['a slot given back twice', () => givenBack().remove(0)],
    ['the status of a slot that is free', () => inUse().status(1)],
    ['a reservation of nothing', () => inUse().setLines(0, [])],
    ['a reservation of no unit', () => inUse().setLines(0, [{ item: 0, quantity: 0 }])],
    ['a reservation of more than a byte holds', () => inUse().setLines(0, [{ item: 0, quantity: 256 }])],
    ['fewer units than none', () => new UsageTable().change(user('ann'), -1, 1)],
    ['fewer holds than none', () => new UsageTable().change(user('ann'), 1, -1)],
  ];
  test.each(table)('%s', (_, does) => {
    expect(does).toThrow('assertion failed');
  });

  test.each<[string, () => unknown]>([
    ['the last slot that fits a cell of the index', () => new IdIndex().add(new Int32Array(WORDS_PER_ID), 2 ** 26 - 2)],
    ['the greatest need', () => waiting().join(8, 6, 100)],
    ['the greatest quantity', () => inUse().setLines(0, [{ item: 0, quantity: 255 }])],
    ['a waiter that leaves', () => waiting().leave(7, 5, 1)],
  ])('but not %s', (_, does) => {
    expect(does).not.toThrow();
  });
});

test('the deadline queue tells which slots do not stand where they should', () => {
  const deadlines = [5, 6, 7, 8, 9];
  const queue = new DeadlineQueue((a, b) => deadlines[a]! < deadlines[b]!);
  for (const slot of deadlines.keys()) queue.add(slot);
  expect([...queue.misplaced()]).toEqual([]);
  // As many as its parent's is not before it.
  deadlines[1] = 5;
  expect([...queue.misplaced()]).toEqual([]);
  deadlines[3] = 4;
  deadlines[2] = 4;
  expect([...queue.misplaced()]).toEqual([2, 3]);
});
