import type { DecidedEvent } from '#schemas/event.ts';
import { nameOf } from './commands.ts';

type Items = readonly { readonly sku: string; readonly quantity: number }[];

/**
 * An event on one line, so that a table of expectations can be scanned: what
 * happened, to which request, and the counters after it as `A 5/2/1` (total, held,
 * sold). `reservation.created r1 A:2 until 10000 {A 5/2/0}`.
 */
export function shown(event: DecidedEvent): string {
  const words: string[] = [event.type];
  if ('request' in event) words.push(event.request);
  if ('order_id' in event) words.push(nameOf(event.order_id));
  if ('reservation_id' in event && event.reservation_id !== undefined) words.push(nameOf(event.reservation_id));
  if ('key' in event && event.key !== undefined) words.push(`by ${nameOf(event.key)}`);
  if ('record_sha256' in event) words.push(`record ${event.record_sha256!}`);
  if (event.type === 'reservation.created' || event.type === 'reservation.waitlisted' || event.type === 'reservation.offered') {
    words.push(shownItems(event.items));
  }
  if ('not_granted' in event) words.push(...event.not_granted!.map(({ sku, quantity, reason }) => `not ${sku}:${quantity} ${reason}`));
  if ('amount' in event) words.push(`${event.amount} ${event.currency}`);
  if ('expires_at' in event) words.push(`until ${event.expires_at}`);
  if ('late' in event && event.late) words.push('late');
  if ('reacquired' in event && event.reacquired) words.push('reacquired');
  if ('reason' in event) words.push(event.reason);
  if ('reservation_status' in event) words.push(event.reservation_status!);
  if ('counts' in event) {
    const counts = Object.entries(event.counts).map(([sku, { total, held, sold }]) => `${sku} ${total}/${held}/${sold}`);
    words.push(`{${counts.sort().join(', ')}}`);
  }
  return words.join(' ');
}

function shownItems(items: Items): string {
  return items.map(({ sku, quantity }) => `${sku}:${quantity}`).join(' ');
}
