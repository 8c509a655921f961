import type { ReservationId, Seq, UserRef } from '#schemas/ids.ts';
import { assert } from '#shared/faults/assert.ts';
import { lengthened } from './column.ts';
import { IdIndex } from './id-index.ts';
import { readId, WORDS_PER_ID, writeWords } from './id-words.ts';

/** So many units of the item with this number (its place in the terms). */
export interface Line {
  readonly item: number;
  readonly quantity: number;
}

export type LiveStatus = 'held' | 'waitlisted' | 'paying';
const LIVE_STATUSES: readonly LiveStatus[] = ['held', 'waitlisted', 'paying'];

const SLOTS_MIN = 16;
const FREE = 0xff;
const EXTENDED = 1;
const ALLOW_PARTIAL = 2;
/** Instead of an item's number: the lines stand in `#more`. */
const SEVERAL_LINES = -1;
const NONE = -1;

export interface NewReservation {
  readonly id: ReservationId;
  readonly user: UserRef;
  readonly status: LiveStatus;
  readonly lines: readonly Line[];
  readonly allowPartial: boolean;
  readonly extended: boolean;
  readonly decidedSeq: Seq;
}

/**
 * Every reservation that lives (held, waitlisted, paying), one slot each, as columns
 * of plain numbers: about 60 bytes a reservation instead of some 600 as objects.
 * A slot is given again once its reservation has ended.
 */
export class ReservationTable {
  #ids = new Int32Array(SLOTS_MIN * WORDS_PER_ID);
  #users = new Int32Array(SLOTS_MIN * WORDS_PER_ID);
  #status = new Uint8Array(SLOTS_MIN).fill(FREE);
  #flags = new Uint8Array(SLOTS_MIN);
  #decidedSeq = new Float64Array(SLOTS_MIN);
  #deadline = new Float64Array(SLOTS_MIN);
  /** The item of a single line; in a free slot the next free one. */
  #item = new Int32Array(SLOTS_MIN);
  #quantity = new Uint8Array(SLOTS_MIN);
  readonly #more = new Map<number, readonly Line[]>();
  readonly #index = new IdIndex();
  readonly #wanted = new Int32Array(WORDS_PER_ID);
  /** Slots that were ever in use. */
  #used = 0;
  #firstFree = NONE;

  /** How many live. */
  get size(): number {
    return this.#index.size;
  }

  /** Slots are below this. */
  get slotsUsed(): number {
    return this.#used;
  }

  /** The slot of a live reservation, or -1. */
  find(id: ReservationId): number {
    writeWords(id, this.#wanted, 0);
    return this.#index.find(this.#ids, this.#wanted, 0);
  }

  /** Whether `find` leads to the slot, without making a string of its id. */
  isFound(slot: number): boolean {
    return this.#index.find(this.#ids, this.#ids, slot * WORDS_PER_ID) === slot;
  }

  add(reservation: NewReservation): number {
    const slot = this.#takeSlot();
    writeWords(reservation.id, this.#ids, slot * WORDS_PER_ID);
    writeWords(reservation.user, this.#users, slot * WORDS_PER_ID);
    this.#status[slot] = LIVE_STATUSES.indexOf(reservation.status);
    this.#flags[slot] = (reservation.extended ? EXTENDED : 0) | (reservation.allowPartial ? ALLOW_PARTIAL : 0);
    this.#decidedSeq[slot] = reservation.decidedSeq;
    this.#deadline[slot] = 0;
    this.setLines(slot, reservation.lines);
    this.#index.add(this.#ids, slot);
    return slot;
  }

  remove(slot: number): void {
    assert(this.isLive(slot), `slot ${slot} is free and cannot be given back`);
    this.#index.remove(this.#ids, slot);
    if (this.#item[slot] === SEVERAL_LINES) this.#more.delete(slot);
    this.#status[slot] = FREE;
    this.#item[slot] = this.#firstFree;
    this.#firstFree = slot;
  }

  isLive(slot: number): boolean {
    return slot < this.#used && this.#status[slot] !== FREE;
  }

  id(slot: number): ReservationId {
    return readId(this.#ids, slot * WORDS_PER_ID) as ReservationId;
  }

  user(slot: number): UserRef {
    return readId(this.#users, slot * WORDS_PER_ID) as UserRef;
  }

  /** Every slot's user as words, `WORDS_PER_ID` each: until something is added. */
  get userWords(): Int32Array {
    return this.#users;
  }

  /** Whether the user is the reservation's, without making a string of it. */
  isOf(slot: number, user: UserRef): boolean {
    writeWords(user, this.#wanted, 0);
    for (let word = 0; word < WORDS_PER_ID; word++) {
      if (this.#users[slot * WORDS_PER_ID + word] !== this.#wanted[word]) return false;
    }
    return true;
  }

  status(slot: number): LiveStatus {
    const status = LIVE_STATUSES[this.#status[slot]!];
    assert(status !== undefined, `slot ${slot} is free`);
    return status;
  }

  setStatus(slot: number, status: LiveStatus): void {
    this.#status[slot] = LIVE_STATUSES.indexOf(status);
  }

  decidedSeq(slot: number): Seq {
    return this.#decidedSeq[slot]! as Seq;
  }

  /** In ms since the epoch; 0 where it is waitlisted. Changed through the deadline queue's owner only. */
  deadline(slot: number): number {
    return this.#deadline[slot]!;
  }

  setDeadline(slot: number, deadline: number): void {
    this.#deadline[slot] = deadline;
  }

  isExtended(slot: number): boolean {
    return (this.#flags[slot]! & EXTENDED) !== 0;
  }

  markExtended(slot: number): void {
    this.#flags[slot] = this.#flags[slot]! | EXTENDED;
  }

  allowsPartial(slot: number): boolean {
    return (this.#flags[slot]! & ALLOW_PARTIAL) !== 0;
  }

  lineCount(slot: number): number {
    return this.#item[slot] === SEVERAL_LINES ? this.#more.get(slot)!.length : 1;
  }

  lineItem(slot: number, line: number): number {
    const item = this.#item[slot]!;
    return item === SEVERAL_LINES ? this.#more.get(slot)![line]!.item : item;
  }

  lineQuantity(slot: number, line: number): number {
    return this.#item[slot] === SEVERAL_LINES ? this.#more.get(slot)![line]!.quantity : this.#quantity[slot]!;
  }

  lines(slot: number): readonly Line[] {
    return this.#more.get(slot) ?? [{ item: this.#item[slot]!, quantity: this.#quantity[slot]! }];
  }

  /** Replaces what is reserved or asked for. */
  setLines(slot: number, lines: readonly Line[]): void {
    const [first] = lines;
    assert(first !== undefined, `slot ${slot} would reserve nothing`);
    if (lines.length === 1) {
      assert(first.quantity > 0 && first.quantity <= 0xff, `quantity ${first.quantity} of slot ${slot} does not fit a byte`);
      this.#more.delete(slot);
      this.#item[slot] = first.item;
      this.#quantity[slot] = first.quantity;
    } else {
      this.#item[slot] = SEVERAL_LINES;
      this.#more.set(slot, lines);
    }
  }

  #takeSlot(): number {
    const free = this.#firstFree;
    if (free !== NONE) {
      this.#firstFree = this.#item[free]!;
      return free;
    }
    if (this.#used === this.#status.length) this.#grow(this.#used * 2);
    return this.#used++;
  }

  #grow(slots: number): void {
    this.#ids = lengthened(this.#ids, slots * WORDS_PER_ID);
    this.#users = lengthened(this.#users, slots * WORDS_PER_ID);
    this.#status = lengthened(this.#status, slots);
    this.#flags = lengthened(this.#flags, slots);
    this.#decidedSeq = lengthened(this.#decidedSeq, slots);
    this.#deadline = lengthened(this.#deadline, slots);
    this.#item = lengthened(this.#item, slots);
    this.#quantity = lengthened(this.#quantity, slots);
  }
}
