import type { Command } from '#schemas/command.ts';
import type { DecidedEvent } from '#schemas/event.ts';
import type { EpochMs, Offset, Seq } from '#schemas/ids.ts';
import { assert } from '#shared/faults/assert.ts';
import { decideExpiry } from './decide-expiry.ts';
import { decideOffer } from './decide-offer.ts';
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

const NO_EVENTS: readonly DecidedEvent[] = [];

/**
 * Takes the sale one record on: first every hold whose deadline is at or before
 * `at` ends, in the order of deadlines and then of decisions, each followed by the
 * offers it makes possible; then the command is decided; then whom of the waitlist
 * that concerns. `at` must not be before that of the record before, the offset must
 * be above it.
 */
export function advance(state: SaleState, entry: Entry): Advanced {
  assert(entry.at >= state.lastAt, `time ${entry.at} of offset ${entry.offset} is before ${state.lastAt}, the time of the record before`);
  assert(entry.offset > state.lastOffset, `offset ${entry.offset} was advanced already: the newest is ${state.lastOffset}`);
  state.lastAt = entry.at;
  state.lastOffset = entry.offset;
  const occasion = occasionOf(entry);

  const events: DecidedEvent[] = [];
  for (let slot = dueSlot(state, entry.at); slot !== -1; slot = dueSlot(state, entry.at)) {
    for (const event of decideExpiry(state, slot, occasion)) events.push(evolveNext(state, event));
    serveWaitlist(state, occasion, events);
  }

  const decision = 'command' in entry ? decide(state, entry.command, entry) : decideMalformed(state, entry.malformed.sha256, occasion);
  if (decision.kind !== 'decided') return { events: events.length === 0 ? NO_EVENTS : events, answer: decision };
  for (const event of decision.events) events.push(evolveNext(state, event));
  serveWaitlist(state, occasion, events);
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

function serveWaitlist(state: SaleState, occasion: Occasion, events: DecidedEvent[]): void {
  while (state.waitlist.due.size > 0) {
    const offer = decideOffer(state, occasion);
    if (offer === null) return;
    events.push(evolveNext(state, offer));
  }
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
