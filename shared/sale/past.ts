import type { ReservationStatus } from '#schemas/event.ts';
import type { OrderId, ReservationId, UserRef } from '#schemas/ids.ts';
import type { SaleState } from './state.ts';
import type { OrderState } from './transitions.ts';

/** What became of a reservation, for its own user: another's is not found. `slot` is -1 where it no longer lives. */
export function reservationFor(
  state: SaleState,
  id: ReservationId,
  user: UserRef,
): { readonly status: ReservationStatus; readonly slot: number } | null {
  const slot = state.reservations.find(id);
  if (slot !== -1) return state.reservations.isOf(slot, user) ? { status: state.reservations.status(slot), slot } : null;
  const past = state.pastReservations.get(id);
  return past?.user === user ? { status: past.status, slot: -1 } : null;
}

export function orderState(state: SaleState, id: OrderId): OrderState {
  const live = state.orders.get(id);
  if (live !== undefined) return live.status === 'failed' ? 'failed_open' : live.status;
  return state.pastOrders.get(id)?.status ?? 'none';
}
