import type { SaleState } from './state.ts';

/** Whose turn it is in the waitlist: a function of counters and of the order of the queues, and of nothing else. */

/** Whether somebody waits for the item whose turn has come and who is not served yet. */
export function isPromised(state: SaleState, item: number): boolean {
  return firstToServe(state, item) !== -1;
}

/** The first in the item's queue who can be served, or can never be; -1 where there is none before the first who blocks it. */
export function firstToServe(state: SaleState, item: number): number {
  const { waitlist } = state;
  const free = state.stock.free(item);
  for (const slot of waitlist.queue(item) ?? []) {
    if (waitlist.needOf(slot, item) > free) return asksForMoreThanThereIs(state, slot, item) ? slot : -1;
    if (canBeServed(state, slot)) return slot;
  }
  return -1;
}

/** Whether there is enough for the waiter that nobody before him is to have: of all he asks for, or of anything where he takes what he gets. */
export function canBeServed(state: SaleState, slot: number): boolean {
  const { reservations, waitlist } = state;
  const partial = reservations.allowsPartial(slot);
  for (let line = 0; line < reservations.lineCount(slot); line++) {
    const enough = waitlist.need(slot, line) <= availableTo(state, slot, reservations.lineItem(slot, line));
    if (enough === partial) return partial;
  }
  return !partial;
}

/** Since an operator took stock away; he would block the item for ever. */
function asksForMoreThanThereIs(state: SaleState, slot: number, item: number): boolean {
  return !state.reservations.allowsPartial(slot) && state.waitlist.needOf(slot, item) > state.stock.total(item);
}

/** What is free of the item, unless somebody before this waiter waits for it. */
export function availableTo(state: SaleState, slot: number, item: number): number {
  const free = state.stock.free(item);
  return state.waitlist.isBlockedBefore(state.reservations.decidedSeq(slot), item, free) ? 0 : free;
}
