import type { DecidedEvent } from '#schemas/event.ts';
import type { OrderId } from '#schemas/ids.ts';
import { assert } from '#shared/faults/assert.ts';
import { assertTransition, endReservation, liveSlot, notLiving } from './evolve-reservation.ts';
import { extendHold, sellFreeUnits, sellHold } from './hold.ts';
import type { LiveOrderRecord } from './live-orders.ts';
import { orderState } from './past.ts';
import type { PastOrder, SaleState } from './state.ts';
import { ORDER_TRANSITIONS, type OrderOutcome, type OrderTrigger } from './transitions.ts';

type OrderEvent = Extract<DecidedEvent, { type: 'checkout.requested' | `payment.${string}` | `order.${string}` | `refund.${string}` }>;
type Confirmed = Extract<DecidedEvent, { type: 'order.confirmed' }>;
type RefundRequested = Extract<DecidedEvent, { type: 'refund.requested' }>;
type Failed = Extract<DecidedEvent, { type: 'order.failed' }>;

export function evolveOrder(state: SaleState, event: OrderEvent): void {
  const { reservations } = state;
  const id = event.order_id;
  switch (event.type) {
    case 'checkout.requested': {
      assertOrder(state, id, 'check_out', 'pending');
      const slot = liveSlot(state, event.reservation_id);
      assertTransition(reservations.status(slot), 'check_out', 'paying');
      reservations.setStatus(slot, 'paying');
      extendHold(state, slot, event.expires_at);
      state.orders.add({
        id,
        reservationId: event.reservation_id,
        user: event.user,
        lines: reservations.lines(slot),
        amount: event.amount,
        currency: event.currency,
        status: 'pending',
      });
      return state.decisions.record(id, event.seq, { fingerprint: event.fingerprint, seq: event.seq });
    }
    case 'payment.succeeded':
      // What it leads to is the next event: the order is confirmed or a refund is asked for.
      return assertOrder(state, id, 'payment_succeeds', event.late ? 'late' : 'paid');
    case 'payment.failed':
      assertOrder(state, id, 'payment_fails', 'failed');
      // In time, `order.failed` follows; late, the order had failed before and this was the last word.
      if (event.late) endOrder(state, liveOrder(state, id), 'failed');
      return;
    case 'order.confirmed':
      return evolveConfirmed(state, event);
    case 'order.failed':
      return evolveFailed(state, event);
    case 'refund.requested':
      return evolveRefund(state, event);
    case 'refund.completed':
      assertOrder(state, id, 'refund_completes', 'refunded');
      return endOrder(state, liveOrder(state, id), 'refunded');
  }
}

function evolveRefund(state: SaleState, event: RefundRequested): void {
  const { order_id: id, reservation_id: reservationId, user, amount, currency } = event;
  assertOrder(state, id, 'refund', 'refunding');
  const order = state.orders.get(id);
  if (order !== undefined) return state.orders.setStatus(order, 'refunding');
  // It had failed for good and lives again until it is paid back; its units are no longer its business.
  state.orders.add({ id, reservationId, user, lines: [], amount, currency, status: 'refunding' });
}

function evolveConfirmed(state: SaleState, event: Confirmed): void {
  const order = liveOrder(state, event.order_id);
  if (event.reacquired) {
    assertOrder(state, order.id, 'reacquire', 'paid');
    assertTransition(notLiving(state, order.reservationId), 'reacquire', 'confirmed');
    sellFreeUnits(state, order.lines);
    if (state.terms!.per_user_limit !== null) state.usage.change(order.user, unitsOf(order), 0);
    state.pastReservations.record(order.reservationId, state.seq, { user: order.user, status: 'confirmed' });
  } else {
    assertOrder(state, order.id, 'payment_succeeds', 'paid');
    const slot = liveSlot(state, order.reservationId);
    assertTransition(state.reservations.status(slot), 'confirm', 'confirmed');
    sellHold(state, slot);
    endReservation(state, slot, 'confirmed');
  }
  endOrder(state, order, 'paid');
}

/** The hold goes on, or `reservation.released` follows. */
function evolveFailed(state: SaleState, event: Failed): void {
  const order = liveOrder(state, event.order_id);
  const slot = liveSlot(state, order.reservationId);
  const before = state.reservations.status(slot);
  if (event.reservation_status === 'held') {
    assertTransition(before, 'payment_fails_hold_goes_on', 'held');
    state.reservations.setStatus(slot, 'held');
  } else {
    assertTransition(before, 'payment_fails_hold_ends', 'released');
  }
  if (event.reason === 'deadline') {
    assertOrder(state, order.id, 'deadline_passes', 'failed_open');
    state.orders.setStatus(order, 'failed');
  } else {
    assertOrder(state, order.id, 'payment_fails', 'failed');
    endOrder(state, order, 'failed');
  }
}

function endOrder(state: SaleState, order: LiveOrderRecord, status: PastOrder['status']): void {
  state.orders.remove(order);
  const { id, reservationId, user, amount, currency } = order;
  state.pastOrders.record(id, state.seq, status === 'failed' ? { status, id, reservationId, user, amount, currency } : { status });
}

function liveOrder(state: SaleState, id: OrderId): LiveOrderRecord {
  const order = state.orders.get(id);
  assert(order !== undefined, `order ${id} does not live`);
  return order;
}

function assertOrder(state: SaleState, id: OrderId, trigger: OrderTrigger, to: OrderOutcome): void {
  const from = orderState(state, id);
  assert(ORDER_TRANSITIONS[from][trigger] === to, `an order that is ${from} cannot become ${to} by ${trigger}`);
}

function unitsOf({ lines }: LiveOrderRecord): number {
  return lines.reduce((sum, { quantity }) => sum + quantity, 0);
}
