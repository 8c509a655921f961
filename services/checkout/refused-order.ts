import type { Event } from '#schemas/event.ts';

/** What an order costs, in minor units. */
export interface Price {
  readonly amount: number;
  readonly currency: string;
}

/** An order that was told 202 and then refused by the line: it never came to a payment. Without a price where the reservation is not known. */
export function refusedAfter202(event: Extract<Event, { type: 'request.rejected' }>, price: Price | null): object {
  return {
    id: event.key,
    reservation_id: event.reservation_id,
    sale_id: event.sale_id,
    status: 'failed',
    reason: event.reason,
    ...(event.reservation_status === undefined ? {} : { reservation_status: event.reservation_status }),
    ...price,
    seq: event.seq,
    created_at: event.at,
  };
}
