import fc from 'fast-check';
import type { ReservationId, Seq, UserRef } from '#schemas/ids.ts';
import { DeadlineQueue } from './deadline-queue.ts';
import { IdIndex } from './id-index.ts';
import { IdMemory } from './id-memory.ts';
import { readFingerprint, readId, WORDS_PER_ID, writeFingerprint, writeWords } from './id-words.ts';
import { ItemQueue } from './item-queue.ts';
import { Memory } from './memory.ts';
import { type Line, ReservationTable } from './reservation-table.ts';
import { reservation, user } from './testing/commands.ts';
import { UsageTable } from './usage.ts';

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
        expect(new Map(table.entries())).toEqual(model);
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
