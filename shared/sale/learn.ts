import type { Command } from '#schemas/command.ts';
import type { OrderStatus, ReservationStatus } from '#schemas/event.ts';
import type { OrderId, RequestKey, ReservationId, Seq } from '#schemas/ids.ts';
import { assert, unreachable } from '#shared/faults/assert.ts';
import { orderState } from './past.ts';
import type { Known, LiveReservation } from './snapshot.ts';
import type { SaleState } from './state.ts';

/** Those of a command's references that memory cannot answer and the ledger can. Absent: known, or not referred to. */
export interface Unknown {
  readonly reservationKey?: ReservationId;
  readonly orderKey?: OrderId;
  readonly requestKey?: RequestKey;
  readonly reservation?: ReservationId;
  readonly order?: OrderId;
}

/** What must be looked up, and learned, before the command is advanced. */
export function unknownTo(state: SaleState, command: Command): Unknown {
  switch (command.type) {
    case 'reservation.create':
      return state.decisions.has(command.reservation_id) ? {} : { reservationKey: command.reservation_id };
    case 'reservation.cancel':
      return { ...unknownRequest(state, command.key), ...unknownReservation(state, command.reservation_id) };
    case 'checkout.request': {
      const reservation = unknownReservation(state, command.reservation_id);
      return state.decisions.has(command.order_id) ? reservation : { orderKey: command.order_id, ...reservation };
    }
    case 'payment.succeeded':
    case 'payment.failed':
    case 'refund.completed':
      return orderState(state, command.order_id) === 'none' ? { order: command.order_id } : {};
    case 'stock.change':
    case 'sale.schedule':
    case 'sale.open':
    case 'sale.pause':
    case 'sale.resume':
    case 'sale.close':
      return unknownRequest(state, command.key);
    case 'tick':
      return {};
    default:
      return unreachable(command);
  }
}

/** Whether memory has the decision about the command's key; false for a command without one. */
export function isAnswered(state: SaleState, command: Command): boolean {
  if (!('fingerprint' in command)) return false;
  if (command.type === 'reservation.create') return state.decisions.has(command.reservation_id);
  return state.decisions.has(command.type === 'checkout.request' ? command.order_id : command.key);
}

/**
 * What the ledger cannot have said of the past that this memory has behind it: that something lives which does not live
 * here. null: nothing. Where it has, another has decided since.
 */
export function contradiction(state: SaleState, { reservations, orders }: Known): string | null {
  for (const { id, status } of reservations)
    if (livesInMemory(status) && !knowsReservation(state, id)) return `the ledger has reservation ${id} as ${status}, memory has not`;
  for (const { id, status } of orders)
    if (isUnderWay(status) && orderState(state, id) === 'none') return `the ledger has order ${id} as ${status}, memory has not`;
  return null;
}

/**
 * Takes in what the ledger answered, right before the batch that asked is advanced.
 * What memory knows already is as new or newer and stays. Nothing in it may contradict what is remembered (`contradiction`).
 */
export function learn(state: SaleState, known: Known): void {
  // Not dropped by a `forget` of what is decided already: the batch that asked is still to come.
  const recordedSeq = state.seq + 1;
  for (const { key, fingerprint, seq } of known.decisions) {
    if (!state.decisions.has(key)) state.decisions.record(key, recordedSeq, { fingerprint, seq });
  }
  for (const { id, user, status } of known.reservations) {
    if (knowsReservation(state, id)) continue;
    assert(!livesInMemory(status), `reservation ${id} is ${status} in the ledger: it was forgotten too early, or read before it ended`);
    state.pastReservations.record(id, recordedSeq, { user, status });
  }
  for (const { id, status, reservationId, user, amount, currency } of known.orders) {
    if (orderState(state, id) !== 'none') continue;
    assert(!isUnderWay(status), `order ${id} is ${status} in the ledger: it was forgotten too early, or read before it ended`);
    state.pastOrders.record(id, recordedSeq, status === 'failed' ? { status, id, reservationId, user, amount, currency } : { status });
  }
}

/**
 * Drops the earlier decisions and the past reservations and orders recorded up to
 * and with event `throughSeq`, and what was learned before it: the ledger answers
 * for them from here on. Call it when these events are committed AND every command
 * whose `unknownTo` or whose prefetch was begun before that commit has been
 * advanced; else a command could find its reference in neither.
 */
export function forget(state: SaleState, throughSeq: Seq | 0): void {
  assert(throughSeq <= state.seq, `event ${throughSeq} is not decided yet and cannot be forgotten`);
  state.decisions.forget(throughSeq);
  state.pastReservations.forget(throughSeq);
  state.pastOrders.forget(throughSeq);
}

function livesInMemory(status: ReservationStatus): status is LiveReservation['status'] {
  return status === 'held' || status === 'waitlisted' || status === 'paying';
}

function isUnderWay(status: OrderStatus): status is 'pending' | 'refunding' {
  return status === 'pending' || status === 'refunding';
}

function unknownRequest(state: SaleState, key: RequestKey): Unknown {
  return state.decisions.has(key) ? {} : { requestKey: key };
}

function unknownReservation(state: SaleState, id: ReservationId): Unknown {
  return knowsReservation(state, id) ? {} : { reservation: id };
}

function knowsReservation(state: SaleState, id: ReservationId): boolean {
  return state.reservations.find(id) !== -1 || state.pastReservations.has(id);
}
