import { createHash } from 'node:crypto';
import type { Command, RequestedItem } from '#schemas/command.ts';
import type { EpochMs, Fingerprint, OrderId, RequestKey, ReservationId, SaleId, Sku, UserRef } from '#schemas/ids.ts';
import type { SaleTerms } from '#schemas/terms.ts';

/** Commands as a test would say them: `reserve('r1', 'ann', 'A:2')`. Names become ids; the same name is the same id. */

export const SALE = 'sale' as SaleId;

const names = new Map<string, string>();

function idOf(kind: string, name: string): string {
  const hex = createHash('sha256').update(`${kind} ${name}`).digest('hex');
  const id = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
  names.set(id, name);
  return id;
}

/** The name an id was made from. */
export function nameOf(id: string): string {
  return names.get(id) ?? id;
}

export const user = (name: string) => idOf('user', name) as UserRef;
export const reservation = (name: string) => idOf('reservation', name) as ReservationId;
export const order = (name: string) => idOf('order', name) as OrderId;
export const requestKey = (name: string) => idOf('request', name) as RequestKey;
export const fingerprint = (of: string) => createHash('sha256').update(of).digest('hex').slice(0, 32) as Fingerprint;

/** `A:2 B` is two of A and one of B. */
export function items(said: string): RequestedItem[] {
  return said.split(' ').map((item) => {
    const [sku, quantity] = item.split(':');
    return { sku: sku as Sku, quantity: Number(quantity ?? 1) };
  });
}

function envelope(of: string) {
  return { v: 1, sale_id: SALE, request_id: `request of ${of}` } as const;
}

function keyed(of: string, content: string) {
  return { ...envelope(of), fingerprint: fingerprint(content), accepted_at: 1 as EpochMs };
}

/** `content` is what the fingerprint is of: another one under the same name is a conflict. */
export function reserve(name: string, userName: string, said: string, { partial = false, content = '' } = {}): Command {
  return {
    ...keyed(name, `${said} ${String(partial)} ${content}`),
    type: 'reservation.create',
    reservation_id: reservation(name),
    user: user(userName),
    items: items(said),
    allow_partial: partial,
    respond_async: false,
  };
}

export function cancel(name: string, reservationName: string, userName: string, content = ''): Command {
  return {
    ...keyed(name, content),
    type: 'reservation.cancel',
    key: requestKey(name),
    reservation_id: reservation(reservationName),
    user: user(userName),
  };
}

export function checkOut(name: string, reservationName: string, userName: string, content = ''): Command {
  return {
    ...keyed(name, content),
    type: 'checkout.request',
    order_id: order(name),
    reservation_id: reservation(reservationName),
    user: user(userName),
    payment_method_id: 'pm_ok',
    respond_async: false,
  };
}

export function paid(orderName: string, reservationName: string): Command {
  return {
    ...envelope(`payment of ${orderName}`),
    type: 'payment.succeeded',
    order_id: order(orderName),
    reservation_id: reservation(reservationName),
    charge_id: `charge ${orderName}`,
  };
}

export function declined(orderName: string, reservationName: string, reason: 'declined' | 'gave_up' = 'declined'): Command {
  return {
    ...envelope(`payment of ${orderName}`),
    type: 'payment.failed',
    order_id: order(orderName),
    reservation_id: reservation(reservationName),
    reason,
  };
}

export function refunded(orderName: string, reservationName: string): Command {
  return {
    ...envelope(`refund of ${orderName}`),
    type: 'refund.completed',
    order_id: order(orderName),
    reservation_id: reservation(reservationName),
    refund_id: `refund ${orderName}`,
  };
}

export function changeStock(name: string, sku: string, delta: number): Command {
  return { ...keyed(name, `${sku} ${delta}`), type: 'stock.change', key: requestKey(name), sku: sku as Sku, delta };
}

export function operate(name: string, verb: 'open' | 'pause' | 'resume' | 'close'): Command {
  return { ...keyed(name, verb), type: `sale.${verb}`, key: requestKey(name) };
}

export function schedule(name: string, terms: SaleTerms): Command {
  return { ...keyed(name, JSON.stringify(terms)), type: 'sale.schedule', key: requestKey(name), terms };
}

export function tick(): Command {
  return { ...envelope('tick'), type: 'tick' };
}

/** Terms of a sale that is open from time 0: holds of 10 s, payment within 60 s, no limits, no waitlist; `stock` as in `A:5 B:2`. */
export function termsOf(stock: string, changes: Partial<SaleTerms> = {}): SaleTerms {
  return {
    name: 'a sale',
    starts_at: '1970-01-01T00:00:00.000Z',
    ends_at: '1970-01-02T00:00:00.000Z',
    items: stock.split(' ').map((item) => {
      const [sku, quantity] = item.split(':');
      return { sku: sku as Sku, name: `item ${sku!}`, unit_price: 100, currency: 'EUR', quantity: Number(quantity) };
    }),
    per_user_limit: null,
    active_holds_per_user: null,
    hold_seconds: 10,
    payment_seconds: 60,
    waitlist_limit: 0,
    late_payment: 'refund',
    on_payment_failure: 'keep_hold',
    ...changes,
  };
}
