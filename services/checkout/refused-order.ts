import type { Event } from '#schemas/event.ts';

/** An order that was told 202 and then refused by the line: it never came to a payment. */
export function refusedAfter202(event: Extract<Event, { type: 'request.rejected' }>): object {
  return {
    id: event.key,
    reservation_id: event.reservation_id,
    sale_id: event.sale_id,
    status: 'failed',
    reason: event.reason,
    ...(event.reservation_status === undefined ? {} : { reservation_status: event.reservation_status }),
    seq: event.seq,
    created_at: event.at,
  };
}
