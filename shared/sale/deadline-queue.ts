import { assert } from '#shared/faults/assert.ts';
import { lengthened } from './column.ts';

const LENGTH_MIN = 16;
const ABSENT = -1;

/**
 * Slots in the order in which they fall due: a binary heap that knows where each
 * slot stands, so that an extension or a removal is O(log n) and leaves nothing
 * behind. `before(a, b)` says whether slot a falls due before slot b; whoever
 * changes what it looks at calls `moved`.
 */
export class DeadlineQueue {
  readonly #before: (a: number, b: number) => boolean;
  #heap = new Int32Array(LENGTH_MIN);
  /** By slot: its place in the heap. */
  #places = new Int32Array(LENGTH_MIN).fill(ABSENT);
  #size = 0;

  constructor(before: (a: number, b: number) => boolean) {
    this.#before = before;
  }

  get size(): number {
    return this.#size;
  }

  /** The slot that falls due first, or -1. */
  first(): number {
    return this.#size === 0 ? ABSENT : this.#heap[0]!;
  }

  has(slot: number): boolean {
    return slot < this.#places.length && this.#places[slot] !== ABSENT;
  }

  add(slot: number): void {
    assert(!this.has(slot), `slot ${slot} has a deadline already`);
    if (this.#size === this.#heap.length) this.#heap = lengthened(this.#heap, this.#size * 2);
    if (slot >= this.#places.length) {
      const former = this.#places.length;
      this.#places = lengthened(this.#places, Math.max(former * 2, slot + 1)).fill(ABSENT, former);
    }
    this.#rise(slot, this.#size++);
  }

  remove(slot: number): void {
    assert(this.has(slot), `slot ${slot} has no deadline`);
    const place = this.#places[slot]!;
    const last = this.#heap[--this.#size]!;
    this.#places[slot] = ABSENT;
    if (last !== slot) this.#settle(last, place);
  }

  /** The slot's deadline was changed. */
  moved(slot: number): void {
    assert(this.has(slot), `slot ${slot} has no deadline`);
    this.#settle(slot, this.#places[slot]!);
  }

  /** Slots that do not stand where they should, for the check of invariants. */
  *misplaced(): Generator<number> {
    for (let place = 0; place < this.#size; place++) {
      const slot = this.#heap[place]!;
      const parent = this.#heap[(place - 1) >> 1]!;
      if (this.#places[slot] !== place || (place > 0 && this.#before(slot, parent))) yield slot;
    }
  }

  #settle(slot: number, place: number): void {
    if (place > 0 && this.#before(slot, this.#heap[(place - 1) >> 1]!)) this.#rise(slot, place);
    else this.#sink(slot, place);
  }

  #rise(slot: number, from: number): void {
    let place = from;
    while (place > 0) {
      const parent = this.#heap[(place - 1) >> 1]!;
      if (!this.#before(slot, parent)) break;
      this.#put(parent, place);
      place = (place - 1) >> 1;
    }
    this.#put(slot, place);
  }

  #sink(slot: number, from: number): void {
    let place = from;
    for (let child = 2 * place + 1; child < this.#size; child = 2 * place + 1) {
      if (child + 1 < this.#size && this.#before(this.#heap[child + 1]!, this.#heap[child]!)) child++;
      if (!this.#before(this.#heap[child]!, slot)) break;
      this.#put(this.#heap[child]!, place);
      place = child;
    }
    this.#put(slot, place);
  }

  #put(slot: number, place: number): void {
    this.#heap[place] = slot;
    this.#places[slot] = place;
  }
}
