import type { Command } from '#schemas/command.ts';
import type { EpochMs, Offset } from '#schemas/ids.ts';
import type { SaleTerms } from '#schemas/terms.ts';
import { advance } from './advance.ts';
import { checkInvariants } from './check-invariants.ts';
import { ItemQueue } from './item-queue.ts';
import { initialState, type SaleState } from './state.ts';
import type { Stock } from './stock.ts';
import { checkOut, nameOf, operate, order, paid, reservation, reserve, SALE, schedule, termsOf, user } from './testing/commands.ts';

/** What the model tests hold against the core is worth something only if it finds what is wrong: each case breaks one thing. */

interface Case {
  readonly name: string;
  readonly terms: SaleTerms;
  readonly commands: readonly Command[];
  /** Undoes the agreement of two structures, behind the core's back. */
  readonly spoil: (state: SaleState) => void;
  readonly found: readonly string[];
}

function stateAfter(terms: SaleTerms, commands: readonly Command[]): SaleState {
  const state = initialState(SALE);
  [schedule('setup', terms), ...commands].forEach((command, offset) => {
    advance(state, { at: 0 as EpochMs, offset: offset as Offset, command });
  });
  return state;
}

const slotOf = (state: SaleState, name: string) => state.reservations.find(reservation(name));

/** Puts others into the queues than those who joined. */
function seat(state: SaleState, places: Record<'A' | 'B', readonly string[]>): void {
  const queues = [places.A, places.B].map((names) => {
    const queue = new ItemQueue();
    names.forEach((name, place) => queue.join(slotOf(state, name), place + 1, 1));
    return queue;
  });
  jest.spyOn(state.waitlist, 'queue').mockImplementation((item) => queues[item]);
}

/** With names for ids. */
const named = (sentences: readonly string[]) => sentences.map((said) => said.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, nameOf));

const counters = (total: number, held: number, sold: number) =>
  ({ size: 1, sku: () => 'A', held: () => held, sold: () => sold, free: () => total - held - sold }) as unknown as Stock;

const held = [reserve('r1', 'ann', 'A'), reserve('r2', 'bob', 'A:2')];
const waiting = [reserve('r1', 'ann', 'A:5 B:5'), reserve('r2', 'bob', 'A B'), reserve('r3', 'cid', 'A')];
const paying = [reserve('r1', 'ann', 'A'), checkOut('o1', 'r1', 'ann')];
const one = termsOf('A:5');
const two = termsOf('A:5 B:5', { waitlist_limit: 2 });
const limited = termsOf('A:9', { per_user_limit: 3, active_holds_per_user: 2 });

const cases: Record<string, readonly Case[]> = {
  'counters and holds': [
    {
      name: 'more held than reservations hold',
      terms: one,
      commands: held,
      spoil: ({ stock }) => stock.move(0, 0, 1, 0),
      found: ['I2: item A counts 4 held, its reservations hold 3'],
    },
    {
      name: 'fewer held than none',
      terms: one,
      commands: [],
      spoil: (state) => (state.stock = counters(5, -1, 0)),
      found: ['I1: item A is oversold or below zero', 'I2: item A counts -1 held, its reservations hold 0'],
    },
    {
      name: 'fewer sold than none',
      terms: one,
      commands: [],
      spoil: (state) => (state.stock = counters(5, 0, -1)),
      found: ['I1: item A is oversold or below zero'],
    },
    {
      name: 'more sold than there is',
      terms: one,
      commands: [],
      spoil: (state) => (state.stock = counters(5, 0, 6)),
      found: ['I1: item A is oversold or below zero'],
    },
    { name: 'all sold', terms: one, commands: [], spoil: (state) => (state.stock = counters(5, 0, 5)), found: [] },
  ],
  deadlines: [
    {
      name: 'a hold without one',
      terms: one,
      commands: held,
      spoil: (state) => state.deadlines.remove(slotOf(state, 'r1')),
      found: ['reservation r1 has no deadline', '1 deadlines are queued for 2 holds'],
    },
    {
      name: 'one moved behind the back of the queue',
      terms: one,
      commands: held,
      spoil: (state) => state.reservations.setDeadline(slotOf(state, 'r2'), 1),
      found: ['the deadline of slot 1 is out of its order'],
    },
    {
      name: 'the last ms of a hold',
      terms: one,
      commands: held,
      spoil: (state) => (state.lastAt = 9_999 as EpochMs),
      found: [],
    },
    {
      name: 'holds that live on after it',
      terms: one,
      commands: held,
      spoil: (state) => (state.lastAt = 10_000 as EpochMs),
      found: ['I8: reservation r1 has outlived its deadline', 'I8: reservation r2 has outlived its deadline'],
    },
    {
      name: 'holds that live on because more was due than one record may lead to',
      terms: one,
      commands: held,
      spoil: (state) => {
        state.lastAt = 10_000 as EpochMs;
        state.behind = true;
      },
      found: [],
    },
  ],
  waitlist: [
    {
      name: 'a waiter in no queue',
      terms: two,
      commands: waiting,
      spoil: (state) => state.waitlist.leave(slotOf(state, 'r3')),
      found: ['1 are counted in the waitlist, 2 wait', '2 places in queues are taken for 3 lines'],
    },
    {
      name: 'one who does not wait any more',
      terms: two,
      commands: waiting,
      spoil: (state) => state.reservations.remove(slotOf(state, 'r3')),
      found: [
        '2 are counted in the waitlist, 1 wait',
        'slot 2 is in the queue of A and does not wait',
        '3 places in queues are taken for 2 lines',
      ],
    },
    {
      name: 'more than the terms allow',
      terms: two,
      commands: waiting,
      spoil: (state) => (state.terms = { ...state.terms!, waitlist_limit: 1 }),
      found: ['2 wait, the terms allow 1'],
    },
    {
      name: 'waiting for a sale that is closed',
      terms: two,
      commands: waiting,
      spoil: (state) => (state.status = 'closed'),
      found: ['somebody waits for a sale that is closed'],
    },
    {
      name: 'waiting for a sale that is closed, where more was due than one record may lead to',
      terms: two,
      commands: waiting,
      spoil: (state) => {
        state.status = 'closed';
        state.behind = true;
      },
      found: [],
    },
    {
      name: 'nobody waits for a sale that is closed',
      terms: two,
      commands: [reserve('r1', 'ann', 'A')],
      spoil: (state) => (state.status = 'closed'),
      found: [],
    },
    {
      name: 'somebody overtakes',
      terms: two,
      commands: waiting,
      spoil: (state) => seat(state, { A: ['r3', 'r2'], B: ['r2'] }),
      found: ['slot 1 stands in the queue of A out of its order'],
    },
    {
      name: 'somebody stands in a queue twice',
      terms: two,
      commands: waiting,
      spoil: (state) => seat(state, { A: ['r2', 'r2'], B: [] }),
      found: ['slot 1 stands in the queue of A out of its order', '2 places in queues are taken for 3 lines'],
    },
  ],
  orders: [
    {
      name: 'a reservation that is not found',
      terms: one,
      commands: held,
      spoil: (state) => jest.spyOn(state.reservations, 'isFound').mockImplementation((slot) => slot === 0),
      found: ['reservation r2 is not found where it stands'],
    },
    {
      name: 'paying without an order',
      terms: one,
      commands: held,
      spoil: (state) => state.reservations.setStatus(slotOf(state, 'r1'), 'paying'),
      found: [
        'reservation r1 and its order disagree on whether it is being paid',
        '0 orders are pending for 1 reservations that are being paid',
      ],
    },
    {
      name: 'an order of a hold that is not being paid',
      terms: one,
      commands: paying,
      spoil: (state) => state.reservations.setStatus(slotOf(state, 'r1'), 'held'),
      found: [
        'reservation r1 and its order disagree on whether it is being paid',
        '1 orders are pending for 0 reservations that are being paid',
      ],
    },
    {
      name: 'an order of a reservation that has ended, beside one that is being refunded',
      terms: one,
      commands: [],
      spoil: ({ orders }) => {
        const about = { user: user('ann'), lines: [], amount: 1, currency: 'EUR' };
        orders.add({ id: order('o1'), reservationId: reservation('r1'), ...about, status: 'pending' });
        orders.add({ id: order('o2'), reservationId: reservation('r2'), ...about, status: 'refunding' });
      },
      found: ['1 orders are pending for 0 reservations that are being paid'],
    },
  ],
  'what users have': [
    {
      name: 'fewer units counted than held',
      terms: limited,
      commands: [reserve('r1', 'ann', 'A:2'), reserve('r2', 'ann', 'A')],
      spoil: ({ usage }) => usage.change(user('ann'), -1, 0),
      found: ['user ann holds 3 units, fewer are counted'],
    },
    {
      name: 'more units counted than held, since some are bought',
      terms: limited,
      commands: [reserve('r1', 'ann', 'A'), checkOut('o1', 'r1', 'ann'), paid('o1', 'r1'), reserve('r2', 'ann', 'A:2')],
      spoil: () => undefined,
      found: [],
    },
    {
      name: 'more units than the limit',
      terms: limited,
      commands: [reserve('r1', 'ann', 'A:3')],
      spoil: (state) => (state.terms = { ...state.terms!, per_user_limit: 2 }),
      found: ['user ann holds 3 units, the limit is 2'],
    },
    {
      name: 'fewer holds counted than there are',
      terms: limited,
      commands: [reserve('r1', 'ann', 'A'), reserve('r2', 'ann', 'A')],
      spoil: ({ usage }) => usage.change(user('ann'), 0, -1),
      found: ['user ann has 2 holds, others are counted'],
    },
    {
      name: 'more holds than the limit',
      terms: limited,
      commands: [reserve('r1', 'ann', 'A'), reserve('r2', 'ann', 'A')],
      spoil: (state) => (state.terms = { ...state.terms!, active_holds_per_user: 1 }),
      found: ['user ann has 2 holds, too many'],
    },
    {
      name: 'holds of somebody who has none, beside units that were bought',
      terms: limited,
      commands: [reserve('r1', 'ann', 'A')],
      spoil: ({ usage }) => {
        usage.change(user('bob'), 0, 1);
        usage.change(user('cid'), 1, 0);
      },
      found: ['user bob counts 1 holds and has none'],
    },
    {
      name: 'nothing is counted where nothing is limited',
      terms: one,
      commands: held,
      spoil: () => undefined,
      found: [],
    },
  ],
};

describe.each(Object.entries(cases))('%s', (_, all) => {
  test.each(all)('$name', ({ terms, commands, spoil, found }) => {
    const state = stateAfter(terms, commands);
    expect(checkInvariants(state)).toEqual([]);
    spoil(state);
    expect(named(checkInvariants(state))).toEqual(found);
  });
});

test('nothing is wrong before the sale is scheduled', () => {
  expect(checkInvariants(initialState(SALE))).toEqual([]);
});

test('a waitlist that is full is no fault', () => {
  const state = stateAfter(two, [...waiting, operate('p', 'pause')]);
  expect([state.waitlist.waiting, checkInvariants(state)]).toEqual([2, []]);
});
