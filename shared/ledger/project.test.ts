import type { DecidedEvent } from '#schemas/event.ts';
import { EMPTY_HEAD } from '#shared/proof/seal.ts';
import type { Batch, SaleAfter } from './ledger.ts';
import { project } from './project.ts';
import type { BatchRows } from './rows.ts';

const at = 1_000;
const R = '00000001-0000-8000-8000-000000000001';
const O = '00000003-0000-8000-8000-000000000001';
const user = '00000002-0000-8000-8000-000000000001';
const key = '00000004-0000-8000-8000-000000000001';
const fingerprint = '00112233445566778899aabbccddeeff';
const answered = { fingerprint, accepted_at: 5 };
const res = { reservation_id: R, user };
const ord = { ...res, order_id: O };
const items = [{ sku: 'A', quantity: 2 }];
const counts = { A: { total: 5, held: 2, sold: 0 } };

type Told = { type: DecidedEvent['type'] } & Record<string, unknown>;

const created: Told = { type: 'reservation.created', ...answered, ...res, items, expires_at: 9_000, respond_async: true, counts };
const waitlisted: Told = { type: 'reservation.waitlisted', ...answered, ...res, items, allow_partial: true, respond_async: false };
const offered: Told = {
  type: 'reservation.offered',
  ...res,
  items: [{ sku: 'A', quantity: 1 }],
  not_granted: [{ sku: 'A', quantity: 1, reason: 'insufficient_stock' }],
  expires_at: 9_500,
  counts,
};
const rejected: Told = { type: 'reservation.rejected', ...answered, ...res, items, respond_async: false, reason: 'sold_out' };
const turnedAway: Told = { type: 'reservation.rejected', ...res, reason: 'sale_closed' };
const malformed: Told = { type: 'reservation.rejected', record_sha256: 'ab'.repeat(32), reason: 'malformed' };
const cancelled: Told = { type: 'reservation.cancelled', ...answered, ...res, key, counts };
const expired: Told = { type: 'reservation.expired', ...res, counts };
const released: Told = { type: 'reservation.released', ...res, reason: 'payment_failed', counts };
const checkout: Told = {
  type: 'checkout.requested',
  ...answered,
  ...ord,
  amount: 10,
  currency: 'EUR',
  expires_at: 9_900,
  respond_async: false,
};
const succeeded: Told = { type: 'payment.succeeded', ...ord, charge_id: 'c', late: false };
const declined: Told = { type: 'payment.failed', ...ord, reason: 'declined', late: false };
const confirmed: Told = { type: 'order.confirmed', ...ord, reacquired: false, counts };
const failedHeld: Told = { type: 'order.failed', ...ord, reason: 'declined', reservation_status: 'held' };
const failedReleased: Told = { type: 'order.failed', ...ord, reason: 'deadline', reservation_status: 'released' };
const refundRequested: Told = { type: 'refund.requested', ...ord, amount: 10, currency: 'EUR' };
const refundCompleted: Told = { type: 'refund.completed', ...ord, refund_id: 'r' };
const refused = (reason: string): Told => ({ type: 'request.rejected', ...answered, request: 'checkout.request', key, reason });

function batchOf(told: readonly Told[], after: Partial<SaleAfter> = {}, payment: object = { paymentMethodId: 'pm_ok' }): Batch {
  const headBefore = told[0]?.type === 'sale.scheduled' ? EMPTY_HEAD : 'hash before';
  const events = told.map((event, index) => ({
    event: { sale_id: 's', seq: 11 + index, offset: 21 + index, at: at + index, request_id: 'r', ...event } as unknown as DecidedEvent,
    leaf: `leaf ${index} "prev":"${index === 0 ? headBefore : `hash ${index - 1}`}"`,
    hash: `hash ${index}`,
    ...(event.type === 'checkout.requested' ? payment : {}),
  }));
  const last = events.at(-1);
  const sale = {
    saleNo: 7,
    saleId: 's',
    status: 'open',
    seq: last?.event.seq ?? 10,
    head: last?.hash ?? 'hash',
    headBefore,
    settled: false,
    items: [],
  };
  return { sales: [{ ...sale, ...after, events }] } as unknown as Batch;
}

/** Only what there is, so that a table says all. */
function rowsOf(told: readonly Told[], after: Partial<SaleAfter> = {}): Partial<BatchRows> {
  const rows = project(batchOf(told, after));
  return Object.fromEntries(Object.entries(rows).filter(([name, list]) => list.length > 0 && name !== 'newEvents' && name !== 'sales'));
}

const newReservation = {
  id: R,
  saleNo: 7,
  user,
  status: 'held',
  reason: null,
  items,
  notGranted: null,
  allowPartial: false,
  expiresAt: 9_000,
  extended: false,
  respondAsync: true,
  fingerprint,
  commandOffset: 21,
  decidedSeq: 11,
  seq: 11,
  createdAt: at,
};
const newWaiter = { ...newReservation, status: 'waitlisted', allowPartial: true, expiresAt: null, respondAsync: false };
const change = { id: R, reason: null, items: null, notGranted: null, expiresAt: null, extended: false, seq: 11 };
const newOrder = {
  id: O,
  saleNo: 7,
  reservationId: R,
  user,
  status: 'pending',
  failureReason: null,
  paymentSettled: false,
  amount: 10,
  currency: 'EUR',
  paymentMethodId: 'pm_ok',
  respondAsync: false,
  fingerprint,
  commandOffset: 21,
  decidedSeq: 11,
  seq: 11,
  createdAt: at,
};
const orderChange = { id: O, status: null, failureReason: null, paymentSettled: false, seq: 11 };
const request = { key, saleNo: 7, fingerprint, seq: 11 };
const paying = { ...change, status: 'paying', expiresAt: 9_900, extended: true };

describe('one event', () => {
  it.each<[string, Told, object]>([
    ['created', created, { newReservations: [newReservation] }],
    [
      'created in part',
      { ...created, not_granted: offered['not_granted'] },
      { newReservations: [{ ...newReservation, allowPartial: true, notGranted: offered['not_granted'] }] },
    ],
    ['waitlisted', waitlisted, { newReservations: [newWaiter] }],
    [
      'rejected',
      rejected,
      { newReservations: [{ ...newReservation, status: 'rejected', reason: 'sold_out', expiresAt: null, respondAsync: false }] },
    ],
    ['rejected for a conflict of keys', { ...rejected, reason: 'idempotency_conflict' }, {}],
    ['rejected as malformed', malformed, {}],
    ['turned away from the waitlist', turnedAway, { reservations: [{ ...change, status: 'rejected', reason: 'sale_closed' }] }],
    [
      'offered',
      offered,
      { reservations: [{ ...change, status: 'held', items: offered['items'], notGranted: offered['not_granted'], expiresAt: 9_500 }] },
    ],
    ['cancelled', cancelled, { reservations: [{ ...change, status: 'released', reason: 'cancelled' }], newRequests: [request] }],
    ['expired', expired, { reservations: [{ ...change, status: 'released', reason: 'expired' }] }],
    ['released', released, { reservations: [{ ...change, status: 'released', reason: 'payment_failed' }] }],
    ['checkout', checkout, { newOrders: [newOrder], reservations: [paying] }],
    ['paid', succeeded, { orders: [{ ...orderChange, paymentSettled: true }] }],
    ['declined', declined, { orders: [{ ...orderChange, paymentSettled: true }] }],
    ['confirmed', confirmed, { orders: [{ ...orderChange, status: 'paid' }], reservations: [{ ...change, status: 'confirmed' }] }],
    [
      'failed, the hold goes on',
      failedHeld,
      { orders: [{ ...orderChange, status: 'failed', failureReason: 'declined' }], reservations: [{ ...change, status: 'held' }] },
    ],
    ['failed with its hold', failedReleased, { orders: [{ ...orderChange, status: 'failed', failureReason: 'deadline' }] }],
    ['refund requested', refundRequested, { orders: [{ ...orderChange, status: 'refunding' }] }],
    ['refund completed', refundCompleted, { orders: [{ ...orderChange, status: 'refunded' }] }],
    ['request refused', refused('reservation_not_held'), { newRequests: [request] }],
    ['request refused for a conflict of keys', refused('idempotency_conflict'), {}],
    ['sale opened by itself', { type: 'sale.opened' }, {}],
    ['sale opened', { type: 'sale.opened', ...answered, key }, { newRequests: [request] }],
    ['sale paused', { type: 'sale.paused', ...answered, key }, { newRequests: [request] }],
    ['sale resumed', { type: 'sale.resumed', ...answered, key }, { newRequests: [request] }],
    ['sale closed', { type: 'sale.closed', ...answered, key }, { newRequests: [request] }],
    ['stock changed', { type: 'stock.changed', ...answered, key, sku: 'A', delta: 1, counts }, { newRequests: [request] }],
  ])('%s', (_what, told, expected) => {
    expect(rowsOf([told])).toEqual(expected);
  });
});

describe('several events of one reservation become one row', () => {
  it.each<[string, Told[], object]>([
    [
      'created and cancelled',
      [created, cancelled],
      {
        newReservations: [{ ...newReservation, status: 'released', reason: 'cancelled', seq: 12 }],
        newRequests: [{ ...request, seq: 12 }],
      },
    ],
    [
      'waitlisted and offered',
      [waitlisted, offered],
      {
        newReservations: [
          { ...newWaiter, status: 'held', items: offered['items'], notGranted: offered['not_granted'], expiresAt: 9_500, seq: 12 },
        ],
      },
    ],
    [
      'created, checked out, paid',
      [created, checkout, succeeded, confirmed],
      {
        newReservations: [{ ...newReservation, status: 'confirmed', expiresAt: 9_900, extended: true, seq: 14 }],
        newOrders: [{ ...newOrder, status: 'paid', paymentSettled: true, commandOffset: 22, decidedSeq: 12, seq: 14, createdAt: at + 1 }],
      },
    ],
    [
      'offered and expired, of a row that stands',
      [offered, expired],
      {
        reservations: [
          {
            ...change,
            status: 'released',
            reason: 'expired',
            items: offered['items'],
            notGranted: offered['not_granted'],
            expiresAt: 9_500,
            seq: 12,
          },
        ],
      },
    ],
    [
      'checkout, declined, hold goes on, expired',
      [checkout, declined, failedHeld, expired],
      {
        newOrders: [{ ...newOrder, status: 'failed', failureReason: 'declined', paymentSettled: true, seq: 13 }],
        reservations: [{ ...paying, status: 'released', reason: 'expired', seq: 14 }],
      },
    ],
    [
      'failed at the deadline, then paid late and reacquired: why it failed is kept, since its buyer was told so',
      [failedReleased, released, succeeded, { ...confirmed, reacquired: true }],
      {
        orders: [{ ...orderChange, status: 'paid', failureReason: 'deadline', paymentSettled: true, seq: 14 }],
        reservations: [{ ...change, status: 'confirmed', seq: 14 }],
      },
    ],
    [
      'checkout, failed at the deadline, paid late, refund asked for: why it failed is kept',
      [checkout, failedReleased, released, succeeded, refundRequested],
      {
        newOrders: [{ ...newOrder, status: 'refunding', failureReason: 'deadline', paymentSettled: true, seq: 15 }],
        reservations: [{ ...paying, status: 'released', reason: 'payment_failed', seq: 13 }],
      },
    ],
  ])('%s', (_what, told, expected) => {
    expect(rowsOf(told)).toEqual(expected);
  });
});

describe('a sale', () => {
  const terms = {
    items: [
      { sku: 'B', quantity: 3 },
      { sku: 'A', quantity: 5 },
    ],
  };
  const scheduled: Told = { type: 'sale.scheduled', ...answered, key, terms };

  it('that is scheduled gets its rows, with the counters as they stand after the batch', () => {
    const after = { items: [{ sku: 'A', total: 5, held: 2, sold: 0 }] } as unknown as Partial<SaleAfter>;
    const rows = project(batchOf([scheduled, created], after));
    expect(rows).toMatchObject({
      newSales: [{ saleNo: 7, status: 'open', seq: 12, head: 'hash 1', lastOffset: 22, settled: false }],
      newTerms: [{ saleNo: 7, terms, createdAt: at }],
      newItems: [
        { saleNo: 7, sku: 'B', position: 0, total: 3, held: 0, sold: 0 },
        { saleNo: 7, sku: 'A', position: 1, total: 5, held: 2, sold: 0 },
      ],
      newRequests: [request],
      sales: [],
      items: [],
    });
  });

  it('that goes on is updated from the seq it stood at, and its line is free when it is settled', () => {
    const after = { settled: true, status: 'closed', items: [{ sku: 'A', total: 5, held: 0, sold: 1 }] } as unknown as Partial<SaleAfter>;
    const rows = project(batchOf([created, expired], after));
    expect(rows).toMatchObject({
      newSales: [],
      sales: [
        { saleNo: 7, status: 'closed', seq: 12, eventsCount: 2, head: 'hash 1', headBefore: 'hash before', lastOffset: 22, settled: true },
      ],
      items: [{ saleNo: 7, sku: 'A', total: 5, held: 0, sold: 1 }],
      settledSales: [7],
    });
    expect(rows.newEvents.map(({ sealed }) => sealed.hash)).toEqual(['hash 0', 'hash 1']);
  });

  it('of which nothing was decided changes nothing', () => {
    expect(Object.values(project(batchOf([]))).flat()).toEqual([]);
  });
});

describe('a bug crashes before anything is sent', () => {
  it.each<[string, () => unknown]>([
    // Without the change the table's primary key refuses it.
    ['a change of a reservation decided twice', () => project(batchOf([created, created, cancelled]))],
    ['a change of an order requested twice', () => project(batchOf([checkout, checkout, confirmed]))],
    ['an event of another sale', () => project(batchOf([{ ...created, sale_id: 't' }]))],
    ['a head that is not the newest event', () => project(batchOf([created], { head: 'other' }))],
    ['a first event chained on another head than the row must have', () => project(batchOf([created], { headBefore: 'other' }))],
    [
      'a sale whose log does not begin where it is scheduled',
      () => project(batchOf([created, { ...answered, type: 'sale.scheduled', key, terms: { items: [] } }])),
    ],
    ['a seq that is not the newest event', () => project(batchOf([created], { seq: 99 as SaleAfter['seq'] }))],
    ['a checkout without its payment method', () => project(batchOf([checkout], {}, {}))],
  ])('%s', (_what, run) => {
    expect(run).toThrow('assertion failed');
  });
});
