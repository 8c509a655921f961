import type { DecidedEvent } from '#schemas/event.ts';
import { assert, unreachable } from '#shared/faults/assert.ts';
import { evolveOrder } from './evolve-order.ts';
import { evolveReservation } from './evolve-reservation.ts';
import { evolveSale } from './evolve-sale.ts';
import type { SaleState } from './state.ts';

/**
 * Applies one event in place and returns the same state. Asserts that the event is
 * the next one, that its transition is in the tables, and that the counters it
 * carries are those that stand after it: a replay checks itself.
 */
export function evolve(state: SaleState, event: DecidedEvent): SaleState {
  assert(event.sale_id === state.saleId, `an event of sale ${event.sale_id} is no event of sale ${state.saleId}`);
  assert(event.seq === state.seq + 1, `event ${event.seq} does not follow event ${state.seq}`);
  assert(event.at >= state.lastAt, `event ${event.seq} is before the time of the one before it`);
  assert(event.offset >= state.lastOffset, `event ${event.seq} comes from an offset before that of the one before it`);
  state.seq = event.seq;
  state.lastAt = event.at;
  state.lastOffset = event.offset;
  // Whoever only follows events cannot tell; `advance` can, and says so when it has done.
  state.behind = true;
  apply(state, event);
  if ('counts' in event) assert(state.stock.agreesWith(event.counts), `event ${event.seq} carries other counters than stand after it`);
  return state;
}

function apply(state: SaleState, event: DecidedEvent): void {
  switch (event.type) {
    case 'sale.scheduled':
    case 'sale.opened':
    case 'sale.paused':
    case 'sale.resumed':
    case 'sale.closed':
    case 'stock.changed':
      return evolveSale(state, event);
    case 'reservation.created':
    case 'reservation.waitlisted':
    case 'reservation.offered':
    case 'reservation.rejected':
    case 'reservation.cancelled':
    case 'reservation.expired':
    case 'reservation.released':
      return evolveReservation(state, event);
    case 'checkout.requested':
    case 'payment.succeeded':
    case 'payment.failed':
    case 'order.confirmed':
    case 'order.failed':
    case 'refund.requested':
    case 'refund.completed':
      return evolveOrder(state, event);
    case 'request.rejected':
      // A conflict is on record and decides nothing: the key keeps its first decision.
      if (event.reason === 'idempotency_conflict') return;
      return state.decisions.record(event.key, event.seq, { fingerprint: event.fingerprint, seq: event.seq });
    default:
      return unreachable(event);
  }
}
