import type { Command } from '#schemas/command.ts';
import type { DecidedEvent } from '#schemas/event.ts';
import type { EpochMs, Offset } from '#schemas/ids.ts';
import { advance } from './advance.ts';
import { evolve } from './evolve.ts';
import { initialState, type SaleState, seqOf } from './state.ts';
import {
  cancel,
  changeStock,
  checkOut,
  declined,
  fingerprint,
  operate,
  order,
  paid,
  refunded,
  requestKey,
  reservation,
  reserve,
  SALE,
  schedule,
  termsOf,
  tick,
  user,
} from './testing/commands.ts';
import {
  ORDER_STATES,
  ORDER_TRANSITIONS,
  ORDER_TRIGGERS,
  type OrderState,
  type OrderTrigger,
  RESERVATION_TRANSITIONS,
  RESERVATION_TRIGGERS,
  type ReservationState,
  type ReservationTrigger,
} from './transitions.ts';

/**
 * Every pair of the tables is tried on a real state: an event of the trigger's kind is
 * applied to a reservation or an order in that state, and either goes through or crashes.
 */

type Way = readonly (readonly [at: number, command: Command])[];

const terms = termsOf('A:1 B:1', { waitlist_limit: 5, late_payment: 'reacquire' });
const begun: Way = [[0, reserve('r', 'ann', 'A')]];
const checkedOut: Way = [...begun, [0, checkOut('o', 'r', 'ann')]];
const late: Way = [...checkedOut, [60_000, tick()]];
const takenByAnother: Way = [...late, [60_000, reserve('other', 'bob', 'A')]];

/** How `r` gets into each state; null: the core never brings it there, the ledger may know such ones. */
const waysOfReservation: Record<ReservationState, Way | null> = {
  none: [],
  held: begun,
  waitlisted: [
    [0, reserve('other', 'bob', 'A')],
    [0, reserve('r', 'ann', 'A')],
  ],
  paying: checkedOut,
  confirmed: [...checkedOut, [0, paid('o', 'r')]],
  released: [...begun, [0, cancel('c', 'r', 'ann')]],
  rejected: [[0, reserve('r', 'ann', 'X')]],
  refunding: null,
  refunded: null,
};

const waysOfOrder: Record<OrderState, Way> = {
  none: begun,
  pending: checkedOut,
  failed_open: late,
  failed: [...checkedOut, [0, declined('o', 'r')]],
  paid: [...checkedOut, [0, paid('o', 'r')]],
  refunding: [...takenByAnother, [60_000, paid('o', 'r')]],
  refunded: [...takenByAnother, [60_000, paid('o', 'r')], [60_000, refunded('o', 'r')]],
};

function stateAfter(way: Way): SaleState {
  const state = initialState(SALE);
  [[0, schedule('setup', terms)] as const, ...way].forEach(([at, command], offset) => {
    advance(state, { at: at as EpochMs, offset: offset as Offset, command });
  });
  return state;
}

/** What follows the state, for an event that pretends to come next. */
function next(state: SaleState) {
  return { sale_id: SALE, seq: seqOf(state) + 1, offset: 1_000, at: 70_000, request_id: 'next' };
}

const about = { reservation_id: reservation('r'), user: user('ann') };
const aboutOrder = { order_id: order('o'), ...about };
const answer = { fingerprint: fingerprint('next'), accepted_at: 0, respond_async: false };
const asked = { items: [{ sku: 'B', quantity: 1 }] };

/** Counters are not the matter here: an event without any is not checked against them. */
const eventsOfReservation: Record<ReservationTrigger, object> = {
  hold: { type: 'reservation.created', ...about, ...answer, ...asked, expires_at: 90_000 },
  waitlist: { type: 'reservation.waitlisted', ...about, ...answer, ...asked, allow_partial: false },
  refuse: { type: 'reservation.rejected', ...about, ...answer, ...asked, reason: 'sold_out' },
  offer: { type: 'reservation.offered', ...about, ...asked, expires_at: 90_000 },
  turn_away: { type: 'reservation.rejected', ...about, reason: 'sale_closed' },
  cancel: { type: 'reservation.cancelled', ...about, ...answer, key: requestKey('next') },
  expire: { type: 'reservation.expired', ...about },
  check_out: {
    type: 'checkout.requested',
    ...aboutOrder,
    ...answer,
    order_id: order('new'),
    amount: 1,
    currency: 'EUR',
    expires_at: 90_000,
  },
  confirm: { type: 'order.confirmed', ...aboutOrder, reacquired: false },
  reacquire: { type: 'order.confirmed', ...aboutOrder, reacquired: true },
  payment_fails_hold_goes_on: { type: 'order.failed', ...aboutOrder, reason: 'declined', reservation_status: 'held' },
  payment_fails_hold_ends: { type: 'reservation.released', ...about, reason: 'payment_failed' },
};

const eventsOfOrder: Record<OrderTrigger, readonly object[]> = {
  check_out: [{ type: 'checkout.requested', ...aboutOrder, ...answer, amount: 1, currency: 'EUR', expires_at: 90_000 }],
  payment_succeeds: [{ type: 'payment.succeeded', ...aboutOrder, charge_id: 'c', late: false }],
  payment_fails: [
    { type: 'payment.failed', ...aboutOrder, reason: 'declined', late: false },
    { type: 'payment.failed', ...aboutOrder, reason: 'declined', late: true },
  ],
  deadline_passes: [{ type: 'order.failed', ...aboutOrder, reason: 'deadline', reservation_status: 'released' }],
  reacquire: [{ type: 'order.confirmed', ...aboutOrder, reacquired: true }],
  refund: [{ type: 'refund.requested', ...aboutOrder, amount: 1, currency: 'EUR' }],
  refund_completes: [{ type: 'refund.completed', ...aboutOrder, refund_id: 'r' }],
};

function goesThrough(way: Way, event: object): boolean {
  const state = stateAfter(way);
  try {
    evolve(state, { ...next(state), ...event } as DecidedEvent);
    return true;
  } catch (error) {
    expect(String(error)).toContain('assertion failed');
    return false;
  }
}

test('an outcome is a state, a refusal, or a bug', () => {
  const outcomes = (table: object) => new Set(Object.values(table).flatMap((row: object) => Object.values(row)));
  expect(outcomes(RESERVATION_TRANSITIONS)).toEqual(
    new Set([
      ...['held', 'waitlisted', 'paying', 'confirmed', 'released', 'rejected'],
      ...['reservation_not_found', 'not_cancellable', 'reservation_not_held'],
      'bug',
    ]),
  );
  expect(outcomes(ORDER_TRANSITIONS)).toEqual(new Set([...ORDER_STATES.filter((each) => each !== 'none'), 'late', 'nothing', 'bug']));
});

describe('reservations', () => {
  const pairs = Object.entries(waysOfReservation).flatMap(([from, way]) =>
    way === null ? [] : RESERVATION_TRIGGERS.map((trigger) => ({ from: from as ReservationState, trigger, way })),
  );
  test.each(pairs)('$from, $trigger', ({ from, trigger, way }) => {
    const outcome = RESERVATION_TRANSITIONS[from][trigger];
    // A reservation is reacquired through its order, which must have been late: see below.
    const expected = trigger !== 'reacquire' && outcome in RESERVATION_TRANSITIONS;
    expect(goesThrough(way, eventsOfReservation[trigger])).toBe(expected);
  });

  test('a reservation that was released late is reacquired', () => {
    expect(RESERVATION_TRANSITIONS.released.reacquire).toBe('confirmed');
    expect(goesThrough(late, eventsOfReservation.reacquire)).toBe(true);
  });

  test.each(['cancel', 'check_out'] as const)('%s is refused, and told why, wherever it is not granted', (trigger) => {
    for (const [from, way] of Object.entries(waysOfReservation)) {
      if (way === null) continue;
      const state = stateAfter(way);
      const command = trigger === 'cancel' ? cancel('last', 'r', 'ann') : checkOut('last', 'r', 'ann');
      const { events } = advance(state, { at: state.lastAt as EpochMs, offset: 1_000 as Offset, command });
      const outcome = RESERVATION_TRANSITIONS[from as ReservationState][trigger];
      const refusal = outcome in RESERVATION_TRANSITIONS ? undefined : outcome;
      expect([from, (events[0] as { reason?: string }).reason]).toEqual([from, refusal]);
    }
  });
});

describe('orders', () => {
  const pairs = ORDER_STATES.flatMap((from) => ORDER_TRIGGERS.map((trigger) => ({ from, trigger })));
  test.each(pairs)('$from, $trigger', ({ from, trigger }) => {
    const outcome = ORDER_TRANSITIONS[from][trigger];
    const through = eventsOfOrder[trigger].some((event) => goesThrough(waysOfOrder[from], event));
    const expected = outcome in ORDER_TRANSITIONS;
    // A late success is told by `late: true`, and the event that follows says what came of it.
    expect(through).toBe(expected);
  });

  const results: Record<Extract<OrderTrigger, 'payment_succeeds' | 'payment_fails' | 'refund_completes'>, Command> = {
    payment_succeeds: paid('o', 'r'),
    payment_fails: declined('o', 'r'),
    refund_completes: refunded('o', 'r'),
  };
  test.each(ORDER_STATES)('%s: results that are known already lead to nothing, others to events', (from) => {
    for (const [trigger, command] of Object.entries(results)) {
      const state = stateAfter(waysOfOrder[from]);
      const { answer: told } = advance(state, { at: state.lastAt as EpochMs, offset: 1_000 as Offset, command });
      const outcome = ORDER_TRANSITIONS[from][trigger as OrderTrigger];
      expect([trigger, told.kind]).toEqual([trigger, outcome === 'nothing' ? 'nothing' : 'event']);
    }
  });
});

describe('an event that does not belong crashes', () => {
  const created = { type: 'reservation.created', ...about, ...answer, ...asked, expires_at: 90_000 };
  const right = { sale_id: SALE, seq: 3, offset: 1, at: 0, request_id: 'x', ...created, counts: { B: { total: 1, held: 1, sold: 0 } } };
  test('the right one goes through', () => {
    expect(seqOf(evolve(stateAfter([]), right as unknown as DecidedEvent))).toBe(3);
  });
  test.each([
    ['another sale', { sale_id: 'another' }],
    ['a gap in the seq', { seq: 4 }],
    ['a seq again', { seq: 2 }],
    ['an offset before', { offset: -1 }],
    ['a time before', { at: -1 }],
    ['other counters', { counts: { B: { total: 1, held: 0, sold: 0 } } }],
    ['counters of an item the sale has not', { counts: { X: { total: 1, held: 1, sold: 0 } } }],
    ['an item the sale has not', { items: [{ sku: 'X', quantity: 1 }] }],
    ['more units than there are', { items: [{ sku: 'B', quantity: 2 }] }],
  ])('%s', (_, wrong) => {
    expect(() => evolve(stateAfter([]), { ...right, ...wrong } as unknown as DecidedEvent)).toThrow('assertion failed');
  });
  test.each([
    ['opened while paused', [operate('p', 'pause')], 'sale.opened'],
    ['paused while closed', [operate('x', 'close')], 'sale.paused'],
  ])('%s', (_, commands, type) => {
    const state = stateAfter(commands.map((command) => [0, command] as const));
    expect(() => evolve(state, { ...next(state), type } as DecidedEvent)).toThrow('assertion failed');
  });
  test.each([
    ['a sale that is scheduled again', { type: 'sale.scheduled', key: requestKey('k'), terms }],
    ['stock of an item the sale has not', { type: 'stock.changed', key: requestKey('k'), sku: 'X', delta: 1 }],
    ['a refusal of nothing', { type: 'reservation.rejected', reason: 'malformed' }],
    ['a refusal of a reservation that lives', { type: 'reservation.rejected', ...about, reason: 'sold_out' }],
    ['the end of a reservation that never was', { type: 'reservation.expired', ...about, reservation_id: reservation('never') }],
  ])('%s', (_, event) => {
    const state = stateAfter(begun);
    expect(() => evolve(state, { ...next(state), ...answer, ...event } as unknown as DecidedEvent)).toThrow('assertion failed');
  });
  test('stock below what is committed', () => {
    const state = stateAfter([...begun, [0, changeStock('s', 'B', 1)]]);
    const event = { ...next(state), ...answer, type: 'stock.changed', key: 'key', sku: 'A', delta: -1 };
    expect(() => evolve(state, event as unknown as DecidedEvent)).toThrow('assertion failed');
  });
});
