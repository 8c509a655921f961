import type { CancelReservation, CreateReservation } from '#schemas/command.ts';
import type { DecidedEvent, ReservationRefusal, ReservationStatus } from '#schemas/event.ts';
import type { EpochMs } from '#schemas/ids.ts';
import { type Grant, grant } from './grant.ts';
import { hasHoldsEnough, unitsLeft } from './limits.ts';
import { answerEnvelope, type Occasion } from './occasion.ts';
import { reservationFor } from './past.ts';
import { rejectRequest } from './reject-request.ts';
import type { Line } from './reservation-table.ts';
import type { SaleState } from './state.ts';
import { RESERVATION_TRANSITIONS } from './transitions.ts';
import { isPromised } from './turn.ts';

/** Held, waitlisted or refused. That it was not decided earlier is known. */
export function decideReservation(state: SaleState, command: CreateReservation, occasion: Occasion): DecidedEvent {
  const lines = linesAsked(state, command);
  if (lines === 'malformed') return rejectReservation(state, command, occasion, 'malformed');
  if (state.status !== 'open') {
    const refusal = ({ scheduled: 'sale_not_open', paused: 'sale_paused', closed: 'sale_closed' } as const)[state.status];
    return rejectReservation(state, command, occasion, refusal);
  }
  if (lines === 'unknown_item') return rejectReservation(state, command, occasion, 'unknown_item');
  if (hasHoldsEnough(state, command.user)) return rejectReservation(state, command, occasion, 'active_hold_exists');

  const left = unitsLeft(state, command.user);
  const asked = lines.reduce((sum, { quantity }) => sum + quantity, 0);
  if (command.allow_partial ? left === 0 : asked > left) return rejectReservation(state, command, occasion, 'per_user_limit');

  const everything = asked <= left && lines.every(({ item, quantity }) => quantity <= availableToNewcomers(state, item));
  const granted: Grant = everything
    ? { lines, items: command.items, notGranted: [] }
    : grant(
        lines,
        command.allow_partial,
        (item) => availableToNewcomers(state, item),
        left,
        (item) => state.stock.sku(item),
      );
  if (granted.lines.length === 0) {
    if (mayWait(state, command, lines)) return waitlist(state, command, occasion);
    const soldOut = granted.notGranted.some(({ reason }) => reason === 'sold_out');
    return rejectReservation(state, command, occasion, soldOut ? 'sold_out' : 'insufficient_stock');
  }
  return {
    ...answerEnvelope(state, occasion, command),
    type: 'reservation.created',
    reservation_id: command.reservation_id,
    user: command.user,
    items: granted.items,
    ...(granted.notGranted.length > 0 && { not_granted: granted.notGranted }),
    expires_at: holdDeadline(state, occasion),
    respond_async: command.respond_async,
    counts: state.stock.countsAfter(granted.lines, 1, 0),
  };
}

export function decideCancel(state: SaleState, command: CancelReservation, occasion: Occasion): DecidedEvent {
  const found = reservationFor(state, command.reservation_id, command.user);
  const status: ReservationStatus | 'none' = found?.status ?? 'none';
  const outcome = RESERVATION_TRANSITIONS[status].cancel;
  if (outcome !== 'released') return rejectRequest(state, command, command.key, occasion, outcome, status);
  const { slot } = found!;
  const moved = status === 'held' ? state.reservations.lines(slot) : [];
  return {
    ...answerEnvelope(state, occasion, command),
    type: 'reservation.cancelled',
    key: command.key,
    reservation_id: command.reservation_id,
    user: command.user,
    counts: state.stock.countsAfter(moved, -1, 0),
  };
}

export function rejectReservation(
  state: SaleState,
  command: CreateReservation,
  occasion: Occasion,
  reason: ReservationRefusal,
): DecidedEvent {
  return {
    ...answerEnvelope(state, occasion, command),
    type: 'reservation.rejected',
    reservation_id: command.reservation_id,
    user: command.user,
    items: command.items,
    respond_async: command.respond_async,
    reason,
  };
}

/** When a hold that begins now ends by itself. */
export function holdDeadline(state: SaleState, { at }: Occasion): EpochMs {
  return (at + state.terms!.hold_seconds * 1000) as EpochMs;
}

/** The same sku twice is refused at the edge already; here it has the one answer that fits. */
function linesAsked(state: SaleState, { items }: CreateReservation): Line[] | 'malformed' | 'unknown_item' {
  if (items.length > 1 && new Set(items.map(({ sku }) => sku)).size < items.length) return 'malformed';
  const lines: Line[] = [];
  for (const { sku, quantity } of items) {
    const item = state.stock.item(sku);
    if (item === undefined) return 'unknown_item';
    lines.push({ item, quantity });
  }
  return lines;
}

/** Nobody overtakes: what somebody waits for is not there for a newcomer. */
function availableToNewcomers(state: SaleState, item: number): number {
  const free = state.stock.free(item);
  return state.waitlist.isBlocked(item, free) || (state.behind && isPromised(state, item)) ? 0 : free;
}

function mayWait(state: SaleState, { allow_partial }: CreateReservation, lines: readonly Line[]): boolean {
  if (state.waitlist.waiting >= state.terms!.waitlist_limit) return false;
  return allow_partial || lines.every(({ item, quantity }) => quantity <= state.stock.total(item));
}

function waitlist(state: SaleState, command: CreateReservation, occasion: Occasion): DecidedEvent {
  return {
    ...answerEnvelope(state, occasion, command),
    type: 'reservation.waitlisted',
    reservation_id: command.reservation_id,
    user: command.user,
    items: command.items,
    allow_partial: command.allow_partial,
    respond_async: command.respond_async,
  };
}
