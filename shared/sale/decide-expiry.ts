import type { DecidedEvent } from '#schemas/event.ts';
import { assert } from '#shared/faults/assert.ts';
import { failAndRelease } from './decide-order.ts';
import { envelope, type Occasion } from './occasion.ts';
import type { SaleState } from './state.ts';

/** The hold in this slot has reached its deadline: a hold expires, a payment that has not come fails its order. */
export function decideExpiry(state: SaleState, slot: number, occasion: Occasion): DecidedEvent[] {
  const { reservations } = state;
  assert(reservations.deadline(slot) <= occasion.at, 'no hold ends before its deadline');
  const reservation_id = reservations.id(slot);
  if (reservations.status(slot) === 'paying') {
    const order = state.orders.pendingOf(reservation_id);
    assert(order !== undefined, `reservation ${reservation_id} is being paid without an order`);
    return failAndRelease(state, order, occasion, 'deadline', 0);
  }
  return [
    {
      ...envelope(state, occasion),
      type: 'reservation.expired',
      reservation_id,
      user: reservations.user(slot),
      counts: state.stock.countsAfter(reservations.lines(slot), -1, 0),
    },
  ];
}
