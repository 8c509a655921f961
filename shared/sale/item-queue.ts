import { assert } from '#shared/faults/assert.ts';

/** A line asks for at most so many units of an item (see `RequestedItem`). */
export const QUANTITY_MAX = 100;

/** Entries that have left are swept out once they are more than half, and at least so many. */
const LEFT_MIN = 32;

/**
 * Those who wait for one item, in the order in which they were put on the waitlist,
 * with how many units each needs before he can be served. Who leaves is marked and
 * swept out later, so that leaving from the middle costs next to nothing.
 */
export class ItemQueue {
  /** Slots; -1 where he has left. */
  #slots: number[] = [];
  #seqs: number[] = [];
  #head = 0;
  #waiting = 0;
  /** By need: how many wait. */
  readonly #needs = new Uint32Array(QUANTITY_MAX + 1);
  /** No need is above this. */
  #needMax = 0;

  get waiting(): number {
    return this.#waiting;
  }

  join(slot: number, seq: number, need: number): void {
    assert((this.#seqs.at(-1) ?? 0) < seq, `seq ${seq} would overtake in the waitlist`);
    assert(need >= 1 && need <= QUANTITY_MAX, `a need of ${need} units cannot be queued`);
    this.#slots.push(slot);
    this.#seqs.push(seq);
    this.#waiting++;
    this.#needs[need] = this.#needs[need]! + 1;
    this.#needMax = Math.max(this.#needMax, need);
  }

  leave(slot: number, seq: number, need: number): void {
    const place = this.#placeOf(seq);
    assert(this.#slots[place] === slot, `the waiter with seq ${seq} is not in the queue`);
    this.#slots[place] = -1;
    this.#waiting--;
    this.#needs[need] = this.#needs[need]! - 1;
    while (this.#needMax > 0 && this.#needs[this.#needMax] === 0) this.#needMax--;
    while (this.#head < this.#slots.length && this.#slots[this.#head] === -1) this.#head++;
    if (this.#slots.length - this.#waiting > Math.max(LEFT_MIN, this.#waiting)) this.#sweep();
  }

  /** Whether anybody in it needs more than is free. */
  anyNeedsMoreThan(free: number): boolean {
    return this.#needMax > free;
  }

  /** Slots in order. */
  *[Symbol.iterator](): Generator<number> {
    for (let place = this.#head; place < this.#slots.length; place++) {
      const slot = this.#slots[place]!;
      if (slot !== -1) yield slot;
    }
  }

  /** By halving: the seqs ascend. */
  #placeOf(seq: number): number {
    let low = this.#head;
    let high = this.#seqs.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#seqs[middle]! < seq) low = middle + 1;
      else high = middle;
    }
    return this.#seqs[low] === seq ? low : -1;
  }

  #sweep(): void {
    this.#seqs = this.#seqs.filter((_, place) => this.#slots[place] !== -1);
    this.#slots = this.#slots.filter((slot) => slot !== -1);
    this.#head = 0;
  }
}
