import { assert } from '#shared/faults/assert.ts';
import { WORDS_PER_ID } from './id-words.ts';

const CELLS_MIN = 16;
const EMPTY = 0;

function hash(words: Int32Array, at: number): number {
  let bits =
    words[at]! ^ Math.imul(words[at + 1]!, 0x9e3779b1) ^ Math.imul(words[at + 2]!, 0x85ebca6b) ^ Math.imul(words[at + 3]!, 0xc2b2ae35);
  bits = Math.imul(bits ^ (bits >>> 15), 0x2c1b3c6d);
  bits = Math.imul(bits ^ (bits >>> 12), 0x297a2d39);
  return bits ^ (bits >>> 15);
}

function sameId(a: Int32Array, atA: number, b: Int32Array, atB: number): boolean {
  return a[atA] === b[atB] && a[atA + 1] === b[atB + 1] && a[atA + 2] === b[atB + 2] && a[atA + 3] === b[atB + 3];
}

/**
 * From an id to the slot that holds it: open addressing with linear probing. A cell
 * is four bytes, the ids stay in their table's column (`ids`, four words a slot),
 * which is handed to each call because growing replaces it. Removal shifts what
 * follows back, so that there are no tombstones.
 */
export class IdIndex {
  #cells = new Int32Array(CELLS_MIN);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The slot whose id is `words[at .. at + 3]`, or -1. */
  find(ids: Int32Array, words: Int32Array, at: number): number {
    const mask = this.#cells.length - 1;
    for (let cell = hash(words, at) & mask; ; cell = (cell + 1) & mask) {
      const entry = this.#cells[cell]!;
      if (entry === EMPTY) return -1;
      if (sameId(ids, (entry - 1) * WORDS_PER_ID, words, at)) return entry - 1;
    }
  }

  /** Takes in a slot whose id stands in `ids` already. */
  add(ids: Int32Array, slot: number): void {
    if ((this.#size + 1) * 4 > this.#cells.length * 3) this.#grow(ids);
    const mask = this.#cells.length - 1;
    let cell = hash(ids, slot * WORDS_PER_ID) & mask;
    for (; this.#cells[cell] !== EMPTY; cell = (cell + 1) & mask) {
      const other = this.#cells[cell]! - 1;
      assert(
        !sameId(ids, other * WORDS_PER_ID, ids, slot * WORDS_PER_ID),
        `slot ${slot} has the id of slot ${other}, which is still in use`,
      );
    }
    this.#cells[cell] = slot + 1;
    this.#size++;
  }

  /** Lets go of a slot whose id still stands in `ids`. */
  remove(ids: Int32Array, slot: number): void {
    const mask = this.#cells.length - 1;
    let hole = hash(ids, slot * WORDS_PER_ID) & mask;
    for (; this.#cells[hole] !== slot + 1; hole = (hole + 1) & mask) {
      assert(this.#cells[hole] !== EMPTY, `slot ${slot} is not in the index`);
    }
    for (let cell = (hole + 1) & mask; this.#cells[cell] !== EMPTY; cell = (cell + 1) & mask) {
      const home = hash(ids, (this.#cells[cell]! - 1) * WORDS_PER_ID) & mask;
      // An entry may fill the hole unless its home lies behind the hole, on its way round.
      if (((cell - home) & mask) >= ((cell - hole) & mask)) {
        this.#cells[hole] = this.#cells[cell]!;
        hole = cell;
      }
    }
    this.#cells[hole] = EMPTY;
    this.#size--;
  }

  #grow(ids: Int32Array): void {
    const former = this.#cells;
    this.#cells = new Int32Array(former.length * 2);
    const mask = this.#cells.length - 1;
    for (const entry of former) {
      if (entry === EMPTY) continue;
      let cell = hash(ids, (entry - 1) * WORDS_PER_ID) & mask;
      while (this.#cells[cell] !== EMPTY) cell = (cell + 1) & mask;
      this.#cells[cell] = entry;
    }
  }
}
