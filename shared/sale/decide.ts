import type { Command } from '#schemas/command.ts';
import type { DecidedEvent } from '#schemas/event.ts';
import type { EpochMs, Offset, OrderId, RequestKey, Seq } from '#schemas/ids.ts';
import { unreachable } from '#shared/faults/assert.ts';
import { decideCheckout, decidePaymentFailure, decidePaymentSuccess, decideRefundCompleted } from './decide-order.ts';
import { decideCancel, decideReservation, rejectReservation } from './decide-reservation.ts';
import { decideSaleStatus, decideSchedule, decideStock } from './decide-sale.ts';
import type { Occasion } from './occasion.ts';
import { rejectRequest, type Request } from './reject-request.ts';
import type { SaleState } from './state.ts';

export interface Moment {
  /** Logical time. */
  readonly at: EpochMs;
  readonly offset: Offset;
}

/** `repeated`: event `seq` answered it earlier. `nothing`: a tick, a payment result known already, or a sale of which nothing is decided. */
export type Decision =
  | { readonly kind: 'decided'; readonly events: readonly DecidedEvent[] }
  | { readonly kind: 'repeated'; readonly seq: Seq }
  | { readonly kind: 'nothing' };

const NOTHING: Decision = { kind: 'nothing' };

/**
 * What a command leads to, as things stand. Reads the state and changes nothing;
 * the same state and command give the same events. Whatever falls due by `moment.at`
 * must have ended before (see `advance`), and what the command refers to must be
 * known or learned (see `unknownTo`). The first event is the command's answer.
 */
export function decide(state: SaleState, command: Command, moment: Moment): Decision {
  if (state.terms === null && command.type !== 'sale.schedule') return NOTHING;
  const { at, offset } = moment;
  const occasion: Occasion = { at, offset, requestId: command.request_id, traceparent: command.traceparent };
  switch (command.type) {
    case 'tick':
      return NOTHING;
    case 'payment.succeeded':
      return decided(decidePaymentSuccess(state, command, occasion));
    case 'payment.failed':
      return decided(decidePaymentFailure(state, command, occasion));
    case 'refund.completed':
      return decided(decideRefundCompleted(state, command, occasion));
    case 'reservation.create': {
      const earlier = state.decisions.get(command.reservation_id);
      if (earlier === undefined) return decided(decideReservation(state, command, occasion));
      if (earlier.fingerprint === command.fingerprint) return { kind: 'repeated', seq: earlier.seq };
      return decided(rejectReservation(state, command, occasion, 'idempotency_conflict'));
    }
    case 'checkout.request':
      return decideRequest(state, command, command.order_id, occasion);
    case 'reservation.cancel':
    case 'stock.change':
    case 'sale.schedule':
    case 'sale.open':
    case 'sale.pause':
    case 'sale.resume':
    case 'sale.close':
      return decideRequest(state, command, command.key, occasion);
    default:
      return unreachable(command);
  }
}

/** Idempotency comes before any other rule. */
function decideRequest(state: SaleState, command: Request, key: RequestKey | OrderId, occasion: Occasion): Decision {
  const earlier = state.decisions.get(key);
  if (earlier !== undefined) {
    if (earlier.fingerprint === command.fingerprint) return { kind: 'repeated', seq: earlier.seq };
    return decided(rejectRequest(state, command, key, occasion, 'idempotency_conflict'));
  }
  switch (command.type) {
    case 'checkout.request':
      return decided(decideCheckout(state, command, occasion));
    case 'reservation.cancel':
      return decided(decideCancel(state, command, occasion));
    case 'stock.change':
      return decided(decideStock(state, command, occasion));
    case 'sale.schedule':
      return decided(decideSchedule(state, command, occasion));
    case 'sale.open':
    case 'sale.pause':
    case 'sale.resume':
    case 'sale.close':
      return decided(decideSaleStatus(state, command, occasion));
    default:
      return unreachable(command);
  }
}

function decided(events: DecidedEvent | readonly DecidedEvent[] | null): Decision {
  if (events === null) return NOTHING;
  return { kind: 'decided', events: 'length' in events ? events : [events] };
}
