import { lengthened } from './column.ts';
import { IdIndex } from './id-index.ts';
import { WORDS_PER_ID, writeWords } from './id-words.ts';

/** How a value stands in columns: four words (an id, a fingerprint) and a number. */
export interface Packing<Value> {
  /** Writes the words to `words[at .. at + 3]` and returns the number. */
  readonly pack: (value: Value, words: Int32Array, at: number) => number;
  readonly unpack: (words: Int32Array, at: number, number: number) => Value;
}

const PLACES_MIN = 16;

/**
 * What `Memory` does, for ids: entries stand in a ring of columns, in the order in
 * which they were recorded, 57 bytes each outside the heap. As objects in a Map they
 * were some 300 bytes that the collector had to copy and mark, and their strings kept
 * the text of the whole command they were cut from in memory.
 */
export class IdMemory<Key extends string, Value> {
  readonly #packing: Packing<Value>;
  #keys = new Int32Array(PLACES_MIN * WORDS_PER_ID);
  #words = new Int32Array(PLACES_MIN * WORDS_PER_ID);
  #numbers = new Float64Array(PLACES_MIN);
  #recordedSeqs = new Float64Array(PLACES_MIN);
  /** 0 where the entry was recorded anew, further on. */
  #live = new Uint8Array(PLACES_MIN);
  #index = new IdIndex();
  readonly #wanted = new Int32Array(WORDS_PER_ID);
  /** Entries are counted from the first there ever was; an entry's place is its count modulo the number of places. */
  #oldest = 0;
  #next = 0;

  constructor(packing: Packing<Value>) {
    this.#packing = packing;
  }

  get size(): number {
    return this.#index.size;
  }

  get(key: Key): Value | undefined {
    const place = this.#find(key);
    return place === -1 ? undefined : this.#packing.unpack(this.#words, place * WORDS_PER_ID, this.#numbers[place]!);
  }

  has(key: Key): boolean {
    return this.#find(key) !== -1;
  }

  /** Seqs never descend. An entry that was there already becomes the newest. */
  record(key: Key, recordedSeq: number, value: Value): void {
    const earlier = this.#find(key);
    if (earlier !== -1) {
      this.#index.remove(this.#keys, earlier);
      this.#live[earlier] = 0;
    }
    if (this.#next - this.#oldest === this.#live.length) this.#grow();
    const place = this.#next++ & (this.#live.length - 1);
    writeWords(key, this.#keys, place * WORDS_PER_ID);
    this.#numbers[place] = this.#packing.pack(value, this.#words, place * WORDS_PER_ID);
    this.#recordedSeqs[place] = recordedSeq;
    this.#live[place] = 1;
    this.#index.add(this.#keys, place);
  }

  /** Looks at what it drops and nothing else. */
  forget(throughSeq: number): void {
    for (; this.#oldest < this.#next; this.#oldest++) {
      const place = this.#oldest & (this.#live.length - 1);
      if (this.#live[place] === 0) continue;
      if (this.#recordedSeqs[place]! > throughSeq) return;
      this.#index.remove(this.#keys, place);
      this.#live[place] = 0;
    }
  }

  #find(key: Key): number {
    if (this.#index.size === 0) return -1;
    writeWords(key, this.#wanted, 0);
    return this.#index.find(this.#keys, this.#wanted, 0);
  }

  /** Twice the places: what stands before the oldest in the ring comes behind the rest, in the new half. */
  #grow(): void {
    const places = this.#live.length;
    const oldestPlace = this.#oldest & (places - 1);
    this.#keys = lengthened(this.#keys, 2 * places * WORDS_PER_ID);
    this.#words = lengthened(this.#words, 2 * places * WORDS_PER_ID);
    this.#numbers = lengthened(this.#numbers, 2 * places);
    this.#recordedSeqs = lengthened(this.#recordedSeqs, 2 * places);
    this.#live = lengthened(this.#live, 2 * places);
    for (const [column, width] of [
      [this.#keys, WORDS_PER_ID],
      [this.#words, WORDS_PER_ID],
      [this.#numbers, 1],
      [this.#recordedSeqs, 1],
      [this.#live, 1],
    ] as const) {
      column.copyWithin(places * width, 0, oldestPlace * width);
    }
    // The ring now begins at its oldest entry, wherever the counts of the longer ring would have it.
    this.#next = oldestPlace + places;
    this.#oldest = oldestPlace;
    this.#index = new IdIndex();
    for (let count = this.#oldest; count < this.#next; count++) {
      const place = count & (this.#live.length - 1);
      if (this.#live[place] === 1) this.#index.add(this.#keys, place);
    }
  }
}
