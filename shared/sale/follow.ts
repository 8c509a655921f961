import type { DecidedEvent } from '#schemas/event.ts';
import { evolve } from './evolve.ts';
import { learn } from './learn.ts';
import { orderState } from './past.ts';
import type { SaleState } from './state.ts';

/**
 * `evolve` for whoever follows a log that another decides: what the decider had
 * looked up in the ledger, a follower takes from the event itself, because the ledger
 * may be further on by now. It may forget everything it has followed, at any time.
 */
export function follow(state: SaleState, event: DecidedEvent): SaleState {
  const isAboutPastOrder = event.type === 'refund.requested' || (event.type === 'payment.succeeded' && event.late);
  if (isAboutPastOrder && orderState(state, event.order_id) === 'none') {
    // A late payment of an order that does not live any more is of one that had failed for good. Its amount stands in the
    // refund, the next event of the same decision, from which it is taken: nothing is decided between the two.
    const { order_id: id, reservation_id: reservationId, user } = event;
    const failed = { id, status: 'failed', reservationId, user, amount: 0, currency: '' } as const;
    learn(state, { decisions: [], reservations: [], orders: [failed] });
  }
  return evolve(state, event);
}
