import type { DecidedEvent, EventType } from '#schemas/event.ts';
import { assert } from '#shared/faults/assert.ts';
import { createBooks, type PaymentFigures } from './books.ts';
import { type AskedLine, createFirstCome, type FirstComeFigures } from './first-come.ts';
import { createLineOrder, type MeasuredOrder, type OrderDensity, type OrderFigures } from './line-order.ts';
import { type LorenzPoint, lorenzCurve, type ShareFigures, shareFigures } from './shares.ts';
import { createStockCounts, type ItemFigures } from './stock-counts.ts';
import { createTimeline, type UnitsAt } from './timeline.ts';
import { createWaits, type WaitCurve, type WaitFigures } from './waits.ts';

/**
 * What the log of one sale says about how fairly it went, and whether its books agree.
 * A request is one for a reservation that was decided and says when the edge accepted it;
 * its place in the line is the order of decisions, which is the order of offsets.
 */
export interface Fairness {
  /** The next event, in seq order from seq 1. Throws where it does not fit those before it: such a log is to be verified, not measured. */
  readonly take: (event: DecidedEvent) => void;
  /** As of the events taken so far. */
  readonly figures: () => FairnessFigures;
  readonly curves: () => FairnessCurves;
}

export interface FairnessFigures {
  /** Seq of the newest event. */
  readonly events: number;
  readonly sale: { readonly name: string; readonly startsAt: string; readonly endsAt: string } | null;
  /** Logical time of the first and the newest event, ms since 1970; null without events. */
  readonly firstAt: number | null;
  readonly lastAt: number | null;
  readonly waits: readonly WaitFigures[];
  /** Decisions whose logical time is before `accepted_at`: the broker's clock was behind the edge's. Counted as waits of 0. */
  readonly negativeWaits: number;
  readonly order: OrderFigures;
  readonly firstCome: FirstComeFigures;
  readonly shares: ShareFigures;
  readonly reconciliation: Reconciliation;
}

export interface Reconciliation {
  /** Counters as the log's events leave them. */
  readonly items: readonly ItemFigures[];
  readonly reservationsByStatus: Readonly<Record<string, number>>;
  readonly ordersByStatus: Readonly<Record<string, number>>;
  readonly payments: PaymentFigures;
  readonly eventsByType: Readonly<Partial<Record<EventType, number>>>;
  /** Sums that are made in two ways and must be the same. */
  readonly checks: readonly Check[];
}

export interface Check {
  readonly what: string;
  readonly expected: number;
  readonly found: number;
  readonly holds: boolean;
}

/** What the figures are drawn from; each is bounded, however many events there were. */
export interface FairnessCurves {
  readonly waits: readonly WaitCurve[];
  readonly density: OrderDensity;
  readonly units: readonly UnitsAt[];
  readonly lorenz: readonly LorenzPoint[];
}

/**
 * Memory while it takes: 20 bytes a request, 30 a user, 40 a reservation that was held or
 * waited, 35 an order, all in columns outside the heap, which may have twice the room they
 * use; `figures()` takes 16 bytes a request and 4 a user more for as long as it works. Ten
 * million requests of as many users for a million units: 51 s and a process of 810 MB.
 */
export function createFairness(): Fairness {
  const waits = createWaits();
  const line = createLineOrder();
  const firstCome = createFirstCome();
  const books = createBooks();
  const stock = createStockCounts();
  const timeline = createTimeline();
  const eventsByType: Partial<Record<EventType, number>> = {};
  let sale: FairnessFigures['sale'] = null;
  let events = 0;
  let firstAt: number | null = null;
  let lastAt: number | null = null;
  let measured: { readonly events: number; readonly order: MeasuredOrder } | null = null;

  function takeRequest(event: Answered): void {
    line.take(event.accepted_at);
    const wait = event.at - event.accepted_at;
    switch (event.type) {
      case 'reservation.created':
        waits.take(event.not_granted === undefined ? 'held' : 'partly_held', null, wait);
        firstCome.take(heldLines(event, stock.item));
        return books.held(event);
      case 'reservation.waitlisted':
        waits.take('waitlisted', null, wait);
        firstCome.take(unservedLines(event.items, stock));
        return books.waitlisted(event);
      case 'reservation.rejected': {
        const { reason, items, user } = event;
        waits.take('refused', reason, wait);
        firstCome.take(reason === 'sold_out' || reason === 'insufficient_stock' ? unservedLines(items ?? [], stock) : []);
        // A conflict is on record and decides nothing: the reservation stays what it is.
        if (reason === 'idempotency_conflict') return;
        if (user !== undefined) books.asked(user);
        return books.refused();
      }
    }
  }

  function takeRest(event: DecidedEvent): void {
    switch (event.type) {
      case 'sale.scheduled':
        assert(event.seq === 1, 'a sale is scheduled by its first event');
        sale = { name: event.terms.name, startsAt: event.terms.starts_at, endsAt: event.terms.ends_at };
        stock.start(event.terms.items);
        return timeline.take(stock.sums(event.at));
      case 'reservation.offered':
        return waits.take('waitlisted_offered', null, event.at - books.offered(event).acceptedAt);
      case 'reservation.rejected':
        // Of a record that was malformed nothing is known but its bytes.
        if (event.reservation_id === undefined) return;
        return waits.take('waitlisted_turned_away', null, event.at - books.turnedAway(event.reservation_id).acceptedAt);
      case 'reservation.cancelled':
      case 'reservation.expired':
      case 'reservation.released':
        return books.released(event.reservation_id);
      case 'checkout.requested':
      case 'payment.succeeded':
      case 'payment.failed':
      case 'order.confirmed':
      case 'order.failed':
      case 'refund.requested':
      case 'refund.completed':
        return books.order(event);
      default:
        return;
    }
  }

  function order(): MeasuredOrder {
    if (measured?.events !== events) measured = { events, order: line.measure() };
    return measured.order;
  }

  return {
    take(event) {
      assert(event.seq === events + 1, `event ${event.seq} does not follow event ${events}`);
      if (isAnswered(event)) takeRequest(event);
      else takeRest(event);
      if ('counts' in event) {
        stock.take(event.counts);
        timeline.take(stock.sums(event.at));
      }
      events = event.seq;
      firstAt ??= event.at;
      lastAt = event.at;
      eventsByType[event.type] = (eventsByType[event.type] ?? 0) + 1;
    },
    figures() {
      const { waits: waitFigures, negative } = waits.figures();
      const { figures: orderFigures, places } = order();
      const shares = shareFigures(books.unitsByUser(), books.usersServedInFull());
      const items = stock.figures();
      const payments = books.payments();
      const reservationsByStatus = books.reservationsByStatus();
      return {
        events,
        sale,
        firstAt,
        lastAt,
        waits: waitFigures,
        negativeWaits: negative,
        order: orderFigures,
        firstCome: firstCome.figures(places),
        shares,
        reconciliation: {
          items,
          reservationsByStatus,
          ordersByStatus: books.ordersByStatus(),
          payments,
          eventsByType,
          checks: checksOf(items, shares, payments, reservationsByStatus, orderFigures, eventsByType, waitFigures),
        },
      };
    },
    curves: () => ({
      waits: waits.curves(),
      density: order().density,
      units: timeline.points(),
      lorenz: lorenzCurve(books.unitsByUser()),
    }),
  };
}

type Created = Extract<DecidedEvent, { type: 'reservation.created' }>;
type Waitlisted = Extract<DecidedEvent, { type: 'reservation.waitlisted' }>;
type Rejected = Extract<DecidedEvent, { type: 'reservation.rejected' }> & { readonly accepted_at: number };
/** An event that answers a request for a reservation. */
type Answered = Created | Waitlisted | Rejected;

function isAnswered(event: DecidedEvent): event is Answered {
  if (event.type === 'reservation.created' || event.type === 'reservation.waitlisted') return true;
  return event.type === 'reservation.rejected' && event.fingerprint !== undefined && event.accepted_at !== undefined;
}

/** What a limit withheld counts as not asked. */
function heldLines({ items, not_granted: notGranted }: Created, itemOf: (sku: Created['items'][number]['sku']) => number): AskedLine[] {
  const lines = items.map(({ sku, quantity }) => ({ item: itemOf(sku), asked: quantity, granted: quantity, short: false }));
  for (const { sku, quantity, reason } of notGranted ?? []) {
    if (reason === 'per_user_limit') continue;
    const item = itemOf(sku);
    const line = lines.find((one) => one.item === item);
    if (line === undefined) lines.push({ item, asked: quantity, granted: 0, short: true });
    else Object.assign(line, { asked: line.asked + quantity, short: true });
  }
  return lines;
}

/** Short are those items of which less is free than was asked; where that is none, all: what is free is promised to those who wait. */
function unservedLines(
  items: Waitlisted['items'],
  stock: { readonly item: (sku: Waitlisted['items'][number]['sku']) => number; readonly free: (item: number) => number },
): AskedLine[] {
  const lines = items.map(({ sku, quantity }) => {
    const item = stock.item(sku);
    return { item, asked: quantity, granted: 0, short: stock.free(item) < quantity };
  });
  return lines.some(({ short }) => short) ? lines : lines.map((line) => ({ ...line, short: true }));
}

function checksOf(
  items: readonly ItemFigures[],
  shares: ShareFigures,
  payments: PaymentFigures,
  reservationsByStatus: Readonly<Record<string, number>>,
  order: OrderFigures,
  eventsByType: Readonly<Partial<Record<EventType, number>>>,
  waits: readonly WaitFigures[],
): Check[] {
  const equal = (what: string, expected: number, found: number): Check => ({ what, expected, found, holds: expected === found });
  const sum = (of: 'held' | 'sold'): number => items.reduce((all, item) => all + item[of], 0);
  const reservations = Object.values(reservationsByStatus).reduce((all, n) => all + n, 0);
  const conflicts = waits.find(({ reason }) => reason === 'idempotency_conflict')?.count ?? 0;
  return [
    equal('units held or sold are the units of users', sum('held') + sum('sold'), shares.units),
    equal('requests that were no conflict of a key are reservations', order.requests - conflicts, reservations),
    equal('money captured is paid, refunded or being refunded', payments.captured, payments.paid + payments.refunded + payments.refunding),
    equal('payments that succeeded were confirmed or are refunded', eventsByType['payment.succeeded'] ?? 0, settled(eventsByType)),
  ];
}

function settled(eventsByType: Readonly<Partial<Record<EventType, number>>>): number {
  return (eventsByType['order.confirmed'] ?? 0) + (eventsByType['refund.requested'] ?? 0);
}
