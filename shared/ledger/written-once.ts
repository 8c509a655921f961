import { assert } from '#shared/faults/assert.ts';

/**
 * The rows of one table that a batch writes, each once, whatever the batch says of
 * it: a change of a row that the batch inserts is made in that row. Where nothing
 * is changed, as while a sale is stormed, no row is ever looked for.
 */
export class WrittenOnce<Id, Row extends { readonly id: Id }, Change> {
  readonly #inserted: Row[] = [];
  readonly #changed = new Map<Id, Change>();
  /** Where the first so many of `#inserted` stand. */
  readonly #places = new Map<Id, number>();

  get inserted(): readonly Row[] {
    return this.#inserted;
  }

  get changed(): ReadonlyMap<Id, Change> {
    return this.#changed;
  }

  /** Not for a row that is inserted or changed already; the table's primary key refuses it where it goes unseen here. */
  insert(row: Row): void {
    this.#inserted.push(row);
  }

  change(id: Id, ofInserted: (row: Row) => Row, ofOther: (earlier: Change | undefined) => Change): void {
    for (let place = this.#places.size; place < this.#inserted.length; place++) {
      const { id: other } = this.#inserted[place]!;
      assert(!this.#places.has(other), `row ${String(other)} is inserted twice in one batch`);
      this.#places.set(other, place);
    }
    const place = this.#places.get(id);
    if (place === undefined) this.#changed.set(id, ofOther(this.#changed.get(id)));
    else this.#inserted[place] = ofInserted(this.#inserted[place]!);
  }
}
