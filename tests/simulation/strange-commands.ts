import type { Command } from '#schemas/command.ts';
import type { OrderStatus } from '#schemas/event.ts';
import type { EpochMs, Fingerprint, OrderId, RequestKey, ReservationId, SaleId, Sku } from '#schemas/ids.ts';
import { encodeCommand } from '#shared/line/encode.ts';
import { refOf } from './api.ts';
import type { World } from './world.ts';

/** Commands that are well formed and that none of our services would send at that moment: whatever writes to the topic, it must not harm. */
export function strangeCommand(world: World, saleId: SaleId, reservation: ReservationId | null, which: number): Buffer {
  const { ledger, chance } = world;
  const uuid = (): string => `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`;
  const hex = (length: number): string => Array.from({ length }, () => chance.below('hex', 16).toString(16)).join('');
  const envelope = { v: 1, sale_id: saleId, request_id: `strange-${String(which)}` } as const;
  const keyed = { ...envelope, fingerprint: hex(32) as Fingerprint, accepted_at: world.time.now() satisfies EpochMs };
  // Lies about money on its way are left out: nobody could find them out.
  const orderOf = (statuses: readonly OrderStatus[]) => {
    const orders = [...ledger.orders.values()].filter(({ status }) => statuses.includes(status));
    const order = orders[which % Math.max(1, orders.length)];
    return { order_id: order?.id ?? (uuid() as OrderId), reservation_id: order?.reservationId ?? (uuid() as ReservationId) };
  };
  const ended = ['paid', 'refunding', 'refunded'] as const;
  const unknown = { order_id: uuid() as OrderId, reservation_id: uuid() as ReservationId };
  const user = refOf('stranger');
  const key = uuid() as RequestKey;
  const line = { sku: 'A' as Sku, quantity: 1 };
  const create = {
    ...keyed,
    type: 'reservation.create',
    reservation_id: uuid() as ReservationId,
    user,
    allow_partial: false,
    respond_async: false,
  } as const;
  const commands: readonly Command[] = [
    { ...create, items: [line, line] },
    { ...create, sale_id: 'nowhere' as SaleId, items: [line] },
    { ...keyed, type: 'reservation.cancel', key, user, reservation_id: unknown.reservation_id },
    { ...keyed, type: 'reservation.cancel', key, user, reservation_id: reservation ?? unknown.reservation_id },
    { ...keyed, ...unknown, type: 'checkout.request', user, payment_method_id: 'pm_ok', respond_async: true },
    { ...envelope, ...unknown, type: 'payment.succeeded', charge_id: 'ch_strange' },
    { ...envelope, ...unknown, type: 'payment.failed', reason: 'declined' },
    { ...envelope, ...unknown, type: 'refund.completed', refund_id: 're_strange' },
    { ...envelope, ...orderOf(['pending', 'failed', 'paid', 'refunded']), type: 'refund.completed', refund_id: 're_strange' },
    { ...envelope, ...orderOf(ended), type: 'payment.succeeded', charge_id: 'ch_strange' },
    { ...envelope, ...orderOf(ended), type: 'payment.failed', reason: 'gave_up' },
    ...Array.from(ledger.terms.values(), ({ terms }): Command => ({ ...keyed, type: 'sale.schedule', key, terms })).slice(0, 1),
    { ...envelope, type: 'tick' },
  ];
  return encodeCommand(commands[which % commands.length]!);
}
