import { assert } from '#shared/faults/assert.ts';
import { linesOf } from './evolve-reservation.ts';
import { restoreHold } from './hold.ts';
import type { SaleSnapshot } from './snapshot.ts';
import { initialState, type SaleState } from './state.ts';
import { Stock } from './stock.ts';

/**
 * The state from which the next command is decided exactly as by the one that was
 * stored. Time and offset of the last record are the caller's to keep (`Position`).
 */
export function restore(snapshot: SaleSnapshot): SaleState {
  const restoring = restoreInParts(snapshot);
  for (;;) {
    const part = restoring.next();
    if (part.done === true) return part.value;
  }
}

/** Reservations put back in one go: some 20 ms. */
const PART_RESERVATIONS = 10_000;

/** The same for whoever has other things to do as well: it yields between parts, and returns the state. */
export function* restoreInParts(snapshot: SaleSnapshot): Generator<undefined, SaleState> {
  const state = initialState(snapshot.saleId);
  const { terms } = snapshot;
  state.terms = terms;
  state.status = snapshot.status;
  state.seq = snapshot.seq;
  state.stock = new Stock(terms.items);
  assert(
    snapshot.items.length === terms.items.length,
    `the ledger has counters of ${snapshot.items.length} items, the terms name ${terms.items.length}`,
  );
  for (const { sku, ...counts } of snapshot.items) {
    const item = state.stock.item(sku);
    assert(item !== undefined, `the ledger has counters of ${sku}, which the terms do not name`);
    state.stock.reset(item, counts);
  }
  if (terms.per_user_limit !== null) for (const { user, units } of snapshot.bought) state.usage.change(user, units, 0);

  // The waitlist is in the order of the seqs, so it is put back in that order.
  let restored = 0;
  for (const live of snapshot.live.toSorted((a, b) => a.decidedSeq - b.decidedSeq)) {
    if (++restored % PART_RESERVATIONS === 0) yield;
    const { id, user, status, allowPartial, extended, decidedSeq, expiresAt } = live;
    const slot = state.reservations.add({ id, user, status, lines: linesOf(state, live.items), allowPartial, extended, decidedSeq });
    assert((expiresAt === null) === (status === 'waitlisted'), `reservation ${id} is ${status} with deadline ${expiresAt}`);
    if (expiresAt === null) state.waitlist.join(slot);
    else restoreHold(state, slot, expiresAt);
  }
  // Whose turn has come is not stored: the first record finds out.
  state.waitlist.allChanged();
  state.behind = true;
  for (const { items, ...order } of snapshot.orders) state.orders.add({ ...order, lines: linesOf(state, items) });
  return state;
}
