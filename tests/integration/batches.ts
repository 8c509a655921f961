import type { DecidedEvent, SaleStatus } from '#schemas/event.ts';
import type { Epoch, EpochMs, Offset, Partition, SaleId, SaleNo, Seq } from '#schemas/ids.ts';
import type { Batch, SaleAfter } from '#shared/ledger/ledger.ts';
import { EMPTY_HEAD, seal } from '#shared/proof/seal.ts';

/** Decisions as the writer hands them to the ledger, made up without the core: for tests and measurements of the ledger alone. */

export const T0 = Date.parse('2026-11-20T12:00:00.000Z');
export const FINGERPRINT = '00112233445566778899aabbccddeeff';

/** `kind` tells ids of different things apart. */
export function id(kind: number, number: number): string {
  return `${kind.toString(16).padStart(8, '0')}-0000-8000-8000-${number.toString(16).padStart(12, '0')}`;
}

export const reservationId = (number: number): string => id(1, number);
export const userRef = (number: number): string => id(2, number);
export const orderId = (number: number): string => id(3, number);
export const requestKey = (number: number): string => id(4, number);

/** An event without what its sale and its place in the log say. */
export type Told = { readonly type: DecidedEvent['type'] } & Record<string, unknown>;

export interface ScriptedSale {
  readonly saleId: SaleId;
  readonly saleNo: SaleNo;
  readonly partition: Partition;
  seq: number;
  head: string;
  offset: number;
  status: SaleStatus;
  items: Map<string, { total: number; held: number; sold: number }>;
}

export function scriptedSale(line: { saleNo: SaleNo; partition: Partition }, saleId: string): ScriptedSale {
  return {
    saleId: saleId as SaleId,
    saleNo: line.saleNo,
    partition: line.partition,
    seq: 0,
    head: EMPTY_HEAD,
    offset: 0,
    status: 'scheduled',
    items: new Map(),
  };
}

/** The batch that tells `told`, one command each, and moves the scripted sale on. */
export function nextBatch(sale: ScriptedSale, epoch: Epoch, told: readonly Told[], settled = false): Batch {
  const first = sale.offset;
  const moved = new Set<string>();
  const events = told.map((event) => {
    sale.seq += 1;
    for (const [sku, counts] of Object.entries((event['counts'] ?? {}) as Record<string, { total: number; held: number; sold: number }>)) {
      sale.items.set(sku, counts);
      moved.add(sku);
    }
    if (event.type === 'sale.opened') sale.status = 'open';
    if (event.type === 'sale.closed') sale.status = 'closed';
    const offset = sale.offset++;
    const at = T0 + offset;
    return { sale_id: sale.saleId, seq: sale.seq, offset, at, request_id: `r${offset}`, ...event } as unknown as DecidedEvent;
  });
  const headBefore = sale.head;
  const { sealed, head } = seal(events, headBefore);
  sale.head = head;
  const after: SaleAfter = {
    saleNo: sale.saleNo,
    saleId: sale.saleId,
    status: sale.status,
    seq: sale.seq as Seq,
    head,
    headBefore,
    settled,
    items: [...moved].map((sku) => ({ sku, ...sale.items.get(sku)! })) as unknown as SaleAfter['items'],
    events: sealed.map((event) => (event.event.type === 'checkout.requested' ? { ...event, paymentMethodId: 'pm_"ok"\\' } : event)),
  };
  return {
    partition: sale.partition,
    epoch,
    expectedNextOffset: first as Offset,
    nextOffset: sale.offset as Offset,
    lastAt: (T0 + sale.offset) as EpochMs,
    lastRecordSha256: 'ab'.repeat(32),
    publishedOffset: first as Offset,
    sales: [after],
  };
}

const answered = { fingerprint: FINGERPRINT, accepted_at: T0 };

export function scheduled(
  items: readonly { sku: string; quantity: number }[],
  options: { key?: number; perUser?: number; name?: string } = {},
): Told {
  return {
    type: 'sale.scheduled',
    ...answered,
    key: requestKey(options.key ?? 1),
    terms: {
      name: options.name ?? 'Sale "ü" \\ \n end',
      starts_at: new Date(T0).toISOString(),
      ends_at: new Date(T0 + 3_600_000).toISOString(),
      items: items.map(({ sku, quantity }) => ({ sku, name: sku, unit_price: 4_900, currency: 'EUR', quantity })),
      per_user_limit: options.perUser ?? null,
      active_holds_per_user: null,
      hold_seconds: 120,
      payment_seconds: 900,
      waitlist_limit: 10,
      late_payment: 'reacquire',
      on_payment_failure: 'keep_hold',
    },
  };
}

export const opened: Told = { type: 'sale.opened' };
export const closed = (key: number): Told => ({ type: 'sale.closed', ...answered, key: requestKey(key) });

export function reservation(number: number): { reservation_id: string; user: string } {
  return { reservation_id: reservationId(number), user: userRef(number) };
}

export function order(number: number): { order_id: string; reservation_id: string; user: string } {
  return { order_id: orderId(number), ...reservation(number) };
}

/** One unit of A held by user `number`. */
export function created(number: number, counts: object): Told {
  const granted = { items: [{ sku: 'A', quantity: 1 }], expires_at: T0 + 120_000, respond_async: false };
  return { type: 'reservation.created', ...answered, ...reservation(number), ...granted, counts };
}

export function checkout(number: number): Told {
  const what = { amount: 4_900, currency: 'EUR', expires_at: T0 + 900_000, respond_async: false };
  return { type: 'checkout.requested', ...answered, ...order(number), ...what };
}

export { answered };
