/**
 * What was decided not long ago, or learned from the ledger: enough to answer for
 * requests whose outcome is not yet, or no longer, in the live state. Each entry
 * stands under the seq at which it was recorded; seqs never descend, so forgetting
 * looks at what it drops and nothing else.
 */
export class Memory<Key, Value> {
  readonly #entries = new Map<Key, { readonly recordedSeq: number; readonly value: Value }>();

  get size(): number {
    return this.#entries.size;
  }

  get(key: Key): Value | undefined {
    return this.#entries.get(key)?.value;
  }

  has(key: Key): boolean {
    return this.#entries.has(key);
  }

  record(key: Key, recordedSeq: number, value: Value): void {
    const { size } = this.#entries;
    this.#entries.set(key, { recordedSeq, value });
    if (this.#entries.size > size) return;
    // It was there already, and a Map keeps a key's first place; its new place is the last.
    this.#entries.delete(key);
    this.#entries.set(key, { recordedSeq, value });
  }

  forget(throughSeq: number): void {
    for (const [key, { recordedSeq }] of this.#entries) {
      if (recordedSeq > throughSeq) return;
      this.#entries.delete(key);
    }
  }
}
