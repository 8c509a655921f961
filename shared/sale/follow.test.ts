import type { Command } from '#schemas/command.ts';
import type { DecidedEvent } from '#schemas/event.ts';
import type { EpochMs, Offset } from '#schemas/ids.ts';
import { advance } from './advance.ts';
import { evolve } from './evolve.ts';
import { follow } from './follow.ts';
import { forget } from './learn.ts';
import { orderState } from './past.ts';
import { initialState, seqOf } from './state.ts';
import { checkOut, declined, order, paid, refunded, reserve, SALE, schedule, termsOf } from './testing/commands.ts';

/** A payment that succeeds although it had failed for good is about an order that a follower may have forgotten. */
const commands: readonly Command[] = [
  schedule('setup', termsOf('A:5')),
  reserve('r1', 'ann', 'A:2'),
  checkOut('o1', 'r1', 'ann'),
  declined('o1', 'r1'),
  paid('o1', 'r1'),
  refunded('o1', 'r1'),
];

function eventsOf(all: readonly Command[]): DecidedEvent[] {
  const state = initialState(SALE);
  return all.flatMap((command, offset) => advance(state, { at: 0 as EpochMs, offset: offset as Offset, command }).events);
}

test('whoever forgets everything at once follows all the same, and knows what the refund is of', () => {
  const state = initialState(SALE);
  const refunds: unknown[] = [];
  for (const event of eventsOf(commands)) {
    expect(follow(state, event)).toBe(state);
    if (event.type === 'refund.requested') refunds.push(state.orders.get(event.order_id));
    forget(state, seqOf(state));
  }
  expect(refunds).toMatchObject([{ id: order('o1'), status: 'refunding', amount: 200, currency: 'EUR', lines: [] }]);
  expect([orderState(state, order('o1')), state.orders.size]).toEqual(['none', 0]);
});

test('whoever forgets nothing is told nothing new', () => {
  const followed = initialState(SALE);
  const evolved = initialState(SALE);
  for (const event of eventsOf(commands)) {
    follow(followed, event);
    evolve(evolved, event);
    expect(followed.pastOrders.get(order('o1'))).toEqual(evolved.pastOrders.get(order('o1')));
  }
});

test.each([
  ['a payment in time', { type: 'payment.succeeded', late: false, charge_id: 'c' }],
  ['a refund that is completed', { type: 'refund.completed', refund_id: 'r' }],
  ['a failure', { type: 'payment.failed', late: true, reason: 'declined' }],
])('%s of an order that nobody knows crashes', (_, about) => {
  const state = initialState(SALE);
  for (const event of eventsOf(commands.slice(0, 2))) follow(state, event);
  const event = { sale_id: SALE, seq: seqOf(state) + 1, at: 0, offset: 9, request_id: 'x', order_id: order('o9'), ...about };
  expect(() => follow(state, event as unknown as DecidedEvent)).toThrow('assertion failed');
});
