import type { ReportPaymentFailed, ReportPaymentSucceeded, ReportRefundCompleted, RequestCheckout } from '#schemas/command.ts';
import type { DecidedEvent } from '#schemas/event.ts';
import type { EpochMs, OrderId } from '#schemas/ids.ts';
import { assert } from '#shared/faults/assert.ts';
import type { LiveOrderRecord } from './live-orders.ts';
import { answerEnvelope, envelope, type Occasion } from './occasion.ts';
import { orderState, reservationFor } from './past.ts';
import { rejectRequest } from './reject-request.ts';
import type { SaleState } from './state.ts';
import { ORDER_TRANSITIONS, RESERVATION_TRANSITIONS } from './transitions.ts';

/** Checkout extends the hold, once, so that a slow gateway does not lose the buyer's units. */
export function decideCheckout(state: SaleState, command: RequestCheckout, occasion: Occasion): DecidedEvent {
  const found = reservationFor(state, command.reservation_id, command.user);
  const status = found?.status ?? 'none';
  const outcome = RESERVATION_TRANSITIONS[status].check_out;
  if (outcome !== 'paying') return rejectRequest(state, command, command.order_id, occasion, outcome, status);
  const { slot } = found!;
  const terms = state.terms!;
  const deadline = state.reservations.deadline(slot);
  const extended = state.reservations.isExtended(slot) ? deadline : Math.max(deadline, occasion.at + terms.payment_seconds * 1000);
  return {
    ...answerEnvelope(state, occasion, command),
    type: 'checkout.requested',
    order_id: command.order_id,
    reservation_id: command.reservation_id,
    user: command.user,
    amount: state.stock.amount(state.reservations.lines(slot)),
    currency: terms.items[0]!.currency,
    expires_at: extended as EpochMs,
    respond_async: command.respond_async,
  };
}

/** A captured payment ends in a confirmed order or in a refund (I9); null where it was decided already. */
export function decidePaymentSuccess(state: SaleState, command: ReportPaymentSucceeded, occasion: Occasion): DecidedEvent[] | null {
  const before = orderState(state, command.order_id);
  const outcome = ORDER_TRANSITIONS[before].payment_succeeds;
  if (outcome === 'nothing') return null;
  const live = state.orders.get(command.order_id);
  const order = live ?? failedOrder(state, command.order_id);
  const late = outcome === 'late';
  const succeeded: DecidedEvent = {
    ...envelope(state, occasion),
    type: 'payment.succeeded',
    ...refs(order),
    charge_id: command.charge_id,
    late,
  };
  if (live !== undefined && (!late || mayReacquire(state, live))) {
    const counts = state.stock.countsAfter(live.lines, late ? 0 : -1, 1);
    return [succeeded, { ...envelope(state, occasion, 1), type: 'order.confirmed', ...refs(order), reacquired: late, counts }];
  }
  const { amount, currency } = order;
  return [succeeded, { ...envelope(state, occasion, 1), type: 'refund.requested', ...refs(order), amount, currency }];
}

/** One that had failed for good. */
function failedOrder(state: SaleState, id: OrderId) {
  const past = state.pastOrders.get(id);
  assert(past?.status === 'failed', `order ${id} has not failed and is not known otherwise`);
  return past;
}

/** null where it was decided already. */
export function decidePaymentFailure(state: SaleState, command: ReportPaymentFailed, occasion: Occasion): DecidedEvent[] | null {
  const before = orderState(state, command.order_id);
  if (ORDER_TRANSITIONS[before].payment_fails === 'nothing') return null;
  const order = state.orders.get(command.order_id)!;
  const { reason } = command;
  const late = before === 'failed_open';
  const failed: DecidedEvent = { ...envelope(state, occasion), type: 'payment.failed', ...refs(order), reason, late };
  if (late) return [failed];
  if (state.terms!.on_payment_failure === 'keep_hold') {
    return [failed, { ...envelope(state, occasion, 1), type: 'order.failed', ...refs(order), reason, reservation_status: 'held' }];
  }
  return [failed, ...failAndRelease(state, order, occasion, reason, 1)];
}

/** null where there is no refund to complete. */
export function decideRefundCompleted(state: SaleState, command: ReportRefundCompleted, occasion: Occasion): DecidedEvent | null {
  if (ORDER_TRANSITIONS[orderState(state, command.order_id)].refund_completes === 'nothing') return null;
  const order = state.orders.get(command.order_id)!;
  return { ...envelope(state, occasion), type: 'refund.completed', ...refs(order), refund_id: command.refund_id };
}

/** The order has failed and takes its hold with it; `ahead` events of the same decision stand before. */
export function failAndRelease(
  state: SaleState,
  order: LiveOrderRecord,
  occasion: Occasion,
  reason: 'declined' | 'gave_up' | 'deadline',
  ahead: number,
): DecidedEvent[] {
  const { reservation_id, user } = refs(order);
  const counts = state.stock.countsAfter(order.lines, -1, 0);
  return [
    { ...envelope(state, occasion, ahead), type: 'order.failed', ...refs(order), reason, reservation_status: 'released' },
    { ...envelope(state, occasion, ahead + 1), type: 'reservation.released', reservation_id, user, reason: 'payment_failed', counts },
  ];
}

/** The payer goes before the waitlist: he has paid. */
function mayReacquire(state: SaleState, order: LiveOrderRecord): boolean {
  assert(order.status === 'failed', `order ${order.id} is ${order.status}, its reservation cannot be reacquired`);
  return state.terms!.late_payment === 'reacquire' && order.lines.every(({ item, quantity }) => quantity <= state.stock.free(item));
}

function refs(order: Pick<LiveOrderRecord, 'id' | 'reservationId' | 'user'>) {
  return { order_id: order.id, reservation_id: order.reservationId, user: order.user };
}
