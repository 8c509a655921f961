import type { CancelReservation, Command } from '#schemas/command.ts';
import type { DecidedEvent } from '#schemas/event.ts';
import type { EpochMs, Offset } from '#schemas/ids.ts';
import type { SaleTerms } from '#schemas/terms.ts';
import { advance } from './advance.ts';
import { decideExpiry } from './decide-expiry.ts';
import { decide } from './decide.ts';
import { evolve } from './evolve.ts';
import { unknownTo } from './learn.ts';
import { rejectRequest } from './reject-request.ts';
import { initialState } from './state.ts';
import {
  cancel,
  changeStock,
  checkOut,
  declined,
  fingerprint,
  items,
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

/** What an event says field by field: elsewhere a line of words stands for it, which leaves some of them out. */

interface Case {
  readonly name: string;
  readonly terms: SaleTerms;
  /** Of time 0. */
  readonly before?: readonly Command[];
  readonly at?: number;
  readonly command: Command;
  /** Without what every event has: see `place`. */
  readonly events: readonly object[];
}

const ann = { user: user('ann') };
const r1 = { reservation_id: reservation('r1'), ...ann };
const o1 = { order_id: order('o1'), ...r1 };
const keyed = (name: string, content = '') => ({ key: requestKey(name), fingerprint: fingerprint(content), accepted_at: 1 });
const reserved = (said: string, partial = false) => ({ ...r1, fingerprint: fingerprint(`${said} ${partial} `), accepted_at: 1 });

const one = termsOf('A:5');
const later = termsOf('A:5', { starts_at: '1970-01-01T00:00:01.000Z' });
const waitlist = { waitlist_limit: 9 };
const begun = [reserve('r1', 'ann', 'A:2')];
const checkedOut = [...begun, checkOut('o1', 'r1', 'ann')];

const cases: readonly Case[] = [
  {
    name: 'opened by hand',
    terms: later,
    command: operate('p', 'open'),
    events: [{ type: 'sale.opened', ...keyed('p', 'open') }],
  },
  { name: 'paused', terms: one, command: operate('p', 'pause'), events: [{ type: 'sale.paused', ...keyed('p', 'pause') }] },
  { name: 'resumed', terms: one, command: operate('p', 'resume'), events: [{ type: 'sale.resumed', ...keyed('p', 'resume') }] },
  { name: 'closed', terms: one, command: operate('p', 'close'), events: [{ type: 'sale.closed', ...keyed('p', 'close') }] },
  {
    name: 'refused to the operator',
    terms: later,
    command: operate('p', 'pause'),
    events: [{ type: 'request.rejected', request: 'sale.pause', ...keyed('p', 'pause'), reason: 'invalid_transition' }],
  },
  {
    name: 'stock changed',
    terms: one,
    command: changeStock('s', 'A', -2),
    events: [{ type: 'stock.changed', ...keyed('s', 'A -2'), sku: 'A', delta: -2, counts: { A: { total: 3, held: 0, sold: 0 } } }],
  },
  {
    name: 'held',
    terms: one,
    command: reserve('r1', 'ann', 'A:2'),
    events: [
      {
        type: 'reservation.created',
        ...reserved('A:2'),
        items: items('A:2'),
        expires_at: 10_000,
        respond_async: false,
        counts: { A: { total: 5, held: 2, sold: 0 } },
      },
    ],
  },
  {
    name: 'held in part',
    terms: one,
    command: reserve('r1', 'ann', 'A:7', { partial: true }),
    events: [
      {
        type: 'reservation.created',
        ...reserved('A:7', true),
        items: items('A:5'),
        not_granted: [{ sku: 'A', quantity: 2, reason: 'insufficient_stock' }],
        expires_at: 10_000,
        respond_async: false,
        counts: { A: { total: 5, held: 5, sold: 0 } },
      },
    ],
  },
  {
    name: 'waitlisted',
    terms: termsOf('A:5', waitlist),
    before: [reserve('r0', 'bob', 'A:5')],
    command: reserve('r1', 'ann', 'A:2'),
    events: [{ type: 'reservation.waitlisted', ...reserved('A:2'), items: items('A:2'), allow_partial: false, respond_async: false }],
  },
  {
    name: 'refused',
    terms: one,
    command: reserve('r1', 'ann', 'A:6'),
    events: [{ type: 'reservation.rejected', ...reserved('A:6'), items: items('A:6'), respond_async: false, reason: 'insufficient_stock' }],
  },
  {
    name: 'cancelled, and offered to the next, in part',
    terms: termsOf('A:5', waitlist),
    before: [reserve('r0', 'bob', 'A:5'), reserve('r1', 'ann', 'A:7', { partial: true })],
    command: cancel('c', 'r0', 'bob'),
    events: [
      {
        type: 'reservation.cancelled',
        ...keyed('c'),
        reservation_id: reservation('r0'),
        user: user('bob'),
        counts: { A: { total: 5, held: 0, sold: 0 } },
      },
      {
        type: 'reservation.offered',
        ...r1,
        items: items('A:5'),
        not_granted: [{ sku: 'A', quantity: 2, reason: 'insufficient_stock' }],
        expires_at: 10_000,
        counts: { A: { total: 5, held: 5, sold: 0 } },
      },
    ],
  },
  {
    name: 'expired, and offered to the next',
    terms: termsOf('A:5', waitlist),
    before: [reserve('r0', 'bob', 'A:5'), reserve('r1', 'ann', 'A:2')],
    at: 10_000,
    command: tick(),
    events: [
      {
        type: 'reservation.expired',
        reservation_id: reservation('r0'),
        user: user('bob'),
        counts: { A: { total: 5, held: 0, sold: 0 } },
      },
      {
        type: 'reservation.offered',
        ...r1,
        items: items('A:2'),
        expires_at: 20_000,
        counts: { A: { total: 5, held: 2, sold: 0 } },
      },
    ],
  },
  {
    name: 'closed, and turned away',
    terms: termsOf('A:5', waitlist),
    before: [reserve('r0', 'bob', 'A:5'), reserve('r1', 'ann', 'A:2')],
    command: operate('p', 'close'),
    events: [
      { type: 'sale.closed', ...keyed('p', 'close') },
      { type: 'reservation.rejected', ...r1, reason: 'sale_closed' },
    ],
  },
  {
    name: 'a cancel refused: nothing is said of a reservation that is not there for this user',
    terms: one,
    before: begun,
    command: cancel('c', 'r1', 'bob'),
    events: [
      {
        type: 'request.rejected',
        request: 'reservation.cancel',
        ...keyed('c'),
        ...r1,
        user: user('bob'),
        reason: 'reservation_not_found',
      },
    ],
  },
  {
    name: 'a cancel refused, and why',
    terms: one,
    before: checkedOut,
    command: cancel('c', 'r1', 'ann'),
    events: [
      {
        type: 'request.rejected',
        request: 'reservation.cancel',
        ...keyed('c'),
        ...r1,
        reservation_status: 'paying',
        reason: 'not_cancellable',
      },
    ],
  },
  {
    name: 'checked out',
    terms: one,
    before: begun,
    command: checkOut('o1', 'r1', 'ann'),
    events: [
      {
        type: 'checkout.requested',
        ...o1,
        fingerprint: fingerprint(''),
        accepted_at: 1,
        amount: 200,
        currency: 'EUR',
        expires_at: 60_000,
        respond_async: false,
      },
    ],
  },
  {
    name: 'a checkout refused, and why',
    terms: one,
    before: checkedOut,
    command: checkOut('o2', 'r1', 'ann'),
    events: [
      {
        type: 'request.rejected',
        request: 'checkout.request',
        ...keyed('', ''),
        key: order('o2'),
        ...r1,
        reservation_status: 'paying',
        respond_async: false,
        reason: 'reservation_not_held',
      },
    ],
  },
  {
    name: 'paid',
    terms: one,
    before: checkedOut,
    command: paid('o1', 'r1'),
    events: [
      { type: 'payment.succeeded', ...o1, charge_id: 'charge o1', late: false },
      { type: 'order.confirmed', ...o1, reacquired: false, counts: { A: { total: 5, held: 0, sold: 2 } } },
    ],
  },
  {
    name: 'declined, and held on',
    terms: one,
    before: checkedOut,
    command: declined('o1', 'r1'),
    events: [
      { type: 'payment.failed', ...o1, reason: 'declined', late: false },
      { type: 'order.failed', ...o1, reason: 'declined', reservation_status: 'held' },
    ],
  },
  {
    name: 'declined, and released',
    terms: { ...one, on_payment_failure: 'release' },
    before: checkedOut,
    command: declined('o1', 'r1', 'gave_up'),
    events: [
      { type: 'payment.failed', ...o1, reason: 'gave_up', late: false },
      { type: 'order.failed', ...o1, reason: 'gave_up', reservation_status: 'released' },
      { type: 'reservation.released', ...r1, reason: 'payment_failed', counts: { A: { total: 5, held: 0, sold: 0 } } },
    ],
  },
  {
    name: 'paid too late, and to be given back',
    terms: one,
    before: checkedOut,
    at: 60_000,
    command: paid('o1', 'r1'),
    events: [
      { type: 'order.failed', ...o1, reason: 'deadline', reservation_status: 'released' },
      { type: 'reservation.released', ...r1, reason: 'payment_failed', counts: { A: { total: 5, held: 0, sold: 0 } } },
      { type: 'payment.succeeded', ...o1, charge_id: 'charge o1', late: true },
      { type: 'refund.requested', ...o1, amount: 200, currency: 'EUR' },
    ],
  },
  {
    name: 'paid too late, and still there',
    terms: { ...one, late_payment: 'reacquire' },
    before: checkedOut,
    at: 60_000,
    command: paid('o1', 'r1'),
    events: [
      { type: 'order.failed', ...o1, reason: 'deadline', reservation_status: 'released' },
      { type: 'reservation.released', ...r1, reason: 'payment_failed', counts: { A: { total: 5, held: 0, sold: 0 } } },
      { type: 'payment.succeeded', ...o1, charge_id: 'charge o1', late: true },
      { type: 'order.confirmed', ...o1, reacquired: true, counts: { A: { total: 5, held: 0, sold: 2 } } },
    ],
  },
  {
    name: 'declined too late',
    terms: one,
    before: checkedOut,
    at: 60_000,
    command: declined('o1', 'r1'),
    events: [
      { type: 'order.failed', ...o1, reason: 'deadline', reservation_status: 'released' },
      { type: 'reservation.released', ...r1, reason: 'payment_failed', counts: { A: { total: 5, held: 0, sold: 0 } } },
      { type: 'payment.failed', ...o1, reason: 'declined', late: true },
    ],
  },
  {
    name: 'given back',
    terms: one,
    before: [...checkedOut, declined('o1', 'r1'), paid('o1', 'r1')],
    command: refunded('o1', 'r1'),
    events: [{ type: 'refund.completed', ...o1, refund_id: 'refund o1' }],
  },
];

const traceparent = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`;

describe.each([[undefined], [traceparent]])('each field of an event, traceparent %s', (traced) => {
  const trace = traced === undefined ? {} : { traceparent: traced };

  test.each(cases)('$name', ({ terms, before = [], at = 0, command, events: expected }) => {
    const state = initialState(SALE);
    const opening = [schedule('setup', terms), ...before];
    opening.forEach((each, offset) => advance(state, { at: 0 as EpochMs, offset: offset as Offset, command: each }));
    const { seq } = state;
    const offset = opening.length as Offset;
    const { events, answer } = advance(state, { at: at as EpochMs, offset, command: { ...command, ...trace } });
    const place = { sale_id: SALE, offset, at, request_id: command.request_id, ...trace };
    // Strictly: a field that is there and undefined would not be the same bytes.
    expect(events).toStrictEqual(expected.map((each, n) => ({ ...place, seq: seq + 1 + n, ...each })));
    const answered = events.find(({ type }) => !['reservation.expired', 'order.failed', 'reservation.released'].includes(type));
    if (command.type !== 'tick') expect(answer).toEqual({ kind: 'event', event: answered });
  });

  test.each([
    ['opens by itself once its start has come', '1970-01-01T00:00:00.007Z', true],
    ['waits for its start', '1970-01-01T00:00:00.008Z', false],
  ])('a sale %s', (_, starts_at, opens) => {
    const terms = termsOf('A:1', { starts_at });
    const command = schedule('setup', terms);
    const { events } = advance(initialState(SALE), { at: 7 as EpochMs, offset: 3 as Offset, command: { ...command, ...trace } });
    const place = { sale_id: SALE, offset: 3, at: 7, request_id: command.request_id, ...trace };
    expect(events).toStrictEqual([
      { ...place, seq: 1, type: 'sale.scheduled', ...keyed('setup', JSON.stringify(terms)), terms },
      ...(opens ? [{ ...place, seq: 2, type: 'sale.opened' }] : []),
    ]);
  });

  test('a record that cannot be read', () => {
    const state = initialState(SALE);
    advance(state, { at: 0 as EpochMs, offset: 0 as Offset, command: schedule('setup', one) });
    const { events } = advance(state, { at: 5 as EpochMs, offset: 9 as Offset, malformed: { sha256: 'abc', requestId: 'line' } });
    expect(events).toStrictEqual([
      {
        sale_id: SALE,
        seq: 3,
        offset: 9,
        at: 5,
        request_id: 'line',
        type: 'reservation.rejected',
        record_sha256: 'abc',
        reason: 'malformed',
      },
    ]);
  });
});

test.each(['bug', 'released', 'held'] as const)('a request cannot be refused because of "%s"', (reason) => {
  const occasion = { at: 0 as EpochMs, offset: 0 as Offset, requestId: 'x' };
  const command = cancel('c', 'r1', 'ann') as CancelReservation;
  expect(() => rejectRequest(initialState(SALE), command, command.key, occasion, reason)).toThrow('assertion failed');
});

describe('the end of a hold crashes', () => {
  const stateAfter = (commands: readonly Command[]) => {
    const state = initialState(SALE);
    [schedule('setup', one), ...commands].forEach((command, offset) => {
      advance(state, { at: 0 as EpochMs, offset: offset as Offset, command });
    });
    return state;
  };
  const occasion = (at: number) => ({ at: at as EpochMs, offset: 9 as Offset, requestId: 'x' });
  test('before its deadline', () => {
    const state = stateAfter(begun);
    expect(() => decideExpiry(state, 0, occasion(9_999))).toThrow('assertion failed');
    expect(decideExpiry(state, 0, occasion(10_000))).toMatchObject([{ type: 'reservation.expired' }]);
  });
  test('where it is being paid and has no order', () => {
    const state = stateAfter(begun);
    state.reservations.setStatus(0, 'paying');
    expect(() => decideExpiry(state, 0, occasion(10_000))).toThrow('assertion failed');
  });
});

test('a command or an event of a type that nobody knows crashes', () => {
  const state = initialState(SALE);
  const moment = { at: 0 as EpochMs, offset: 0 as Offset };
  const unknown = { ...tick(), type: 'unheard_of' } as unknown as Command;
  expect(decide(state, unknown, moment)).toEqual({ kind: 'nothing' });
  advance(state, { ...moment, command: schedule('setup', one) });
  expect(() => decide(state, unknown, moment)).toThrow('unreachable');
  expect(() => unknownTo(state, unknown)).toThrow('unreachable');
  const event = { type: 'unheard.of', sale_id: SALE, seq: 3, at: 0, offset: 0 } as unknown as DecidedEvent;
  expect(() => evolve(state, event)).toThrow('unreachable');
});
