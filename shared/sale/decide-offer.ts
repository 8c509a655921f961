import type { DecidedEvent, ReservationRefusal } from '#schemas/event.ts';
import { holdDeadline } from './decide-reservation.ts';
import { grant } from './grant.ts';
import { hasHoldsEnough, unitsLeft } from './limits.ts';
import { envelope, type Occasion } from './occasion.ts';
import type { SaleState } from './state.ts';
import { availableTo, firstToServe } from './turn.ts';

/**
 * The next of the waitlist whose turn it is, offered his units or turned away; null
 * when it is nobody's turn. Looks only at items of which something changed.
 */
export function decideOffer(state: SaleState, occasion: Occasion): DecidedEvent | null {
  const { waitlist, reservations } = state;
  let next = -1;
  for (const item of waitlist.due) {
    const slot = firstToServe(state, item);
    if (slot === -1) waitlist.served(item);
    else if (next === -1 || reservations.decidedSeq(slot) < reservations.decidedSeq(next)) next = slot;
  }
  return next === -1 ? null : serve(state, next, occasion);
}

/** The next of the waitlist of a closed sale is turned away; null where nobody waits. */
export function decideTurnAway(state: SaleState, occasion: Occasion): DecidedEvent | null {
  const slot = state.waitlist.longest();
  return slot === -1 ? null : turnAway(state, slot, occasion, 'sale_closed');
}

function serve(state: SaleState, slot: number, occasion: Occasion): DecidedEvent {
  const { reservations, stock } = state;
  const reservation_id = reservations.id(slot);
  const user = reservations.user(slot);
  if (hasHoldsEnough(state, user)) return turnAway(state, slot, occasion, 'active_hold_exists');
  const lines = reservations.lines(slot);
  const left = unitsLeft(state, user);
  const partial = reservations.allowsPartial(slot);
  const asked = lines.reduce((sum, { quantity }) => sum + quantity, 0);
  if (partial ? left === 0 : asked > left) return turnAway(state, slot, occasion, 'per_user_limit');
  const granted = grant(
    lines,
    partial,
    (item) => availableTo(state, slot, item),
    left,
    (item) => stock.sku(item),
  );
  if (granted.lines.length === 0) return turnAway(state, slot, occasion, 'insufficient_stock');
  return {
    ...envelope(state, occasion),
    type: 'reservation.offered',
    reservation_id,
    user,
    items: granted.items,
    ...(granted.notGranted.length > 0 && { not_granted: granted.notGranted }),
    expires_at: holdDeadline(state, occasion),
    counts: stock.countsAfter(granted.lines, 1, 0),
  };
}

function turnAway(state: SaleState, slot: number, occasion: Occasion, reason: ReservationRefusal): DecidedEvent {
  const { reservations } = state;
  return {
    ...envelope(state, occasion),
    type: 'reservation.rejected',
    reservation_id: reservations.id(slot),
    user: reservations.user(slot),
    reason,
  };
}
