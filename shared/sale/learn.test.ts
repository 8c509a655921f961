import type { Command } from '#schemas/command.ts';
import type { OrderStatus, ReservationStatus } from '#schemas/event.ts';
import type { EpochMs, Offset, Seq } from '#schemas/ids.ts';
import { advance } from './advance.ts';
import { contradiction, forget, isAnswered, learn, type Unknown, unknownTo } from './learn.ts';
import { orderState, reservationFor } from './past.ts';
import type { Known } from './snapshot.ts';
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

const terms = termsOf('A:9');

function stateAfter(commands: readonly Command[]): SaleState {
  const state = initialState(SALE);
  [schedule('setup', terms), ...commands].forEach((command, offset) => {
    advance(state, { at: 0 as EpochMs, offset: offset as Offset, command });
  });
  return state;
}

/** One command of every type, each about something that lives, has just ended or was just decided. */
const commands: readonly Command[] = [
  reserve('r1', 'ann', 'A'),
  reserve('r2', 'ann', 'A'),
  cancel('c2', 'r2', 'ann'),
  checkOut('o1', 'r1', 'ann'),
  changeStock('s', 'A', 1),
  operate('p', 'pause'),
];

describe('what memory cannot answer', () => {
  type Case = readonly [what: string, command: Command, unknown: Unknown, isAnswered: boolean];
  const r1 = reservation('r1');
  const o1 = order('o1');
  const table: readonly Case[] = [
    ['a reservation decided before', reserve('r1', 'ann', 'A'), {}, true],
    ['a new reservation', reserve('new', 'ann', 'A'), { reservationKey: reservation('new') }, false],
    ['a cancel decided before', cancel('c2', 'r2', 'ann'), {}, true],
    ['a cancel of what lives', cancel('new', 'r1', 'ann'), { requestKey: requestKey('new') }, false],
    ['a cancel of what has just ended', cancel('new', 'r2', 'ann'), { requestKey: requestKey('new') }, false],
    ['a cancel of another', cancel('new', 'x', 'ann'), { requestKey: requestKey('new'), reservation: reservation('x') }, false],
    ['a cancel decided before, now of another', cancel('c2', 'x', 'ann'), { reservation: reservation('x') }, true],
    ['a checkout decided before', checkOut('o1', 'r1', 'ann'), {}, true],
    ['a checkout decided before, now of another', checkOut('o1', 'x', 'ann'), { reservation: reservation('x') }, true],
    ['a checkout of what lives', checkOut('new', 'r1', 'ann'), { orderKey: order('new') }, false],
    ['a checkout of another', checkOut('new', 'x', 'ann'), { orderKey: order('new'), reservation: reservation('x') }, false],
    ['a payment of an order that lives', paid('o1', 'r1'), {}, false],
    ['a payment of another', paid('x', 'r1'), { order: order('x') }, false],
    ['a failure of an order that lives', declined('o1', 'r1'), {}, false],
    ['a failure of another', declined('x', 'r1'), { order: order('x') }, false],
    ['a refund of an order that lives', refunded('o1', 'r1'), {}, false],
    ['a refund of another', refunded('x', 'r1'), { order: order('x') }, false],
    ['a change of the stock decided before', changeStock('s', 'A', 1), {}, true],
    ['another', changeStock('new', 'A', 1), { requestKey: requestKey('new') }, false],
    ['a schedule decided before', schedule('setup', terms), {}, true],
    ['another', schedule('new', terms), { requestKey: requestKey('new') }, false],
    ['a pause decided before', operate('p', 'pause'), {}, true],
    ...(['open', 'pause', 'resume', 'close'] as const).map((verb): Case => [
      `another: ${verb}`,
      operate('new', verb),
      { requestKey: requestKey('new') },
      false,
    ]),
    ['a tick', tick(), {}, false],
  ];
  test.each(table)('%s', (_, command, unknown, answered) => {
    const state = stateAfter(commands);
    expect(unknownTo(state, command)).toStrictEqual(unknown);
    expect(isAnswered(state, command)).toBe(answered);
  });

  test('after everything was forgotten: all that does not live', () => {
    const state = stateAfter(commands);
    forget(state, seqOf(state));
    expect(unknownTo(state, reserve('r1', 'ann', 'A'))).toStrictEqual({ reservationKey: r1 });
    expect(unknownTo(state, cancel('c2', 'r2', 'ann'))).toStrictEqual({ requestKey: requestKey('c2'), reservation: reservation('r2') });
    expect(unknownTo(state, checkOut('o1', 'r1', 'ann'))).toStrictEqual({ orderKey: o1 });
    expect(unknownTo(state, paid('o1', 'r1'))).toStrictEqual({});
  });
});

const nothing: Known = { decisions: [], reservations: [], orders: [] };
const aboutOrder = { reservationId: reservation('r9'), user: user('ann'), amount: 7, currency: 'EUR' };
const knownReservation = (status: ReservationStatus, name = 'r9') =>
  ({ ...nothing, reservations: [{ id: reservation(name), user: user('ann'), status }] }) satisfies Known;
const knownOrder = (status: OrderStatus, name = 'o9') =>
  ({ ...nothing, orders: [{ id: order(name), status, ...aboutOrder }] }) satisfies Known;

describe('what the ledger may say of what memory has not', () => {
  const reservations: Record<ReservationStatus, boolean> = {
    held: false,
    waitlisted: false,
    paying: false,
    confirmed: true,
    released: true,
    rejected: true,
    refunding: true,
    refunded: true,
  };
  test.each(Object.entries(reservations))('of a reservation: %s, %s', (status, allowed) => {
    const state = stateAfter([]);
    const answered = knownReservation(status as ReservationStatus);
    const learning = () => learn(state, answered);
    expect(contradiction(state, answered)).toEqual(allowed ? null : expect.stringContaining(status));
    if (allowed) learning();
    else expect(learning).toThrow('assertion failed');
    expect(reservationFor(state, reservation('r9'), user('ann'))).toEqual(allowed ? { status, slot: -1 } : null);
    expect(reservationFor(state, reservation('r9'), user('bob'))).toBeNull();
  });

  const orders: Record<OrderStatus, boolean> = { pending: false, refunding: false, failed: true, paid: true, refunded: true };
  test.each(Object.entries(orders))('of an order: %s, %s', (status, allowed) => {
    const state = stateAfter([]);
    const answered = knownOrder(status as OrderStatus);
    const learning = () => learn(state, answered);
    expect(contradiction(state, answered)).toEqual(allowed ? null : expect.stringContaining(status));
    if (allowed) learning();
    else expect(learning).toThrow('assertion failed');
    expect(orderState(state, order('o9'))).toBe(allowed ? status : 'none');
  });

  test('a failed order is known well enough to be refunded, and no more than that of the others', () => {
    const state = stateAfter([]);
    learn(state, { ...nothing, orders: [...knownOrder('failed').orders, ...knownOrder('paid', 'o8').orders] });
    expect(state.pastOrders.get(order('o9'))).toStrictEqual({ id: order('o9'), status: 'failed', ...aboutOrder });
    expect(state.pastOrders.get(order('o8'))).toStrictEqual({ status: 'paid' });
  });
});

describe('what memory knows stays', () => {
  test('an answer', () => {
    const state = stateAfter(commands);
    const known = state.decisions.get(reservation('r1'));
    learn(state, { ...nothing, decisions: [{ key: reservation('r1'), fingerprint: fingerprint('other'), seq: 99 as Seq }] });
    expect(state.decisions.get(reservation('r1'))).toEqual(known);
  });

  // A reservation that lives would crash as `held`, see above.
  test.each([
    ['a reservation that lives', 'r1', { status: 'paying', slot: 0 }],
    ['a reservation that has ended', 'r2', { status: 'released', slot: -1 }],
  ])('%s', (_, name, stays) => {
    const state = stateAfter(commands);
    learn(state, knownReservation('held', name));
    learn(state, knownReservation('confirmed', name));
    expect(reservationFor(state, reservation(name), user('ann'))).toEqual(stays);
    expect(state.pastReservations.has(reservation(name))).toBe(stays.slot === -1);
  });

  test('an order', () => {
    const state = stateAfter(commands);
    learn(state, knownOrder('pending', 'o1'));
    learn(state, knownOrder('paid', 'o1'));
    expect([orderState(state, order('o1')), state.pastOrders.size]).toEqual(['pending', 0]);
  });
});

test('what was learned outlives a `forget` of what is decided already, and goes with the next decision', () => {
  const state = stateAfter([]);
  const known = {
    ...knownReservation('released'),
    ...{ orders: knownOrder('paid').orders, decisions: [{ key: requestKey('k'), fingerprint: fingerprint('k'), seq: 1 as Seq }] },
  };
  const sizes = () => [state.decisions, state.pastReservations, state.pastOrders].map(({ size }) => size);
  learn(state, known);
  forget(state, seqOf(state));
  expect(sizes()).toEqual([1, 1, 1]);
  advance(state, { at: 0 as EpochMs, offset: 1 as Offset, command: changeStock('s', 'A', 1) });
  forget(state, seqOf(state));
  expect(sizes()).toEqual([0, 0, 0]);
});

test('what is not decided yet cannot be forgotten', () => {
  const state = stateAfter([]);
  expect(() => forget(state, (seqOf(state) + 1) as Seq)).toThrow('assertion failed');
});
