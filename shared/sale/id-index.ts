import { assert } from '#shared/faults/assert.ts';
import { WORDS_PER_ID } from './id-words.ts';

const CELLS_MIN = 16;
const EMPTY = 0;
/** A cell is six bits of the id's hash above the slot plus one, so that a look at other ids' cells seldom leads to their ids. */
const SLOT_BITS = 26;
const SLOT_MASK = (1 << SLOT_BITS) - 1;
const TAG_MASK = ~SLOT_MASK;
const SLOTS_MAX = SLOT_MASK;

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
    const cells = this.#cells;
    const mask = cells.length - 1;
    const bits = hash(words, at);
    for (let cell = bits & mask; ; cell = (cell + 1) & mask) {
      const entry = cells[cell]!;
      if (entry === EMPTY) return -1;
      if (((entry ^ bits) & TAG_MASK) !== 0) continue;
      const slot = slotOf(entry);
      if (sameId(ids, slot * WORDS_PER_ID, words, at)) return slot;
    }
  }

  /** Takes in a slot whose id stands in `ids` already. */
  add(ids: Int32Array, slot: number): void {
    assert(slot < SLOTS_MAX, `slot ${slot} does not fit a cell: ${SLOTS_MAX} can live at once`);
    assert(this.find(ids, ids, slot * WORDS_PER_ID) === -1, `slot ${slot} has the id of another, which is still in use`);
    if ((this.#size + 1) * 4 > this.#cells.length * 3) this.#grow(ids);
    this.#put(ids, slot);
    this.#size++;
  }

  /** Lets go of a slot whose id still stands in `ids`. */
  remove(ids: Int32Array, slot: number): void {
    const cells = this.#cells;
    const mask = cells.length - 1;
    let hole = hash(ids, slot * WORDS_PER_ID) & mask;
    for (; slotOf(cells[hole]!) !== slot; hole = (hole + 1) & mask) {
      assert(cells[hole] !== EMPTY, `slot ${slot} is not in the index`);
    }
    for (let cell = (hole + 1) & mask; cells[cell] !== EMPTY; cell = (cell + 1) & mask) {
      const home = hash(ids, slotOf(cells[cell]!) * WORDS_PER_ID) & mask;
      // An entry may fill the hole unless its home lies behind the hole, on its way round.
      if (((cell - home) & mask) >= ((cell - hole) & mask)) {
        cells[hole] = cells[cell]!;
        hole = cell;
      }
    }
    cells[hole] = EMPTY;
    this.#size--;
  }

  #grow(ids: Int32Array): void {
    const former = this.#cells;
    this.#cells = new Int32Array(former.length * 2);
    for (const entry of former) if (entry !== EMPTY) this.#put(ids, slotOf(entry));
  }

  #put(ids: Int32Array, slot: number): void {
    const cells = this.#cells;
    const mask = cells.length - 1;
    const bits = hash(ids, slot * WORDS_PER_ID);
    let cell = bits & mask;
    while (cells[cell] !== EMPTY) cell = (cell + 1) & mask;
    cells[cell] = (bits & TAG_MASK) | (slot + 1);
  }
}

/** -1 for an empty cell. */
function slotOf(entry: number): number {
  return (entry & SLOT_MASK) - 1;
}
