import type { Event, RequestRefusal, ReservationRefusal } from '#schemas/event.ts';
import { problem, type Problem } from './problem.ts';

/** Refusals that the line decided, as the client is told them. Pure functions of the event, so that a replay says the same. */

const RESERVATION_DETAILS: Record<Exclude<ReservationRefusal, 'malformed' | 'idempotency_conflict'>, string> = {
  sale_not_open: 'the sale has not opened yet',
  sale_paused: 'the sale is paused',
  sale_closed: 'the sale is closed',
  unknown_item: 'the sale has no item with a sku that was asked for',
  active_hold_exists: 'as many reservations as the sale allows are held already',
  per_user_limit: 'with this the user would hold or have bought more units than the sale allows',
  sold_out: 'nothing is left of an item that was asked for',
  insufficient_stock: 'less is left than was asked for',
};

/** A refused reservation: 409 or 422. */
export function reservationRefused(event: Extract<Event, { type: 'reservation.rejected' }>): Problem {
  const { reason } = event;
  if (reason === 'idempotency_conflict') return keyReused();
  // The edge makes only commands that can be parsed: had one come out malformed, that would be a bug of ours.
  if (reason === 'malformed')
    return problem('internal_error', 'the request was damaged on its way; send it again with a new idempotency key');
  return problem(reason, RESERVATION_DETAILS[reason], {
    extra: { reservation_id: event.reservation_id, sale_id: event.sale_id, seq: event.seq },
    ...(reason === 'unknown_item' ? { errors: [{ pointer: '/items', reason: 'has a sku that the sale has not' }] } : {}),
  });
}

const REQUEST_DETAILS: Record<Exclude<RequestRefusal, 'idempotency_conflict' | 'reservation_not_found'>, string> = {
  not_cancellable: 'the reservation is being paid, is confirmed, or has ended',
  reservation_not_held: 'only a held reservation can be ordered',
  invalid_transition: 'the sale cannot go there from the status it is in',
  unknown_item: 'the sale has no item with this sku',
  stock_below_committed: 'that would leave less than what is held and sold',
};

/** Any other refused request: 404, 409 or 422. */
export function requestRefused(event: Extract<Event, { type: 'request.rejected' }>): Problem {
  const { reason } = event;
  if (reason === 'idempotency_conflict') return keyReused();
  if (reason === 'reservation_not_found') return problem('not_found', 'there is no such reservation');
  return problem(reason, REQUEST_DETAILS[reason], {
    extra: {
      ...(event.reservation_id === undefined ? {} : { reservation_id: event.reservation_id }),
      ...(event.reservation_status === undefined ? {} : { reservation_status: event.reservation_status }),
      sale_id: event.sale_id,
      seq: event.seq,
    },
    ...(reason === 'unknown_item' ? { errors: [{ pointer: '/sku', reason: 'is not sold in this sale' }] } : {}),
  });
}

export function keyReused(): Problem {
  return problem('idempotency_key_reused', 'this user sent the key before with another body; make a new key for a new request');
}
