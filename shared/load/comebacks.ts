/**
 * Who comes back when: a wheel of slots of some milliseconds, since a crowd of hundreds of thousands with a timer each
 * would measure its timers.
 */
export interface Comebacks {
  /** `at` on performance.now()'s clock. */
  add(index: number, at: number): void;
  /** Hands over those who are due, in the order of their slots, each with when it was due. */
  take(now: number, come: (index: number, dueAt: number) => void): void;
  readonly waiting: number;
}

const slotMs = 2;

export function createComebacks(): Comebacks {
  const slots = new Map<number, number[]>();
  /** The first that somebody may wait in. */
  let next = 0;
  let taken = -1;
  let waiting = 0;
  return {
    add(index, at) {
      const slot = Math.max(Math.ceil(at / slotMs), taken + 1);
      const there = slots.get(slot);
      if (there === undefined) slots.set(slot, [index]);
      else there.push(index);
      next = waiting === 0 ? slot : Math.min(next, slot);
      waiting += 1;
    },
    take(now, come) {
      taken = Math.max(taken, Math.floor(now / slotMs));
      for (; waiting > 0 && next <= taken; next += 1) {
        const due = slots.get(next);
        if (due === undefined) continue;
        slots.delete(next);
        waiting -= due.length;
        for (const index of due) come(index, next * slotMs);
      }
    },
    get waiting() {
      return waiting;
    },
  };
}
