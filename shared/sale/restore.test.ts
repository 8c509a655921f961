import type { EpochMs, Offset, Seq, Sku } from '#schemas/ids.ts';
import { advance } from './advance.ts';
import { checkInvariants } from './check-invariants.ts';
import { restore, restoreInParts } from './restore.ts';
import type { LiveReservation, SaleSnapshot } from './snapshot.ts';
import { countsOf, initialState, isSettled, seqOf, statusOf } from './state.ts';
import { items, order, reservation, reserve, SALE, termsOf, user } from './testing/commands.ts';
import { shown } from './testing/shown.ts';

/** That a restored sale goes on as the lost one is in `model.test.ts`; here is what a ledger must not say. */

const live = (name: string, changes: Partial<LiveReservation> = {}): LiveReservation => ({
  id: reservation(name),
  user: user('ann'),
  status: 'held',
  items: items('A'),
  allowPartial: false,
  expiresAt: 10_000 as EpochMs,
  extended: false,
  decidedSeq: 3 as Seq,
  ...changes,
});

const waiting = (name: string, seq: number) => live(name, { status: 'waitlisted', expiresAt: null, decidedSeq: seq as Seq });

const counters = (sku: string, total: number, held: number, sold: number) => ({ sku: sku as Sku, total, held, sold });

const right: SaleSnapshot = {
  saleId: SALE,
  terms: termsOf('A:5 B:5', { waitlist_limit: 9 }),
  status: 'paused',
  seq: 7 as Seq,
  items: [counters('B', 6, 0, 2), counters('A', 5, 1, 0)],
  live: [live('r1')],
  orders: [],
  bought: [],
};

test('a sale of which nothing is decided has no status', () => {
  expect([statusOf(initialState(SALE)), seqOf(initialState(SALE)), isSettled(initialState(SALE))]).toEqual([null, 0, false]);
});

test('what the ledger holds stands again', () => {
  const state = restore(right);
  expect([statusOf(state), seqOf(state), checkInvariants(state)]).toEqual(['paused', 7, []]);
  expect(countsOf(state, 'A' as Sku)).toEqual({ total: 5, held: 1, sold: 0 });
  expect(countsOf(state, 'B' as Sku)).toEqual({ total: 6, held: 0, sold: 2 });
  expect(countsOf(state, 'X' as Sku)).toBeNull();
});

test.each<[what: string, changes: Partial<SaleSnapshot>]>([
  ['counters of fewer items than the terms name', { items: [counters('A', 5, 1, 0)] }],
  ['counters of more items than the terms name', { items: [...right.items, counters('X', 1, 0, 0)] }],
  ['counters of an item the terms do not name', { items: [counters('A', 5, 1, 0), counters('X', 1, 0, 0)] }],
  ['more sold than there is', { items: [counters('A', 5, 1, 5), counters('B', 5, 0, 0)] }],
  ['a hold without a deadline', { live: [live('r1', { expiresAt: null })] }],
  ['a payment without a deadline', { live: [live('r1', { status: 'paying', expiresAt: null })] }],
  ['a waiter with a deadline', { live: [live('r1', { status: 'waitlisted' })] }],
  ['a reservation of an item the terms do not name', { live: [live('r1', { items: items('X') })] }],
  ['a reservation twice', { live: [live('r1'), live('r1')] }],
  ['two waiters with the same seq', { live: [waiting('r1', 3), waiting('r2', 3)] }],
])('%s crashes', (_, changes) => {
  expect(() => restore({ ...right, ...changes })).toThrow('assertion failed');
});

test('what users have bought counts where the sale limits units, and only there', () => {
  const bought = [{ user: user('ann'), units: 2 }];
  const units = (per_user_limit: number | null) =>
    restore({ ...right, terms: { ...right.terms, per_user_limit }, live: [], bought }).usage.units(user('ann'));
  expect([units(3), units(null)]).toEqual([2, 0]);
});

test('the first record finds out whose turn it is before it is decided, in the order of the seqs', () => {
  const free = [counters('A', 2, 0, 0), counters('B', 5, 0, 0)];
  const state = restore({ ...right, status: 'open', items: free, live: [waiting('r6', 6), waiting('r4', 4), waiting('r5', 5)] });
  const { events } = advance(state, { at: 0 as EpochMs, offset: 0 as Offset, command: reserve('r9', 'bob', 'A') });
  expect(events.map(shown)).toEqual([
    'reservation.offered r4 A:1 until 10000 {A 2/1/0}',
    'reservation.offered r5 A:1 until 10000 {A 2/2/0}',
    'reservation.waitlisted r9 A:1',
  ]);
});

test('a large sale is put back in parts of 10,000', () => {
  const many = Array.from({ length: 20_000 }, (_, n) => live(`many ${n}`, { decidedSeq: (n + 1) as Seq }));
  const items = [counters('A', 20_000, 20_000, 0), counters('B', 5, 0, 0)];
  const parts = [...restoreInParts({ ...right, items, live: many })];
  expect(parts).toHaveLength(2);
  expect(restore({ ...right, items, live: many }).reservations.size).toBe(20_000);
});

describe('a sale is settled once it is closed and nothing lives', () => {
  const empty = { ...right, items: [counters('A', 5, 0, 0), counters('B', 5, 0, 0)], live: [] };
  const owed = {
    ...{ id: order('o'), reservationId: reservation('r'), user: user('ann'), status: 'refunding' as const },
    ...{ items: items('A'), amount: 1, currency: 'EUR' },
  };
  test.each<[what: string, snapshot: SaleSnapshot, settled: boolean]>([
    ['closed', { ...empty, status: 'closed' }, true],
    ['paused', empty, false],
    ['closed, with a hold', { ...right, status: 'closed' }, false],
    ['closed, with a refund to come', { ...empty, status: 'closed', orders: [owed] }, false],
  ])('%s', (_, snapshot, settled) => {
    expect(isSettled(restore(snapshot))).toBe(settled);
  });
});
