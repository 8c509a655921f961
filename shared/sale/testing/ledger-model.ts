import type { RequestedItem } from '#schemas/command.ts';
import type { DecidedEvent, OrderStatus, ReservationStatus, SaleStatus } from '#schemas/event.ts';
import type { EpochMs, OrderId, ReservationId, Seq, Sku, UserRef } from '#schemas/ids.ts';
import type { SaleTerms } from '#schemas/terms.ts';
import type { Unknown } from '../learn.ts';
import type { EarlierDecision, Known, LiveOrder, LiveReservation, SaleSnapshot } from '../snapshot.ts';
import { SALE } from './commands.ts';

interface ReservationRow {
  id: ReservationId;
  user: UserRef;
  status: ReservationStatus;
  items: readonly RequestedItem[];
  allowPartial: boolean;
  expiresAt: EpochMs | null;
  extended: boolean;
  decidedSeq: Seq;
}

interface OrderRow {
  id: OrderId;
  reservationId: ReservationId;
  user: UserRef;
  status: OrderStatus;
  settled: boolean;
  amount: number;
  currency: string;
}

/**
 * What a ledger keeps of a sale, made from its events alone: rows in plain maps. For
 * tests: shows that the events are enough to restore a sale and to answer for what
 * the core has forgotten.
 */
export class LedgerModel {
  readonly #decisions = new Map<string, EarlierDecision>();
  readonly #reservations = new Map<ReservationId, ReservationRow>();
  readonly #orders = new Map<OrderId, OrderRow>();
  readonly #items = new Map<Sku, { sku: Sku; total: number; held: number; sold: number }>();
  #terms: SaleTerms | null = null;
  #status: SaleStatus = 'scheduled';
  #seq: Seq | 0 = 0;

  apply(event: DecidedEvent): void {
    this.#seq = event.seq;
    this.#record(event);
    if ('counts' in event)
      for (const [sku, counts] of Object.entries(event.counts)) this.#items.set(sku as Sku, { sku: sku as Sku, ...counts });
    switch (event.type) {
      case 'sale.scheduled':
        this.#terms = event.terms;
        for (const { sku, quantity } of event.terms.items) this.#items.set(sku, { sku, total: quantity, held: 0, sold: 0 });
        return;
      case 'sale.opened':
      case 'sale.resumed':
        this.#status = 'open';
        return;
      case 'sale.paused':
        this.#status = 'paused';
        return;
      case 'sale.closed':
        this.#status = 'closed';
        return;
      case 'reservation.created':
        return this.#insert(event, 'held', event.items, event.expires_at, false);
      case 'reservation.waitlisted':
        return this.#insert(event, 'waitlisted', event.items, null, event.allow_partial);
      case 'reservation.rejected':
        if (event.reservation_id === undefined || event.reason === 'idempotency_conflict') return;
        if (event.fingerprint === undefined) this.#reservations.get(event.reservation_id)!.status = 'rejected';
        else this.#insert({ ...event, reservation_id: event.reservation_id, user: event.user! }, 'rejected', event.items!, null, false);
        return;
      case 'reservation.offered':
        Object.assign(this.#reservations.get(event.reservation_id)!, { status: 'held', items: event.items, expiresAt: event.expires_at });
        return;
      case 'reservation.cancelled':
      case 'reservation.expired':
      case 'reservation.released':
        this.#reservations.get(event.reservation_id)!.status = 'released';
        return;
      case 'checkout.requested':
        Object.assign(this.#reservations.get(event.reservation_id)!, { status: 'paying', extended: true, expiresAt: event.expires_at });
        this.#orders.set(event.order_id, {
          id: event.order_id,
          reservationId: event.reservation_id,
          user: event.user,
          status: 'pending',
          settled: false,
          amount: event.amount,
          currency: event.currency,
        });
        return;
      case 'order.confirmed':
        this.#reservations.get(event.reservation_id)!.status = 'confirmed';
        Object.assign(this.#orders.get(event.order_id)!, { status: 'paid', settled: true });
        return;
      case 'order.failed':
        this.#reservations.get(event.reservation_id)!.status = event.reservation_status;
        Object.assign(this.#orders.get(event.order_id)!, { status: 'failed', settled: event.reason !== 'deadline' });
        return;
      case 'payment.failed':
        this.#orders.get(event.order_id)!.settled = true;
        return;
      case 'refund.requested':
        Object.assign(this.#orders.get(event.order_id)!, { status: 'refunding', settled: true });
        return;
      case 'refund.completed':
        this.#orders.get(event.order_id)!.status = 'refunded';
        return;
      case 'payment.succeeded':
      case 'request.rejected':
      case 'stock.changed':
    }
  }

  snapshot(): SaleSnapshot {
    const live: LiveReservation[] = [];
    const bought = new Map<UserRef, number>();
    for (const row of this.#reservations.values()) {
      const { status } = row;
      if (status === 'held' || status === 'waitlisted' || status === 'paying') live.push({ ...row, status });
      if (status === 'confirmed')
        bought.set(row.user, (bought.get(row.user) ?? 0) + row.items.reduce((sum, { quantity }) => sum + quantity, 0));
    }
    const orders: LiveOrder[] = [];
    for (const { settled, ...row } of this.#orders.values()) {
      const { status, reservationId } = row;
      if (status !== 'pending' && status !== 'refunding' && (status !== 'failed' || settled)) continue;
      orders.push({ ...row, status, items: this.#reservations.get(reservationId)!.items });
    }
    return {
      saleId: SALE,
      terms: this.#terms!,
      status: this.#status,
      seq: this.#seq,
      items: [...this.#items.values()],
      // A ledger returns rows in no order of its own.
      live: live.reverse(),
      orders: orders.reverse(),
      bought: this.#terms!.per_user_limit === null ? [] : [...bought].map(([user, units]) => ({ user, units })),
    };
  }

  prefetch({ reservationKey, orderKey, requestKey, reservation, order }: Unknown): Known {
    const decisions = [reservationKey, orderKey, requestKey].flatMap((key) => (key === undefined ? [] : (this.#decisions.get(key) ?? [])));
    const reservations = reservation === undefined ? [] : (this.#reservations.get(reservation) ?? []);
    const orders = order === undefined ? [] : (this.#orders.get(order) ?? []);
    return { decisions, reservations: [reservations].flat(), orders: [orders].flat() };
  }

  /** Bought and refunded at once would break I9: every order whose payment succeeded, and how it stands. */
  orderStatuses(): ReadonlyMap<OrderId, OrderStatus> {
    return new Map([...this.#orders].map(([id, { status }]) => [id, status]));
  }

  #insert(
    event: { reservation_id: ReservationId; user: UserRef; seq: Seq },
    status: ReservationStatus,
    items: readonly RequestedItem[],
    expiresAt: EpochMs | null,
    allowPartial: boolean,
  ): void {
    const { reservation_id: id, user, seq: decidedSeq } = event;
    if (this.#reservations.has(id)) throw new Error(`reservation ${id} is decided twice`);
    this.#reservations.set(id, { id, user, status, items, allowPartial, expiresAt, extended: false, decidedSeq });
  }

  #record(event: DecidedEvent): void {
    if (!('fingerprint' in event) || event.fingerprint === undefined) return;
    if ('reason' in event && event.reason === 'idempotency_conflict') return;
    const key =
      event.type === 'checkout.requested'
        ? event.order_id
        : event.type === 'reservation.created' || event.type === 'reservation.waitlisted' || event.type === 'reservation.rejected'
          ? event.reservation_id
          : event.key;
    if (key === undefined) return;
    if (this.#decisions.has(key)) throw new Error(`key ${key} is answered twice`);
    this.#decisions.set(key, { key, fingerprint: event.fingerprint, seq: event.seq });
  }
}
