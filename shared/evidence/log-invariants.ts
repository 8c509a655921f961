import type { RequestedItem } from '#schemas/command.ts';
import type { Counts, DecidedEvent } from '#schemas/event.ts';
import type { EpochMs, OrderId, RequestKey, ReservationId, Sku } from '#schemas/ids.ts';
import { IdMemory, type Packing } from '#shared/sale/id-memory.ts';
import { DECISION, type EarlierAnswer } from '#shared/sale/past-columns.ts';

/**
 * What of the invariants a log alone shows, event by event and without the core: sums
 * of its own, deadlines, the steps of each payment. Its memory is the live reservations
 * and payments, and some 60 bytes a request.
 */
export interface LogInvariants {
  /** The next event, in seq order. */
  readonly take: (event: DecidedEvent) => void;
  /** Once the log is at its end and the sale is settled, nothing may be under way any more. */
  readonly settled: () => void;
  /** The first few of each invariant's violations, a sentence each; none where it holds. */
  readonly violations: (id: LogInvariant) => readonly string[];
}

export type LogInvariant = 'I1' | 'I2' | 'I4' | 'I7' | 'I8' | 'I9';

const violationsKept = 5;

/** Held or being paid. */
interface Reservation {
  readonly items: readonly RequestedItem[];
  deadline: EpochMs;
}

/** Of an order, which steps it has taken. */
interface Payment {
  succeeded: boolean;
  refunding: boolean;
}

/** How an order ended, as a number. */
const CONFIRMED = 0;
const FAILED = 1;
const REFUNDED = 2;
const ENDED: Packing<number> = { pack: (end) => end, unpack: (_words, _at, end) => end };

/** @param options.keys whether I4 and I7 are looked at: a replay knows of each request anyway, and two memories of them are one too many */
export function createLogInvariants({ keys }: { readonly keys: boolean }): LogInvariants {
  const found: Record<LogInvariant, string[]> = { I1: [], I2: [], I4: [], I7: [], I8: [], I9: [] };
  const sums = new Map<Sku, { total: number; held: number; sold: number }>();
  const reservations = new Map<ReservationId, Reservation>();
  const payments = new Map<OrderId, Payment>();
  /** Of orders that failed at their deadline and may yet be paid: what their reservations had held. */
  const released = new Map<OrderId, Reservation>();
  const ended = new IdMemory<OrderId, number>(ENDED);
  const decisions = new IdMemory<ReservationId | OrderId | RequestKey, EarlierAnswer>(DECISION);
  /** A payment that succeeded is followed at once by what became of it. */
  let captured: OrderId | null = null;

  function violated(id: LogInvariant, seq: number, what: string): void {
    if (found[id].length < violationsKept) found[id].push(`seq ${seq}: ${what}`);
  }

  function move(items: readonly RequestedItem[], held: 1 | 0 | -1, sold: 1 | 0): void {
    for (const { sku, quantity } of items) {
      const sum = sums.get(sku);
      if (sum === undefined) continue;
      sum.held += held * quantity;
      sum.sold += sold * quantity;
    }
  }

  function compare(seq: number, counts: Counts): void {
    for (const sku in counts) {
      const { total, held, sold } = counts[sku as Sku]!;
      if (held < 0 || sold < 0 || held + sold > total) violated('I1', seq, `${sku}: held ${held}, sold ${sold}, total ${total}`);
      const sum = sums.get(sku as Sku);
      if (sum?.total === total && sum.held === held && sum.sold === sold) continue;
      const own = sum === undefined ? 'no such item' : `held ${sum.held}, sold ${sum.sold}, total ${sum.total}`;
      violated('I2', seq, `${sku} counts held ${held}, sold ${sold}, total ${total}; by the events before it is ${own}`);
    }
  }

  /** A hold has ended, if there was one: one of the waitlist who cancels held nothing. */
  function end(id: ReservationId): void {
    const reservation = reservations.get(id);
    if (reservation === undefined) return;
    move(reservation.items, -1, 0);
    reservations.delete(id);
  }

  function decided(event: DecidedEvent): void {
    if (!('fingerprint' in event) || event.fingerprint === undefined) return;
    const { fingerprint, seq } = event;
    const key = keyOf(event);
    if (key === undefined) return;
    const earlier = decisions.get(key);
    if ('reason' in event && event.reason === 'idempotency_conflict') {
      if (earlier === undefined) violated('I7', seq, `key ${key} was refused as reused and had not been used`);
      else if (earlier.fingerprint === fingerprint)
        violated('I7', seq, `key ${key} was refused as reused with the fingerprint it was first used with (seq ${earlier.seq})`);
      return;
    }
    if (earlier !== undefined) violated('I4', seq, `request ${key} had been decided already (seq ${earlier.seq})`);
    else decisions.record(key, seq, { fingerprint, seq: seq });
  }

  function takePayment(event: Extract<DecidedEvent, { type: `payment.${string}` | `order.${string}` | `refund.${string}` }>): void {
    const { order_id: id, seq } = event;
    const before = ended.get(id);
    const payment = payments.get(id);
    switch (event.type) {
      case 'payment.succeeded':
        captured = id;
        if (payment?.succeeded === true || before === CONFIRMED || before === REFUNDED) violated('I9', seq, `order ${id} was paid twice`);
        if (payment === undefined) payments.set(id, { succeeded: true, refunding: false });
        else payment.succeeded = true;
        return;
      case 'order.confirmed': {
        if (payment?.succeeded !== true || payment.refunding)
          violated('I9', seq, `order ${id} is confirmed without a payment that is its own`);
        const reservation = reservations.get(event.reservation_id) ?? released.get(id);
        if (reservation !== undefined) move(reservation.items, event.reacquired ? 0 : -1, 1);
        reservations.delete(event.reservation_id);
        released.delete(id);
        payments.delete(id);
        ended.record(id, seq, CONFIRMED);
        return;
      }
      case 'refund.requested':
        if (payment?.succeeded !== true || payment.refunding)
          violated('I9', seq, `order ${id} is to be refunded without a payment that is its own`);
        if (payment !== undefined) payment.refunding = true;
        released.delete(id);
        return;
      case 'refund.completed':
        if (payment?.refunding !== true) violated('I9', seq, `order ${id} is refunded and no refund was asked for`);
        payments.delete(id);
        ended.record(id, seq, REFUNDED);
        return;
      case 'order.failed': {
        // After its deadline it may still be paid, and what it held may be taken again.
        const reservation = reservations.get(event.reservation_id);
        if (event.reason === 'deadline' && reservation !== undefined) released.set(id, reservation);
        else endUnpaid(id, seq);
        return;
      }
      case 'payment.failed':
        if (event.late) endUnpaid(id, seq);
        return;
    }
  }

  function endUnpaid(id: OrderId, seq: number): void {
    released.delete(id);
    payments.delete(id);
    ended.record(id, seq, FAILED);
  }

  return {
    take(event) {
      if (captured !== null) {
        const followed = (event.type === 'order.confirmed' || event.type === 'refund.requested') && event.order_id === captured;
        if (!followed) violated('I9', event.seq, `the payment of order ${captured} is followed by ${event.type}`);
        captured = null;
      }
      if (keys) decided(event);
      switch (event.type) {
        case 'sale.scheduled':
          for (const { sku, quantity } of event.terms.items) sums.set(sku, { total: quantity, held: 0, sold: 0 });
          break;
        case 'stock.changed': {
          const sum = sums.get(event.sku);
          if (sum !== undefined) sum.total += event.delta;
          break;
        }
        case 'reservation.created':
        case 'reservation.offered':
          reservations.set(event.reservation_id, { items: event.items, deadline: event.expires_at });
          move(event.items, 1, 0);
          break;
        case 'reservation.expired': {
          const deadline = reservations.get(event.reservation_id)?.deadline;
          if (deadline !== undefined && event.at < deadline)
            violated('I8', event.seq, `reservation ${event.reservation_id} was released ${deadline - event.at} ms before its deadline`);
          end(event.reservation_id);
          break;
        }
        case 'reservation.cancelled':
        case 'reservation.released':
          end(event.reservation_id);
          break;
        case 'checkout.requested': {
          const reservation = reservations.get(event.reservation_id);
          if (reservation !== undefined) reservation.deadline = event.expires_at;
          payments.set(event.order_id, { succeeded: false, refunding: false });
          break;
        }
        case 'payment.succeeded':
        case 'payment.failed':
        case 'order.confirmed':
        case 'order.failed':
        case 'refund.requested':
        case 'refund.completed':
          takePayment(event);
          break;
        default:
      }
      if ('counts' in event) compare(event.seq, event.counts);
    },
    settled() {
      for (const [id, { succeeded, refunding }] of payments) {
        if (found.I9.length >= violationsKept) return;
        if (succeeded) found.I9.push(`order ${id} was paid and ${refunding ? 'its refund was never completed' : 'nothing became of it'}`);
      }
    },
    violations: (id) => found[id],
  };
}

/** Which request an event answers. */
function keyOf(event: DecidedEvent): ReservationId | OrderId | RequestKey | undefined {
  if (event.type === 'checkout.requested') return event.order_id;
  if ('key' in event && event.key !== undefined) return event.key;
  return 'reservation_id' in event ? event.reservation_id : undefined;
}
