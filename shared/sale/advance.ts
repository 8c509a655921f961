import type { Command } from '#schemas/command.ts';
import type { DecidedEvent } from '#schemas/event.ts';
import type { EpochMs, Offset, ReservationId, Seq } from '#schemas/ids.ts';
import { assert } from '#shared/faults/assert.ts';
import { decideExpiry } from './decide-expiry.ts';
import { decideOffer, decideTurnAway } from './decide-offer.ts';
import { decide, type Decision } from './decide.ts';
import { evolve } from './evolve.ts';
import { envelope, type Occasion } from './occasion.ts';
import type { SaleState } from './state.ts';

/** One record of the line: a command, or bytes that could not be read as one. */
export type Entry =
  | { readonly offset: Offset; readonly at: EpochMs; readonly command: Command }
  | { readonly offset: Offset; readonly at: EpochMs; readonly malformed: { readonly sha256: string; readonly requestId: string } };

export type Answer =
  | { readonly kind: 'event'; readonly event: DecidedEvent }
  | { readonly kind: 'repeated'; readonly seq: Seq }
  | { readonly kind: 'nothing' };

export interface Advanced {
  /** In the order of their seq; already applied to the state. */
  readonly events: readonly DecidedEvent[];
  readonly answer: Answer;
}

/**
 * Holds ended, waiters served and waiters turned away that one record can lead to,
 * so that no record makes a batch without bound. It is a rule of the sale and not a
 * setting: another number decides the same line otherwise (I3).
 */
export const FOLLOW_UPS_MAX = 2_000;

/**
 * Takes the sale one record on: first every hold whose deadline is at or before
 * `at` ends, in the order of deadlines and then of decisions, each followed by the
 * offers it makes possible; then the command is decided; then whom of the waitlist
 * that concerns. `at` must not be before that of the record before, the offset must
 * be above it.
 *
 * What is more than `followUpsMax` is left to the next record, which goes on where
 * this one stopped; a hold that is overdue by then is held for the counters, but the
 * command that wants to use it finds it ended.
 */
export function advance(state: SaleState, entry: Entry, followUpsMax = FOLLOW_UPS_MAX): Advanced {
  assert(entry.at >= state.lastAt, `time ${entry.at} of offset ${entry.offset} is before ${state.lastAt}, the time of the record before`);
  assert(entry.offset > state.lastOffset, `offset ${entry.offset} was advanced already: the newest is ${state.lastOffset}`);
  state.lastAt = entry.at;
  state.lastOffset = entry.offset;
  const occasion = occasionOf(entry);

  const events: DecidedEvent[] = [];
  let left = state.behind ? serveWaitlist(state, occasion, events, followUpsMax) : followUpsMax;
  for (let slot = dueSlot(state, entry.at); slot !== -1 && left > 0; slot = dueSlot(state, entry.at)) {
    for (const event of decideExpiry(state, slot, occasion)) events.push(evolveNext(state, event));
    left = serveWaitlist(state, occasion, events, left - 1);
  }
  state.behind = left === 0;
  if (state.behind && 'command' in entry) endOverdue(state, entry.command, occasion, events);

  const decision = 'command' in entry ? decide(state, entry.command, entry) : decideMalformed(state, entry.malformed.sha256, occasion);
  if (decision.kind === 'decided') for (const event of decision.events) events.push(evolveNext(state, event));
  state.behind = serveWaitlist(state, occasion, events, left) === 0;
  if (decision.kind !== 'decided') return { events, answer: decision };
  return { events, answer: { kind: 'event', event: decision.events[0]! } };
}

function occasionOf(entry: Entry): Occasion {
  const { at, offset } = entry;
  if ('malformed' in entry) return { at, offset, requestId: entry.malformed.requestId };
  return { at, offset, requestId: entry.command.request_id, traceparent: entry.command.traceparent };
}

/** A hold that has reached its deadline, the earliest first; -1 where none has. */
function dueSlot(state: SaleState, at: EpochMs): number {
  const slot = state.deadlines.first();
  return slot !== -1 && state.reservations.deadline(slot) <= at ? slot : -1;
}

/** Nobody uses a hold after its deadline, also where so many end at once that its turn has not come. */
function endOverdue(state: SaleState, command: Command, occasion: Occasion, events: DecidedEvent[]): void {
  const id = reservationUsedBy(state, command);
  const slot = id === undefined ? -1 : state.reservations.find(id);
  if (slot === -1 || !state.deadlines.has(slot) || state.reservations.deadline(slot) > occasion.at) return;
  for (const event of decideExpiry(state, slot, occasion)) events.push(evolveNext(state, event));
}

function reservationUsedBy(state: SaleState, command: Command): ReservationId | undefined {
  if (command.type === 'reservation.cancel' || command.type === 'checkout.request') return command.reservation_id;
  if (!('order_id' in command)) return undefined;
  const order = state.orders.get(command.order_id);
  return order?.status === 'pending' ? order.reservationId : undefined;
}

/** Serves those whose turn it is, or of a closed sale turns them away; gives how many more follow-ups the record may have. */
function serveWaitlist(state: SaleState, occasion: Occasion, events: DecidedEvent[], followUpsMax: number): number {
  let left = followUpsMax;
  while (left > 0) {
    const next = state.status === 'closed' ? decideTurnAway(state, occasion) : decideOffer(state, occasion);
    if (next === null) break;
    events.push(evolveNext(state, next));
    left -= 1;
  }
  return left;
}

function evolveNext(state: SaleState, event: DecidedEvent): DecidedEvent {
  evolve(state, event);
  return event;
}

/** A record that cannot be read is on record too, and the line moves on. Before the sale is scheduled there is no log to put it in. */
function decideMalformed(state: SaleState, sha256: string, occasion: Occasion): Decision {
  if (state.terms === null) return { kind: 'nothing' };
  const event: DecidedEvent = { ...envelope(state, occasion), type: 'reservation.rejected', record_sha256: sha256, reason: 'malformed' };
  return { kind: 'decided', events: [event] };
}
