import { createHash } from 'node:crypto';
import type { Command } from '#schemas/command.ts';
import type { EpochMs, Fingerprint, OrderId, RequestKey, ReservationId, SaleId, Sku, UserRef } from '#schemas/ids.ts';
import type { SaleTerms } from '#schemas/terms.ts';
import { WORLD_START_MS } from './world.ts';

/** Commands for the writer's tests: short names in, valid commands out. */

export const SALE = 'sale-1' as SaleId;
export const SKU = 'lamp' as Sku;

/** A UUID that is the same for the same name. */
export function uuid(name: string): string {
  const hex = createHash('sha256').update(name).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

const envelope = (saleId: SaleId, name: string) => ({ v: 1 as const, sale_id: saleId, request_id: `req-${name}` });
const keyed = (saleId: SaleId, name: string, body = name) => ({
  ...envelope(saleId, name),
  fingerprint: createHash('sha256').update(body).digest('hex').slice(0, 32) as Fingerprint,
  accepted_at: WORLD_START_MS as EpochMs,
  reply_to: `api/${name}`,
});

export function terms(quantity: number, changes: Partial<SaleTerms> = {}): SaleTerms {
  return {
    name: 'Lamps',
    starts_at: new Date(WORLD_START_MS).toISOString(),
    ends_at: new Date(WORLD_START_MS + 3_600_000).toISOString(),
    items: [{ sku: SKU, name: 'Lamp', unit_price: 1_000, currency: 'EUR', quantity }],
    per_user_limit: null,
    active_holds_per_user: null,
    hold_seconds: 60,
    payment_seconds: 120,
    waitlist_limit: 0,
    late_payment: 'refund',
    on_payment_failure: 'release',
    ...changes,
  };
}

export const schedule = (quantity: number, changes: Partial<SaleTerms> = {}, saleId = SALE): Command => ({
  ...keyed(saleId, `schedule-${saleId}`),
  type: 'sale.schedule',
  key: uuid(`schedule-${saleId}`) as RequestKey,
  terms: terms(quantity, changes),
});
export const changeStatus = (type: 'sale.open' | 'sale.pause' | 'sale.resume' | 'sale.close', saleId = SALE): Command => ({
  ...keyed(saleId, `${type}-${saleId}`),
  type,
  key: uuid(`${type}-${saleId}`) as RequestKey,
});
/** `body` differs where the same name (key) comes with another request. */
export const reserve = (name: string, quantity = 1, saleId = SALE, body = `${name}:${String(quantity)}`): Command => ({
  ...keyed(saleId, name, body),
  type: 'reservation.create',
  reservation_id: uuid(`reservation-${name}`) as ReservationId,
  user: uuid(`user-${name}`) as UserRef,
  items: [{ sku: SKU, quantity }],
  allow_partial: false,
  respond_async: false,
});
export const cancel = (name: string, saleId = SALE): Command => ({
  ...keyed(saleId, `cancel-${name}`),
  type: 'reservation.cancel',
  key: uuid(`cancel-${name}`) as RequestKey,
  reservation_id: uuid(`reservation-${name}`) as ReservationId,
  user: uuid(`user-${name}`) as UserRef,
});
export const checkout = (name: string, saleId = SALE): Command => ({
  ...keyed(saleId, `checkout-${name}`),
  type: 'checkout.request',
  order_id: uuid(`order-${name}`) as OrderId,
  reservation_id: uuid(`reservation-${name}`) as ReservationId,
  user: uuid(`user-${name}`) as UserRef,
  payment_method_id: `pm_${name}`,
  respond_async: false,
});
export const paid = (name: string, saleId = SALE): Command => ({
  ...envelope(saleId, `paid-${name}`),
  type: 'payment.succeeded',
  order_id: uuid(`order-${name}`) as OrderId,
  reservation_id: uuid(`reservation-${name}`) as ReservationId,
  charge_id: `ch_${name}`,
});
export const tick = (saleId = SALE): Command => ({ ...envelope(saleId, 'tick'), type: 'tick' });
