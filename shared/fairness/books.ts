import type { RequestedItem } from '#schemas/command.ts';
import { type DecidedEvent, ORDER_STATUSES, type OrderStatus, RESERVATION_STATUSES, type ReservationStatus } from '#schemas/event.ts';
import { assert } from '#shared/faults/assert.ts';
import { createColumn, createIdRows } from './rows.ts';

/** What became of each reservation, order and user, as the events say. */

/** Who waited, since when. */
export interface Waited {
  readonly acceptedAt: number;
}

export interface Books {
  /** A request of this user was decided; conflicts of a key are none. */
  readonly asked: (user: string) => void;
  readonly held: (event: Extract<DecidedEvent, { type: 'reservation.created' }>) => void;
  readonly waitlisted: (event: Extract<DecidedEvent, { type: 'reservation.waitlisted' }>) => void;
  /** Refused at once. */
  readonly refused: () => void;
  readonly offered: (event: Extract<DecidedEvent, { type: 'reservation.offered' }>) => Waited;
  readonly turnedAway: (reservationId: string) => Waited;
  readonly released: (reservationId: string) => void;
  readonly order: (event: OrderEvent) => void;
  /** One value for each user who asked: units held or bought. A copy. */
  readonly unitsByUser: () => Int32Array;
  readonly usersServedInFull: () => number;
  readonly reservationsByStatus: () => Readonly<Partial<Record<ReservationStatus, number>>>;
  readonly ordersByStatus: () => Readonly<Partial<Record<OrderStatus, number>>>;
  readonly payments: () => PaymentFigures;
}

export type OrderEvent = Extract<
  DecidedEvent,
  { type: 'checkout.requested' | `payment.${string}` | `order.${string}` | `refund.${string}` }
>;

/** Minor units of `currency`. */
export interface PaymentFigures {
  /** Of the sale's one currency; null before the first checkout. */
  readonly currency: string | null;
  /** Amounts of orders whose payment succeeded, late ones too. */
  readonly captured: number;
  /** Amounts of orders whose refund is completed. */
  readonly refunded: number;
  /** Amounts of orders whose refund is asked for and not completed. */
  readonly refunding: number;
  /** Amounts of orders that are paid. */
  readonly paid: number;
}

/**
 * 40 bytes a reservation that was held or put on the waitlist, 30 a user, 35 an order;
 * nothing for a request that was refused but its user.
 */
export function createBooks(): Books {
  const users = createIdRows();
  const unitsOfUser = createColumn(Int32Array);
  const servedInFull = createColumn(Uint8Array);

  const reservations = createIdRows();
  const userOf = createColumn(Int32Array);
  const unitsOf = createColumn(Int32Array);
  const statusOf = createColumn(Uint8Array);
  const acceptedAt = createColumn(Float64Array);
  let refusedAtOnce = 0;

  const orders = createIdRows();
  const orderStatus = createColumn(Uint8Array);
  const amountOf = createColumn(Float64Array);
  let captured = 0;
  let currency: string | null = null;

  function userRow(user: string): number {
    const found = users.find(user);
    if (found !== -1) return found;
    unitsOfUser.push(0);
    servedInFull.push(0);
    return users.add(user);
  }

  function add(event: { reservation_id: string; user: string; accepted_at: number }, status: ReservationStatus): number {
    assert(reservations.find(event.reservation_id) === -1, `reservation ${event.reservation_id} is decided once`);
    const row = reservations.add(event.reservation_id);
    userOf.push(userRow(event.user));
    unitsOf.push(0);
    statusOf.push(RESERVATION_STATUSES.indexOf(status));
    acceptedAt.push(event.accepted_at);
    return row;
  }

  function known(id: string): number {
    const row = reservations.find(id);
    assert(row !== -1, `reservation ${id} was held or put on the waitlist before`);
    return row;
  }

  function knownOrder(id: string): number {
    const row = orders.find(id);
    assert(row !== -1, `order ${id} was asked for before`);
    return row;
  }

  const status = (row: number): ReservationStatus => RESERVATION_STATUSES[statusOf.get(row)]!;
  const move = (row: number, to: ReservationStatus): void => statusOf.set(row, RESERVATION_STATUSES.indexOf(to));
  const moveOrder = (row: number, to: OrderStatus): void => orderStatus.set(row, ORDER_STATUSES.indexOf(to));

  function giveUnits(row: number, delta: number): void {
    const user = userOf.get(row);
    unitsOfUser.set(user, unitsOfUser.get(user) + delta);
  }

  function grant(row: number, items: readonly RequestedItem[], inFull: boolean): void {
    unitsOf.set(
      row,
      items.reduce((sum, { quantity }) => sum + quantity, 0),
    );
    giveUnits(row, unitsOf.get(row));
    if (inFull) servedInFull.set(userOf.get(row), 1);
  }

  return {
    asked: (user) => void userRow(user),
    held(event) {
      grant(add(event, 'held'), event.items, event.not_granted === undefined);
    },
    waitlisted(event) {
      add(event, 'waitlisted');
    },
    refused() {
      refusedAtOnce += 1;
    },
    offered(event) {
      const row = known(event.reservation_id);
      move(row, 'held');
      grant(row, event.items, event.not_granted === undefined);
      return { acceptedAt: acceptedAt.get(row) };
    },
    turnedAway(id) {
      const row = known(id);
      move(row, 'rejected');
      return { acceptedAt: acceptedAt.get(row) };
    },
    released(id) {
      const row = known(id);
      if (status(row) !== 'waitlisted') giveUnits(row, -unitsOf.get(row));
      move(row, 'released');
    },
    order(event) {
      switch (event.type) {
        case 'checkout.requested':
          assert(orders.find(event.order_id) === -1, `order ${event.order_id} is asked for once`);
          orders.add(event.order_id);
          orderStatus.push(ORDER_STATUSES.indexOf('pending'));
          amountOf.push(event.amount);
          currency = event.currency;
          move(known(event.reservation_id), 'paying');
          return;
        case 'payment.succeeded':
          captured += amountOf.get(knownOrder(event.order_id));
          return;
        case 'payment.failed':
          return;
        case 'order.confirmed': {
          const row = known(event.reservation_id);
          if (event.reacquired) giveUnits(row, unitsOf.get(row));
          moveOrder(knownOrder(event.order_id), 'paid');
          move(row, 'confirmed');
          return;
        }
        case 'order.failed':
          moveOrder(knownOrder(event.order_id), 'failed');
          // Where the hold ends with the order, an event of its own says so.
          if (event.reservation_status === 'held') move(known(event.reservation_id), 'held');
          return;
        case 'refund.requested':
          moveOrder(knownOrder(event.order_id), 'refunding');
          return;
        case 'refund.completed':
          moveOrder(knownOrder(event.order_id), 'refunded');
          return;
      }
    },
    unitsByUser: () => unitsOfUser.values().slice(),
    usersServedInFull: () => servedInFull.values().reduce((sum, served) => sum + served, 0),
    reservationsByStatus() {
      const counts = countsOf(RESERVATION_STATUSES, statusOf.values());
      if (refusedAtOnce > 0) counts.rejected = (counts.rejected ?? 0) + refusedAtOnce;
      return counts;
    },
    ordersByStatus: () => countsOf(ORDER_STATUSES, orderStatus.values()),
    payments() {
      const sums = { paid: 0, refunding: 0, refunded: 0 };
      for (let row = 0; row < orders.size(); row++) {
        const name = ORDER_STATUSES[orderStatus.get(row)]!;
        if (name === 'paid' || name === 'refunding' || name === 'refunded') sums[name] += amountOf.get(row);
      }
      return { currency, captured, ...sums };
    },
  };
}

function countsOf<Name extends string>(names: readonly Name[], column: Uint8Array): Partial<Record<Name, number>> {
  const counts = new Array<number>(names.length).fill(0);
  for (const value of column) counts[value]!++;
  const named: Partial<Record<Name, number>> = {};
  names.forEach((name, index) => {
    if (counts[index]! > 0) named[name] = counts[index]!;
  });
  return named;
}
