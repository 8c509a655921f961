import type { RequestedItem } from '#schemas/command.ts';
import type { Event, NotGranted } from '#schemas/event.ts';
import type { EpochMs } from '#schemas/ids.ts';
import { utcTime } from '#shared/proof/utc.ts';
import type { OrderRow } from '#shared/ledger/read/orders.ts';
import type { LinePlace } from '#shared/ledger/read/progress.ts';
import type { ReservationRow } from '#shared/ledger/read/reservations.ts';
import type { SaleCard } from '#shared/ledger/read/sale-card.ts';
import type { Note202 } from './answered-202.ts';

/** How reservations and orders look to the user they belong to. */

type EventOf<Type extends Event['type']> = Extract<Event, { type: Type }>;

/** Of what the line has come to. */
export const DECIDED_PLACE = { ahead: 0, estimated_wait_ms: 0 };

function priced(card: SaleCard, items: readonly RequestedItem[]): object[] {
  return items.map(({ sku, quantity }) => ({ sku, quantity, unit_price: card.prices.get(sku) ?? 0, currency: card.currency }));
}

/** What the items cost, in minor units. */
export function amountOf(card: SaleCard, items: readonly RequestedItem[]): number {
  return items.reduce((sum, { sku, quantity }) => sum + (card.prices.get(sku) ?? 0) * quantity, 0);
}

const secondsUntil = (ms: number, now: number): number => Math.max(0, Math.floor((ms - now) / 1_000));

/** A reservation as the event that answered the request left it. */
export function reservationOfEvent(
  event: EventOf<'reservation.created'> | EventOf<'reservation.waitlisted'>,
  card: SaleCard,
  userId: string,
  now: number,
): object {
  const held = event.type === 'reservation.created' ? event : null;
  return {
    id: event.reservation_id,
    sale_id: event.sale_id,
    user_id: userId,
    status: held === null ? 'waitlisted' : 'held',
    items: priced(card, event.items),
    ...(held?.not_granted === undefined ? {} : { not_granted: held.not_granted satisfies NotGranted[] }),
    ...(held === null ? {} : { expires_at: held.expires_at, expires_in_seconds: secondsUntil(Date.parse(held.expires_at), now) }),
    queue: { offset: event.offset, ...DECIDED_PLACE },
    seq: event.seq,
    created_at: event.at,
  };
}

/** A reservation as it stands. */
export function reservationOfRow(row: ReservationRow, card: SaleCard, userId: string, now: number): object {
  const deadline = row.status === 'held' || row.status === 'paying' ? row.expires_at_ms : null;
  return {
    id: row.id,
    sale_id: row.sale_id,
    user_id: userId,
    status: row.status,
    ...(row.reason === null ? {} : { reason: row.reason }),
    items: priced(card, row.items),
    ...(row.not_granted === null ? {} : { not_granted: row.not_granted }),
    ...(deadline === null ? {} : { expires_at: utcTime(deadline as EpochMs), expires_in_seconds: secondsUntil(deadline, now) }),
    queue: { offset: row.command_offset, ...DECIDED_PLACE },
    seq: row.seq,
    created_at: utcTime(row.created_at_ms as EpochMs),
  };
}

/** A reservation that is still in the line. */
export function reservationOfNote(id: string, note: Note202, card: SaleCard, userId: string, queue: LinePlace): object {
  return {
    id,
    sale_id: note.sale_id,
    user_id: userId,
    status: 'queued',
    items: priced(card, note.items ?? []),
    queue,
    created_at: utcTime(note.accepted_at_ms as EpochMs),
  };
}

/** An order as it stands. */
export function orderOfRow(row: OrderRow): object {
  return {
    id: row.id,
    reservation_id: row.reservation_id,
    sale_id: row.sale_id,
    status: row.status,
    // A payment that came late after all has made the reason history.
    ...(row.failure_reason === null || row.status === 'paid' ? {} : { reason: row.failure_reason }),
    amount: row.amount,
    currency: row.currency,
    seq: row.seq,
    created_at: utcTime(row.created_at_ms as EpochMs),
  };
}

/** An order as checkout made it. */
export function orderOfEvent(event: EventOf<'checkout.requested'>): object {
  return {
    id: event.order_id,
    reservation_id: event.reservation_id,
    sale_id: event.sale_id,
    status: 'pending',
    amount: event.amount,
    currency: event.currency,
    seq: event.seq,
    created_at: event.at,
  };
}

/** An order that is still in the line. */
export function orderOfNote(id: string, note: Note202, queue: LinePlace): object {
  return {
    id,
    reservation_id: note.reservation_id,
    sale_id: note.sale_id,
    status: 'pending',
    ...(note.amount === undefined ? {} : { amount: note.amount, currency: note.currency }),
    queue,
    created_at: utcTime(note.accepted_at_ms as EpochMs),
  };
}
