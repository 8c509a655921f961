import type { EpochMs, Fingerprint, Offset, OrderId, ReservationId, SaleNo, Seq, UserRef } from '#schemas/ids.ts';
import { assert, unreachable } from '#shared/faults/assert.ts';
import { EMPTY_HEAD, type SealedEvent } from '#shared/proof/seal.ts';
import type { Batch, SaleAfter } from './ledger.ts';
import type {
  BatchRows,
  EventRow,
  ItemRow,
  OrderChange,
  OrderRow,
  RequestRow,
  ReservationChange,
  ReservationRow,
  SaleRow,
  TermsRow,
} from './rows.ts';
import { WrittenOnce } from './written-once.ts';

/**
 * What a batch of decisions changes in the tables. Pure: rows are a function of
 * events, and a row that several events of the batch speak of is written once.
 */

/** @returns the rows in the order of the events that made them; a sale without events changes nothing */
export function project(batch: Batch): BatchRows {
  const rows = emptyRows();
  for (const sale of batch.sales) if (sale.events.length > 0) projectSale(sale, rows);
  return {
    ...rows,
    newReservations: rows.reservations.inserted,
    reservations: [...rows.reservations.changed.values()],
    newOrders: rows.orders.inserted,
    orders: [...rows.orders.changed.values()],
  };
}

function emptyRows() {
  return {
    newSales: [] as SaleRow[],
    newTerms: [] as TermsRow[],
    newItems: [] as ItemRow[],
    sales: [] as SaleRow[],
    items: [] as Omit<ItemRow, 'position'>[],
    settledSales: [] as SaleNo[],
    reservations: new WrittenOnce<ReservationId, ReservationRow, ReservationChange>(),
    orders: new WrittenOnce<OrderId, OrderRow, OrderChange>(),
    newRequests: [] as RequestRow[],
    newEvents: [] as EventRow[],
  };
}
type Rows = ReturnType<typeof emptyRows>;

function projectSale(sale: SaleAfter, rows: Rows): void {
  const { saleNo } = sale;
  for (const sealed of sale.events) {
    assert(sealed.event.sale_id === sale.saleId, `event ${sealed.event.seq} of ${sealed.event.sale_id} stands under sale ${sale.saleId}`);
    rows.newEvents.push({ saleNo, sealed });
    projectEvent(saleNo, sealed, rows);
  }
  const last = sale.events.at(-1)!;
  assert(last.event.seq === sale.seq, `sale ${sale.saleId} is at seq ${sale.seq} and its newest event at ${last.event.seq}`);
  assert(last.hash === sale.head, `the head of sale ${sale.saleId} is not the hash of its newest event`);
  assert(
    sale.events[0]!.leaf.includes(`"prev":"${sale.headBefore}"`),
    `the first new event of sale ${sale.saleId} is not chained on the head that its row must have`,
  );
  const row: SaleRow = {
    saleNo,
    status: sale.status,
    seq: sale.seq,
    head: sale.head,
    headBefore: sale.headBefore,
    lastOffset: last.event.offset,
    settled: sale.settled,
    eventsCount: sale.events.length,
  };
  if (sale.settled) rows.settledSales.push(saleNo);

  const scheduled = sale.events.find(({ event }) => event.type === 'sale.scheduled')?.event;
  if (scheduled?.type === 'sale.scheduled') {
    const counters = new Map(sale.items.map((item) => [item.sku, item]));
    assert(sale.headBefore === EMPTY_HEAD, `sale ${sale.saleId} is scheduled, and its log does not begin there`);
    rows.newSales.push(row);
    rows.newTerms.push({ saleNo, terms: scheduled.terms, createdAt: scheduled.at });
    scheduled.terms.items.forEach(({ sku, quantity }, position) => {
      const { total, held, sold } = counters.get(sku) ?? { total: quantity, held: 0, sold: 0 };
      rows.newItems.push({ saleNo, sku, position, total, held, sold });
    });
  } else {
    rows.sales.push(row);
    for (const { sku, total, held, sold } of sale.items) rows.items.push({ saleNo, sku, total, held, sold });
  }
}

function projectEvent(saleNo: SaleNo, sealed: SealedEvent, rows: Rows): void {
  const { event } = sealed;
  switch (event.type) {
    case 'sale.scheduled':
    case 'sale.paused':
    case 'sale.resumed':
    case 'sale.closed':
    case 'stock.changed':
      rows.newRequests.push({ key: event.key, saleNo, fingerprint: event.fingerprint, seq: event.seq });
      return;
    case 'sale.opened':
      if (event.key !== undefined && event.fingerprint !== undefined) {
        rows.newRequests.push({ key: event.key, saleNo, fingerprint: event.fingerprint, seq: event.seq });
      }
      return;
    case 'request.rejected':
      // The key is another request's, whose row stands.
      if (event.reason === 'idempotency_conflict') return;
      rows.newRequests.push({ key: event.key, saleNo, fingerprint: event.fingerprint, seq: event.seq });
      return;

    case 'reservation.created':
      rows.reservations.insert({
        ...decidedReservation(saleNo, event),
        status: 'held',
        reason: null,
        items: event.items,
        notGranted: event.not_granted ?? null,
        // The event does not say it, and nothing that is held depends on it.
        allowPartial: event.not_granted !== undefined,
        expiresAt: event.expires_at,
      });
      return;
    case 'reservation.waitlisted':
      rows.reservations.insert({
        ...decidedReservation(saleNo, event),
        status: 'waitlisted',
        reason: null,
        items: event.items,
        notGranted: null,
        allowPartial: event.allow_partial,
        expiresAt: null,
      });
      return;
    case 'reservation.rejected': {
      const { reservation_id, user, fingerprint } = event;
      if (event.reason === 'idempotency_conflict' || reservation_id === undefined) return;
      if (fingerprint === undefined) {
        changeReservation(rows, { id: reservation_id, status: 'rejected', reason: event.reason, seq: event.seq });
        return;
      }
      assert(user !== undefined, `event ${event.seq} rejects reservation ${reservation_id} without saying whose it is`);
      rows.reservations.insert({
        ...decidedReservation(saleNo, {
          ...event,
          reservation_id,
          user,
          fingerprint,
          respond_async: event.respond_async ?? false,
        }),
        status: 'rejected',
        reason: event.reason,
        items: event.items ?? [],
        notGranted: null,
        allowPartial: false,
        expiresAt: null,
      });
      return;
    }
    case 'reservation.offered':
      changeReservation(rows, {
        id: event.reservation_id,
        status: 'held',
        reason: null,
        items: event.items,
        notGranted: event.not_granted ?? null,
        expiresAt: event.expires_at,
        seq: event.seq,
      });
      return;
    case 'reservation.cancelled':
      changeReservation(rows, { id: event.reservation_id, status: 'released', reason: 'cancelled', seq: event.seq });
      rows.newRequests.push({ key: event.key, saleNo, fingerprint: event.fingerprint, seq: event.seq });
      return;
    case 'reservation.expired':
      changeReservation(rows, { id: event.reservation_id, status: 'released', reason: 'expired', seq: event.seq });
      return;
    case 'reservation.released':
      changeReservation(rows, { id: event.reservation_id, status: 'released', reason: event.reason, seq: event.seq });
      return;

    case 'checkout.requested': {
      const { paymentMethodId } = sealed;
      assert(paymentMethodId !== undefined, `checkout of order ${event.order_id} comes without its payment method`);
      rows.orders.insert({
        id: event.order_id,
        saleNo,
        reservationId: event.reservation_id,
        user: event.user,
        status: 'pending',
        failureReason: null,
        paymentSettled: false,
        amount: event.amount,
        currency: event.currency,
        paymentMethodId,
        respondAsync: event.respond_async,
        fingerprint: event.fingerprint,
        commandOffset: event.offset,
        decidedSeq: event.seq,
        seq: event.seq,
        createdAt: event.at,
      });
      changeReservation(rows, {
        id: event.reservation_id,
        status: 'paying',
        reason: null,
        expiresAt: event.expires_at,
        extended: true,
        seq: event.seq,
      });
      return;
    }
    case 'payment.succeeded':
    case 'payment.failed':
      changeOrder(rows, { id: event.order_id, paymentSettled: true, seq: event.seq });
      return;
    case 'order.confirmed':
      changeOrder(rows, { id: event.order_id, status: 'paid', seq: event.seq });
      changeReservation(rows, { id: event.reservation_id, status: 'confirmed', reason: null, seq: event.seq });
      return;
    case 'order.failed':
      changeOrder(rows, { id: event.order_id, status: 'failed', failureReason: event.reason, seq: event.seq });
      // Where the hold ends with the order, an event of its own says so.
      if (event.reservation_status === 'held') {
        changeReservation(rows, { id: event.reservation_id, status: 'held', reason: null, seq: event.seq });
      }
      return;
    case 'refund.requested':
      changeOrder(rows, { id: event.order_id, status: 'refunding', seq: event.seq });
      return;
    case 'refund.completed':
      changeOrder(rows, { id: event.order_id, status: 'refunded', seq: event.seq });
      return;
    default:
      unreachable(event);
  }
}

interface AnsweredReservation {
  readonly reservation_id: ReservationId;
  readonly user: UserRef;
  readonly respond_async: boolean;
  readonly fingerprint: Fingerprint;
  readonly offset: Offset;
  readonly seq: Seq;
  readonly at: EpochMs;
}

/** What every new reservation has from the event that answered it. */
function decidedReservation(saleNo: SaleNo, event: AnsweredReservation) {
  return {
    id: event.reservation_id,
    saleNo,
    user: event.user,
    extended: false,
    respondAsync: event.respond_async,
    fingerprint: event.fingerprint,
    commandOffset: event.offset,
    decidedSeq: event.seq,
    seq: event.seq,
    createdAt: event.at,
  };
}

type Change<T extends { id: unknown; seq: unknown }> = Partial<T> & Pick<T, 'id' | 'seq'>;

function changeReservation(rows: Rows, change: Change<ReservationChange> & Pick<ReservationChange, 'status' | 'reason'>): void {
  rows.reservations.change(
    change.id,
    (inserted) => ({
      ...inserted,
      status: change.status,
      reason: change.reason,
      items: change.items ?? inserted.items,
      notGranted: change.notGranted ?? inserted.notGranted,
      expiresAt: change.expiresAt ?? inserted.expiresAt,
      extended: inserted.extended || change.extended === true,
      seq: change.seq,
    }),
    (earlier) => ({
      id: change.id,
      status: change.status,
      reason: change.reason,
      items: change.items ?? earlier?.items ?? null,
      notGranted: change.notGranted ?? earlier?.notGranted ?? null,
      expiresAt: change.expiresAt ?? earlier?.expiresAt ?? null,
      extended: change.extended === true || earlier?.extended === true,
      seq: change.seq,
    }),
  );
}

/** Why an order failed stays with it whatever comes late: its buyer was told so and is told so again. */
function changeOrder(rows: Rows, change: Change<OrderChange>): void {
  rows.orders.change(
    change.id,
    (inserted) => ({
      ...inserted,
      status: change.status ?? inserted.status,
      failureReason: change.failureReason ?? inserted.failureReason,
      paymentSettled: inserted.paymentSettled || change.paymentSettled === true,
      seq: change.seq,
    }),
    (earlier) => ({
      id: change.id,
      status: change.status ?? earlier?.status ?? null,
      failureReason: change.failureReason ?? earlier?.failureReason ?? null,
      paymentSettled: change.paymentSettled === true || earlier?.paymentSettled === true,
      seq: change.seq,
    }),
  );
}
