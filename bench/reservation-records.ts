import { createHash } from 'node:crypto';
import type { ScheduleSale } from '#schemas/command.ts';
import type { EpochMs, Fingerprint, Partition, RequestKey, SaleId, Sku } from '#schemas/ids.ts';
import type { RequestSender } from '#shared/line/produce.ts';

/** What stands on the line of a bench: a sale, and reservations of it, each of another user. */

/** One produce request. */
const requestRecordsMax = 1_500;

export interface SaleOfItems {
  /** Of each item, by its place; a request asks for them by it. */
  readonly stock: readonly number[];
  /** Units one user may hold. */
  readonly perUser: number;
}

export function skuOf(item: number): Sku {
  return `item-${String(item)}` as Sku;
}

export function schedule(saleId: SaleId, { stock, perUser }: SaleOfItems): ScheduleSale {
  return {
    v: 1,
    type: 'sale.schedule',
    sale_id: saleId,
    request_id: 'bench-schedule',
    // Of the sale alone: where several stand in one ledger, one key would be a conflict.
    key: uuidOf(hexOf(saleId)) as RequestKey,
    fingerprint: '0'.repeat(32) as Fingerprint,
    accepted_at: Date.now() as EpochMs,
    terms: {
      name: 'Backlog',
      starts_at: new Date(Date.now() - 1_000).toISOString(),
      ends_at: new Date(Date.now() + 86_400_000).toISOString(),
      items: stock.map((quantity, item) => ({
        sku: skuOf(item),
        name: `Item ${String(item)}`,
        unit_price: 1_000,
        currency: 'EUR',
        quantity,
      })),
      per_user_limit: perUser,
      active_holds_per_user: 1,
      hold_seconds: 3_600,
      payment_seconds: 3_600,
      waitlist_limit: 0,
      late_payment: 'refund',
      on_payment_failure: 'release',
    },
  };
}

/** What the n-th request asks for: its `items`, one unit of each, as JSON. */
export type Asked = (n: number) => string;

export function itemsJson(skus: readonly string[]): string {
  return JSON.stringify(skus.map((sku) => ({ sku, quantity: 1 })));
}

/** All ask for the same. */
export function always(sku: string): Asked {
  const items = itemsJson([sku]);
  return () => items;
}

/** Puts requests number `from` up to `to` on the line, in this order. */
export async function sendReservations(
  sender: RequestSender,
  { partition, saleId }: { readonly partition: Partition; readonly saleId: SaleId },
  { from, to, asked, replies }: { readonly from: number; readonly to: number; readonly asked: Asked; readonly replies: boolean },
): Promise<void> {
  const acceptedAt = Date.now();
  for (let made = from; made < to;) {
    const records = Array.from({ length: Math.min(requestRecordsMax, to - made) }, () => {
      const n = made++;
      return { value: reservation(saleId, n, asked(n), acceptedAt, replies) };
    });
    await sender.send([{ partition, records }]);
  }
}

/** Written by hand, as `encodeCommand` would: making the backlog must not take longer than deciding it. */
export function reservation(saleId: SaleId, n: number, items: string, acceptedAt: number, replies: boolean): Buffer {
  const hex = hexOf(`${saleId}/${String(n)}`);
  const replyTo = replies ? `,"reply_to":"bench/${String(n)}"` : '';
  return Buffer.from(
    `{"v":1,"type":"reservation.create","sale_id":"${saleId}","request_id":"${hex.slice(0, 32)}",` +
      `"traceparent":"00-${hex.slice(0, 32)}-${hex.slice(32, 48)}-00","fingerprint":"${hex.slice(32)}","accepted_at":${String(acceptedAt)}${replyTo},` +
      `"reservation_id":"${uuidOf(hex)}","user":"${uuidOf(hex.slice(32))}","items":${items},"allow_partial":false,"respond_async":false}`,
  );
}

/** Digits as those of every id here: spread evenly, so that an index is met in no order. */
export function hexOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

export function uuidOf(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
