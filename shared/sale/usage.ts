import type { UserRef } from '#schemas/ids.ts';
import { assert } from '#shared/faults/assert.ts';
import { lengthened } from './column.ts';
import { IdIndex } from './id-index.ts';
import { readId, WORDS_PER_ID, writeWords } from './id-words.ts';

const ROWS_MIN = 16;
const NONE = -1;

export interface Usage {
  /** Units held or bought. */
  readonly units: number;
  /** Reservations held or paying. */
  readonly holds: number;
}

const NOTHING: Usage = { units: 0, holds: 0 };

/**
 * What each user has of a sale with limits: units held or bought, holds in force.
 * A row lives while either is above zero.
 */
export class UsageTable {
  #users = new Int32Array(ROWS_MIN * WORDS_PER_ID);
  #units = new Float64Array(ROWS_MIN);
  /** Holds in force; in a free row the next free one. */
  #holds = new Int32Array(ROWS_MIN);
  readonly #index = new IdIndex();
  readonly #wanted = new Int32Array(WORDS_PER_ID);
  /** The user whose words `#wanted` holds. */
  #wantedUser: UserRef | null = null;
  #used = 0;
  #firstFree = NONE;

  get size(): number {
    return this.#index.size;
  }

  units(user: UserRef): number {
    const row = this.#find(user);
    return row === NONE ? 0 : this.#units[row]!;
  }

  holds(user: UserRef): number {
    const row = this.#find(user);
    return row === NONE ? 0 : this.#holds[row]!;
  }

  change(user: UserRef, unitsDelta: number, holdsDelta: number): void {
    if (unitsDelta === 0 && holdsDelta === 0) return;
    this.#changeRow(this.#find(user), unitsDelta, holdsDelta);
  }

  /** The same for the user whose words stand at `words[at .. at + 3]`. */
  changeByWords(words: Int32Array, at: number, unitsDelta: number, holdsDelta: number): void {
    for (let word = 0; word < WORDS_PER_ID; word++) this.#wanted[word] = words[at + word]!;
    this.#wantedUser = null;
    this.#changeRow(this.#index.find(this.#users, this.#wanted, 0), unitsDelta, holdsDelta);
  }

  /** Each user of this table, with what another table has of him. */
  *beside(other: UsageTable): Generator<{ readonly user: () => UserRef; readonly own: Usage; readonly others: Usage }> {
    const free = new Set<number>();
    for (let row = this.#firstFree; row !== NONE; row = this.#holds[row]!) free.add(row);
    for (let row = 0; row < this.#used; row++) {
      if (free.has(row)) continue;
      const at = row * WORDS_PER_ID;
      const there = other.#index.find(other.#users, this.#users, at);
      // A user's name costs more than all else here, and only a fault is told by it.
      yield {
        user: () => readId(this.#users, at) as UserRef,
        own: this.#usage(row),
        others: there === NONE ? NOTHING : other.#usage(there),
      };
    }
  }

  #usage(row: number): Usage {
    return { units: this.#units[row]!, holds: this.#holds[row]! };
  }

  #changeRow(found: number, unitsDelta: number, holdsDelta: number): void {
    const row = found === NONE ? this.#add() : found;
    const units = this.#units[row]! + unitsDelta;
    const holds = this.#holds[row]! + holdsDelta;
    assert(units >= 0, `a user would have ${units} units`);
    assert(holds >= 0, `a user would have ${holds} holds`);
    this.#units[row] = units;
    this.#holds[row] = holds;
    if (units === 0 && holds === 0) this.#remove(row);
  }

  #find(user: UserRef): number {
    // A decision asks several times about the same user.
    if (user !== this.#wantedUser) {
      writeWords(user, this.#wanted, 0);
      this.#wantedUser = user;
    }
    return this.#index.find(this.#users, this.#wanted, 0);
  }

  /** A row for the user that was last looked for. */
  #add(): number {
    let row = this.#firstFree;
    if (row === NONE) {
      if (this.#used === this.#units.length) this.#grow(this.#used * 2);
      row = this.#used++;
    } else {
      this.#firstFree = this.#holds[row]!;
    }
    this.#users.set(this.#wanted, row * WORDS_PER_ID);
    this.#units[row] = 0;
    this.#holds[row] = 0;
    this.#index.add(this.#users, row);
    return row;
  }

  #remove(row: number): void {
    this.#index.remove(this.#users, row);
    this.#holds[row] = this.#firstFree;
    this.#firstFree = row;
  }

  #grow(rows: number): void {
    this.#users = lengthened(this.#users, rows * WORDS_PER_ID);
    this.#units = lengthened(this.#units, rows);
    this.#holds = lengthened(this.#holds, rows);
  }
}
