import { assert } from '#shared/faults/assert.ts';
import { ItemQueue } from './item-queue.ts';
import type { ReservationTable } from './reservation-table.ts';

/**
 * Who waits, in one queue for each item he asks for. His need of an item is what
 * must be free of it before it is any use to him: the whole quantity where he takes
 * all or nothing, one unit where he takes what he gets.
 *
 * Two rules make the order: whoever needs more of an item than is free blocks it for
 * everybody behind him, and for newcomers; whoever has enough of an item but lacks
 * another does not. Both look at nothing but counters and the order of the seqs, so
 * a restored waitlist goes on exactly as the one that was lost.
 */
export class Waitlist {
  readonly #table: ReservationTable;
  readonly #queues = new Map<number, ItemQueue>();
  /** Items of which something came back, or for which somebody stopped waiting, since they were last looked at. */
  readonly #due = new Set<number>();
  #waiting = 0;
  /** Of the last call of `longest`: who waits, the longest last. */
  #order: number[] | null = null;

  constructor(table: ReservationTable) {
    this.#table = table;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Items whose queues are to be looked at. */
  get due(): ReadonlySet<number> {
    return this.#due;
  }

  queue(item: number): ItemQueue | undefined {
    return this.#queues.get(item);
  }

  need(slot: number, line: number): number {
    return this.#table.allowsPartial(slot) ? 1 : this.#table.lineQuantity(slot, line);
  }

  /** What the waiter needs of an item he asks for. */
  needOf(slot: number, item: number): number {
    for (let line = 0; line < this.#table.lineCount(slot); line++) {
      if (this.#table.lineItem(slot, line) === item) return this.need(slot, line);
    }
    throw new Error(`assertion failed: slot ${slot} does not wait for item ${item}`);
  }

  join(slot: number): void {
    assert(this.#table.status(slot) === 'waitlisted', `slot ${slot} is not waitlisted and cannot queue`);
    this.#order = null;
    for (let line = 0; line < this.#table.lineCount(slot); line++) {
      const item = this.#table.lineItem(slot, line);
      let queue = this.#queues.get(item);
      if (queue === undefined) this.#queues.set(item, (queue = new ItemQueue()));
      queue.join(slot, this.#table.decidedSeq(slot), this.need(slot, line));
    }
    this.#waiting++;
  }

  /** To be called while the slot still has the lines it waits for. */
  leave(slot: number): void {
    for (let line = 0; line < this.#table.lineCount(slot); line++) {
      const item = this.#table.lineItem(slot, line);
      const queue = this.#queues.get(item);
      assert(queue !== undefined, `nobody waits for item ${item}, slot ${slot} cannot leave its queue`);
      queue.leave(slot, this.#table.decidedSeq(slot), this.need(slot, line));
      if (queue.waiting === 0) {
        this.#queues.delete(item);
        this.#due.delete(item);
      } else {
        this.#due.add(item);
      }
    }
    this.#waiting--;
  }

  /** The item's counters changed. */
  stockChanged(item: number): void {
    if (this.#queues.has(item)) this.#due.add(item);
  }

  /** As if the counters of every item had changed. */
  allChanged(): void {
    for (const item of this.#queues.keys()) this.#due.add(item);
  }

  /** Nobody can be served of this item before something changes. */
  served(item: number): void {
    this.#due.delete(item);
  }

  /** Whether the item is spoken for: somebody waits who needs more of it than is free. */
  isBlocked(item: number, free: number): boolean {
    return this.#queues.get(item)?.anyNeedsMoreThan(free) ?? false;
  }

  /** As above, by somebody who was there before `seq`. */
  isBlockedBefore(seq: number, item: number, free: number): boolean {
    const queue = this.#queues.get(item);
    if (!queue?.anyNeedsMoreThan(free)) return false;
    for (const slot of queue) {
      if (this.#table.decidedSeq(slot) >= seq) return false;
      if (this.needOf(slot, item) > free) return true;
    }
    return false;
  }

  /**
   * Who has waited longest; -1 where nobody waits. For a sale to which nobody is
   * added any more: the order is made once and followed from then on.
   */
  longest(): number {
    this.#order ??= this.#inOrder();
    for (;;) {
      const slot = this.#order.at(-1);
      if (slot === undefined) return -1;
      if (this.#table.isLive(slot) && this.#table.status(slot) === 'waitlisted') return slot;
      this.#order.pop();
    }
  }

  #inOrder(): number[] {
    const slots = new Set<number>();
    for (const queue of this.#queues.values()) for (const slot of queue) slots.add(slot);
    return [...slots].sort((a, b) => this.#table.decidedSeq(b) - this.#table.decidedSeq(a));
  }

  items(): IterableIterator<number> {
    return this.#queues.keys();
  }
}
