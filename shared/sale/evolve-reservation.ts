import type { RequestedItem } from '#schemas/command.ts';
import type { DecidedEvent } from '#schemas/event.ts';
import type { Fingerprint, ReservationId, Seq } from '#schemas/ids.ts';
import { assert } from '#shared/faults/assert.ts';
import { beginHold, endHold } from './hold.ts';
import type { Line } from './reservation-table.ts';
import type { PastReservation } from './past-columns.ts';
import type { SaleState } from './state.ts';
import { RESERVATION_TRANSITIONS, type ReservationOutcome, type ReservationState, type ReservationTrigger } from './transitions.ts';
import { canBeServed } from './turn.ts';

type ReservationEvent = Extract<DecidedEvent, { type: `reservation.${string}` }>;
type Rejected = Extract<DecidedEvent, { type: 'reservation.rejected' }>;

export function evolveReservation(state: SaleState, event: ReservationEvent): void {
  const { reservations, waitlist } = state;
  switch (event.type) {
    case 'reservation.created': {
      assertTransition(notLiving(state, event.reservation_id), 'hold', 'held');
      const slot = reservations.add({
        id: event.reservation_id,
        user: event.user,
        status: 'held',
        lines: linesOf(state, event.items),
        // Only a waiter's is asked for again.
        allowPartial: false,
        extended: false,
        decidedSeq: event.seq,
      });
      beginHold(state, slot, event.expires_at);
      return rememberAnswer(state, event.reservation_id, event.fingerprint, event.seq);
    }
    case 'reservation.waitlisted': {
      assertTransition(notLiving(state, event.reservation_id), 'waitlist', 'waitlisted');
      const slot = reservations.add({
        id: event.reservation_id,
        user: event.user,
        status: 'waitlisted',
        lines: linesOf(state, event.items),
        allowPartial: event.allow_partial,
        extended: false,
        decidedSeq: event.seq,
      });
      waitlist.join(slot);
      // What he asks for is there, and promised to others. They may yet fall short of something else: then it is his turn.
      if (canBeServed(state, slot)) for (const { item } of reservations.lines(slot)) waitlist.stockChanged(item);
      return rememberAnswer(state, event.reservation_id, event.fingerprint, event.seq);
    }
    case 'reservation.offered': {
      const slot = liveSlot(state, event.reservation_id);
      assertTransition(reservations.status(slot), 'offer', 'held');
      waitlist.leave(slot);
      reservations.setStatus(slot, 'held');
      reservations.setLines(slot, linesOf(state, event.items));
      return beginHold(state, slot, event.expires_at);
    }
    case 'reservation.rejected':
      return evolveRejected(state, event);
    case 'reservation.cancelled': {
      const slot = liveSlot(state, event.reservation_id);
      const before = reservations.status(slot);
      assertTransition(before, 'cancel', 'released');
      if (before === 'waitlisted') waitlist.leave(slot);
      else endHold(state, slot);
      endReservation(state, slot, 'released');
      return state.decisions.record(event.key, event.seq, { fingerprint: event.fingerprint, seq: event.seq });
    }
    case 'reservation.expired': {
      const slot = liveSlot(state, event.reservation_id);
      assertTransition(reservations.status(slot), 'expire', 'released');
      endHold(state, slot);
      return endReservation(state, slot, 'released');
    }
    case 'reservation.released': {
      const slot = liveSlot(state, event.reservation_id);
      assertTransition(reservations.status(slot), 'payment_fails_hold_ends', 'released');
      endHold(state, slot);
      return endReservation(state, slot, 'released');
    }
  }
}

/** A malformed record, a conflict, a refused request, or one of the waitlist who is turned away. */
function evolveRejected(state: SaleState, event: Rejected): void {
  const { reservation_id: id, user, fingerprint, reason, seq } = event;
  if (id === undefined || user === undefined) {
    assert(event.record_sha256 !== undefined, `event ${seq} rejects neither a reservation nor a record`);
    return;
  }
  if (fingerprint === undefined) {
    const slot = liveSlot(state, id);
    assertTransition(state.reservations.status(slot), 'turn_away', 'rejected');
    state.waitlist.leave(slot);
    return endReservation(state, slot, 'rejected');
  }
  // A conflict is on record and decides nothing: the reservation stays what it is.
  if (reason === 'idempotency_conflict') return;
  assert(state.reservations.find(id) === -1, `reservation ${id} lives and cannot be refused`);
  assertTransition(notLiving(state, id), 'refuse', 'rejected');
  state.pastReservations.record(id, seq, { user, status: 'rejected' });
  rememberAnswer(state, id, fingerprint, seq);
}

/** It no longer lives; what became of it is remembered until the ledger can tell. */
export function endReservation(state: SaleState, slot: number, status: PastReservation['status']): void {
  const { reservations } = state;
  assert(!state.deadlines.has(slot), `slot ${slot} ends with its deadline still queued`);
  state.pastReservations.record(reservations.id(slot), state.seq, { user: reservations.user(slot), status });
  reservations.remove(slot);
}

export function liveSlot(state: SaleState, id: ReservationId): number {
  const slot = state.reservations.find(id);
  assert(slot !== -1, `reservation ${id} does not live`);
  return slot;
}

/** The state of a reservation that does not live. One that does is found out where it would be put into the table again. */
export function notLiving(state: SaleState, id: ReservationId): ReservationState {
  return state.pastReservations.get(id)?.status ?? 'none';
}

export function assertTransition(from: ReservationState, trigger: ReservationTrigger, to: ReservationOutcome): void {
  assert(RESERVATION_TRANSITIONS[from][trigger] === to, `a reservation that is ${from} cannot become ${to} by ${trigger}`);
}

/** Items by their number. */
export function linesOf(state: SaleState, items: readonly RequestedItem[]): Line[] {
  return items.map(({ sku, quantity }) => {
    const item = state.stock.item(sku);
    assert(item !== undefined, `the sale has no item ${sku}`);
    return { item, quantity };
  });
}

function rememberAnswer(state: SaleState, key: ReservationId, fingerprint: Fingerprint, seq: Seq): void {
  state.decisions.record(key, seq, { fingerprint, seq });
}
