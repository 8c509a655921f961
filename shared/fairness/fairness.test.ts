import fc from 'fast-check';
import type { Command } from '#schemas/command.ts';
import type { DecidedEvent } from '#schemas/event.ts';
import type { EpochMs, Offset, Sku } from '#schemas/ids.ts';
import { advance, type Entry } from '#shared/sale/advance.ts';
import { initialState } from '#shared/sale/state.ts';
import {
  cancel,
  checkOut,
  declined,
  operate,
  paid,
  refunded,
  reserve,
  SALE,
  schedule,
  termsOf,
  tick,
} from '#shared/sale/testing/commands.ts';
import { entriesOf, histories } from '#shared/sale/testing/histories.ts';
import type { SaleTerms } from '#schemas/terms.ts';
import { createFairness, type FairnessFigures } from './fairness.ts';

/** A record of the line: when the edge accepted it, when it is decided, what it asks. */
type Said = readonly [acceptedAt: number, at: number, command: Command];

function eventsOf(entries: readonly Entry[]): DecidedEvent[] {
  const state = initialState(SALE);
  return entries.flatMap((entry) => [...advance(state, entry).events]);
}

function accepted(command: Command, acceptedAt: number): Command {
  return 'accepted_at' in command ? { ...command, accepted_at: acceptedAt as EpochMs } : command;
}

function logOf(terms: SaleTerms, said: readonly Said[]): DecidedEvent[] {
  return eventsOf([
    { at: 0 as EpochMs, offset: 0 as Offset, command: schedule('setup', terms) },
    ...said.map(([acceptedAt, at, command], index) => ({
      at: at as EpochMs,
      offset: (index + 1) as Offset,
      command: accepted(command, acceptedAt),
    })),
  ]);
}

function figuresOf(events: readonly DecidedEvent[]): FairnessFigures {
  const fairness = createFairness();
  for (const event of events) fairness.take(event);
  return fairness.figures();
}

/** Each asks for one of A, accepted at these times, in the order of the line. */
const ones = (times: readonly number[]): Said[] => times.map((time, index) => [time, 100, reserve(`r${index}`, `u${index}`, 'A')]);

describe('the order of the line against the order of acceptance', () => {
  test.each([
    ['nobody', [], { pairs: 0, invertedPairs: 0, invertedShare: null, overtaken: 0, rankCorrelation: null }],
    ['one', [5], { pairs: 0, invertedPairs: 0, invertedShare: null, overtaken: 0, rankCorrelation: null }],
    [
      'in order',
      [1, 2, 3],
      { pairs: 3, invertedPairs: 0, invertedShare: 0, overtaken: 0, placesMax: 0, millisecondsMax: 0, rankCorrelation: 1 },
    ],
    ['all in one millisecond', [7, 7, 7], { invertedPairs: 0, overtaken: 0, rankCorrelation: 1 }],
    // Ranks 3 2 1 for places 1 2 3.
    [
      'backwards',
      [9, 5, 1],
      { pairs: 3, invertedPairs: 3, invertedShare: 1, overtaken: 2, placesMax: 2, millisecondsMax: 8, rankCorrelation: -1 },
    ],
    // The last was overtaken by all three; d = -3 for it, 1 for each other: 1 - 6 * 12 / (4 * 15).
    [
      'one comes last',
      [10, 20, 30, 4],
      { invertedPairs: 3, invertedShare: 0.5, overtaken: 1, placesMax: 3, millisecondsMax: 26, rankCorrelation: expect.closeTo(-0.2, 12) },
    ],
    // Both 1s stand behind the 3, in the order of the line among themselves.
    ['equal ones overtaken', [3, 1, 1], { invertedPairs: 2, overtaken: 2, placesMax: 1, millisecondsMax: 2, rankCorrelation: -0.5 }],
    ['neighbours swapped, twice', [2, 1, 4, 3], { invertedPairs: 2, overtaken: 2, placesMax: 1, millisecondsMax: 1, rankCorrelation: 0.6 }],
  ])('%s', (_, times, expected) => {
    const { order } = figuresOf(logOf(termsOf('A:100'), ones(times)));
    expect(order).toMatchObject({ requests: times.length, ...expected });
  });
});

describe('first come, first served', () => {
  const waiting = { waitlist_limit: 5 };
  test.each<[string, SaleTerms, Said[], FairnessFigures['firstCome']]>([
    [
      'stock is never short',
      termsOf('A:3'),
      ones([3, 2, 1]),
      { units: 3, unitsInOrder: 3, share: 1, requestsPassedOver: 0, itemsRunOut: 0 },
    ],
    ['in order', termsOf('A:2'), ones([1, 2, 3]), { units: 2, unitsInOrder: 2, share: 1, requestsPassedOver: 0, itemsRunOut: 1 }],
    [
      'the last was accepted first',
      termsOf('A:2'),
      ones([2, 3, 1]),
      { units: 2, unitsInOrder: 1, share: 0.5, requestsPassedOver: 1, itemsRunOut: 1 },
    ],
    ['accepted together', termsOf('A:2'), ones([4, 4, 4]), { units: 2, unitsInOrder: 2, share: 1, requestsPassedOver: 0, itemsRunOut: 1 }],
    [
      // Two of the three that waited were accepted before those who were held.
      'the waitlist takes part',
      termsOf('A:2', waiting),
      ones([5, 6, 1, 2, 9]),
      { units: 2, unitsInOrder: 0, share: 0, requestsPassedOver: 2, itemsRunOut: 1 },
    ],
    [
      // u0 may have one more only: his second request would be refused in any order.
      'whoever a limit refused takes no part',
      termsOf('A:2', { per_user_limit: 1 }),
      [
        [5, 100, reserve('r0', 'u0', 'A')],
        [1, 100, reserve('r1', 'u0', 'A')],
        [6, 100, reserve('r2', 'u1', 'A')],
        [7, 100, reserve('r3', 'u2', 'A')],
      ],
      { units: 2, unitsInOrder: 2, share: 1, requestsPassedOver: 0, itemsRunOut: 1 },
    ],
    [
      // 3 of A free when 5 are asked: A ran out there, after 2. Those 2 were first in both lines. B is judged by itself.
      'each item by itself, all or nothing',
      termsOf('A:5 B:2'),
      [
        [1, 100, reserve('r0', 'u0', 'A:2')],
        [2, 100, reserve('r1', 'u1', 'A:5')],
        [4, 100, reserve('r2', 'u2', 'A:1 B:1')],
        [5, 100, reserve('r3', 'u3', 'B:1')],
        [3, 100, reserve('r4', 'u4', 'B:1')],
      ],
      { units: 4, unitsInOrder: 3, share: 0.75, requestsPassedOver: 1, itemsRunOut: 2 },
    ],
    [
      // r1 gets 1 of the 3 it asks: A ran out with it, and its 1 is not counted; the ideal line gives both counted units to it.
      'partly held',
      termsOf('A:3'),
      [
        [5, 100, reserve('r0', 'u0', 'A:2')],
        [1, 100, reserve('r1', 'u1', 'A:3', { partial: true })],
      ],
      { units: 2, unitsInOrder: 0, share: 0, requestsPassedOver: 1, itemsRunOut: 1 },
    ],
    [
      'what comes back later is not of the stock while it lasted',
      termsOf('A:1'),
      [
        [2, 100, reserve('r0', 'u0', 'A')],
        [3, 100, reserve('r1', 'u1', 'A')],
        [4, 100, cancel('c', 'r0', 'u0')],
        [5, 100, reserve('r2', 'u2', 'A')],
      ],
      { units: 1, unitsInOrder: 1, share: 1, requestsPassedOver: 0, itemsRunOut: 1 },
    ],
  ])('%s', (_, terms, said, expected) => {
    expect(figuresOf(logOf(terms, said)).firstCome).toEqual(expected);
  });
});

test('waits are told by what became of the request', () => {
  const { waits, negativeWaits } = figuresOf(
    logOf(termsOf('A:3', { waitlist_limit: 2, hold_seconds: 10 }), [
      [90, 100, reserve('r0', 'u0', 'A')],
      [110, 100, reserve('r1', 'u1', 'A')],
      [60, 100, reserve('r2', 'u2', 'A:2', { partial: true })],
      [70, 101, reserve('w0', 'u3', 'A')],
      [71, 101, reserve('w1', 'u4', 'A:3')],
      [0, 102, reserve('x0', 'u5', 'A')],
      [1, 102, reserve('x0', 'u5', 'A', { content: 'other' })],
      [100, 103, cancel('c', 'r0', 'u0')],
      [100, 200, operate('closing', 'close')],
    ]),
  );
  expect(negativeWaits).toBe(1);
  expect(waits).toEqual([
    { outcome: 'held', reason: null, count: 2, p50Ms: 0, p95Ms: 10, p99Ms: 10, maxMs: 10 },
    { outcome: 'partly_held', reason: null, count: 1, p50Ms: 40, p95Ms: 40, p99Ms: 40, maxMs: 40 },
    { outcome: 'waitlisted', reason: null, count: 2, p50Ms: 30, p95Ms: 31, p99Ms: 31, maxMs: 31 },
    { outcome: 'waitlisted_offered', reason: null, count: 1, p50Ms: 33, p95Ms: 33, p99Ms: 33, maxMs: 33 },
    { outcome: 'waitlisted_turned_away', reason: null, count: 1, p50Ms: 129, p95Ms: 129, p99Ms: 129, maxMs: 129 },
    { outcome: 'refused', reason: 'sold_out', count: 1, p50Ms: 102, p95Ms: 102, p99Ms: 102, maxMs: 102 },
    { outcome: 'refused', reason: 'idempotency_conflict', count: 1, p50Ms: 101, p95Ms: 101, p99Ms: 101, maxMs: 101 },
  ]);
});

test('the books: units by user, statuses, money', () => {
  const { shares, reconciliation } = figuresOf(
    logOf(termsOf('A:10', { hold_seconds: 10, payment_seconds: 20 }), [
      [1, 100, reserve('r0', 'ann', 'A:4')],
      [1, 100, reserve('r1', 'bob', 'A:2')],
      [1, 100, reserve('r2', 'bob', 'A:1')],
      [1, 100, reserve('r3', 'cyd', 'A:1')],
      [1, 100, reserve('r4', 'dan', 'A:1')],
      [1, 100, reserve('r5', 'eve', 'A:9')],
      [2, 200, checkOut('o0', 'r0', 'ann')],
      [2, 200, checkOut('o3', 'r3', 'cyd')],
      [2, 200, checkOut('o1', 'r1', 'bob')],
      [3, 300, paid('o0', 'r0')],
      [3, 300, declined('o1', 'r1')],
      // Holds that nobody pays end at 10,100; the deadline of o3 passes at 20,200; it is paid late and refunded.
      [4, 15_000, tick()],
      [4, 30_000, tick()],
      [5, 31_000, paid('o3', 'r3')],
      [6, 32_000, refunded('o3', 'r3')],
      [7, 33_000, reserve('r6', 'dan', 'A:1')],
    ]),
  );
  expect(shares).toEqual({
    usersAsked: 5,
    usersWithUnits: 2,
    units: 5,
    topPercentUsers: 1,
    topPercentUnits: 4,
    topPercentShare: 0.8,
    topUserUnits: 4,
    // x = 1 4: mean absolute difference 1.5 over twice the mean of 2.5.
    gini: expect.closeTo(0.3, 12),
    // x = 0 0 0 1 4: 2 (4 * 1 + 5 * 4) / (5 * 5) - 6 / 5.
    giniOfAsked: expect.closeTo(0.72, 12),
    usersServedInFull: 4,
    servedInFullShare: 0.8,
  });
  expect(reconciliation).toMatchObject({
    items: [{ sku: 'A', total: 10, held: 1, sold: 4, available: 5 }],
    reservationsByStatus: { confirmed: 1, released: 4, held: 1, rejected: 1 },
    ordersByStatus: { paid: 1, failed: 1, refunded: 1 },
    payments: { currency: 'EUR', captured: 500, paid: 400, refunding: 0, refunded: 100 },
  });
  expect(reconciliation.checks.map(({ holds }) => holds)).toEqual([true, true, true, true]);
});

test('a log with a hole, or about a reservation that was never decided, is not measured', () => {
  const events = logOf(termsOf('A:1'), [
    [1, 100, reserve('r0', 'u0', 'A')],
    [1, 20_000, tick()],
  ]);
  const without = events
    .filter(({ type }) => type !== 'reservation.created')
    .map((event, index) => ({ ...event, seq: (index + 1) as typeof event.seq }));
  expect(() => figuresOf(events.slice(1))).toThrow('does not follow event 0');
  expect(() => figuresOf(without)).toThrow('was held or put on the waitlist before');
});

describe('against computing it naively', () => {
  test('any history', () => {
    fc.assert(
      fc.property(histories, fc.array(fc.nat({ max: 40 }), { minLength: 1, maxLength: 20 }), (history, times) => {
        const entries = entriesOf(history).map((entry, index) =>
          'command' in entry ? { ...entry, command: accepted(entry.command, times[index % times.length]! * (1 + (index % 3))) } : entry,
        );
        const events = eventsOf(entries);
        const { order, firstCome, shares, reconciliation } = figuresOf(events);
        expect({ ...order, rankCorrelation: null }).toEqual({ ...naiveOrder(events), rankCorrelation: null });
        if (order.requests > 1) expect(order.rankCorrelation).toBeCloseTo(naiveCorrelation(events)!, 9);
        expect(firstCome).toMatchObject(naiveFirstCome(events));
        if (shares.units > 0) expect(shares.gini).toBeCloseTo(naiveGini(events), 9);
        expect(reconciliation.checks.filter(({ holds }) => !holds)).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  test('a line in the order of acceptance serves first come, first', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const events = eventsOf(
          entriesOf(history).map((entry, index) => ('command' in entry ? { ...entry, command: accepted(entry.command, index) } : entry)),
        );
        const { order, firstCome } = figuresOf(events);
        expect([order.invertedPairs, order.overtaken, firstCome.requestsPassedOver]).toEqual([0, 0, 0]);
        expect(firstCome.unitsInOrder).toBe(firstCome.units);
      }),
      { numRuns: 300 },
    );
  });
});

type Answer = Extract<DecidedEvent, { type: 'reservation.created' | 'reservation.waitlisted' | 'reservation.rejected' }> & {
  accepted_at: number;
};

function answersOf(events: readonly DecidedEvent[]): Answer[] {
  return events.filter(
    (event): event is Answer =>
      /created|waitlisted|n.rejected/.test(event.type) && 'accepted_at' in event && event.accepted_at !== undefined,
  );
}

/** By acceptance, then by place. */
function byAcceptance(events: readonly DecidedEvent[]): { answer: Answer; place: number }[] {
  return answersOf(events)
    .map((answer, place) => ({ answer, place }))
    .sort((a, b) => a.answer.accepted_at - b.answer.accepted_at || a.place - b.place);
}

function naiveOrder(events: readonly DecidedEvent[]) {
  const times = answersOf(events).map(({ accepted_at: time }) => time);
  const n = times.length;
  const overtakers = times.map((time, place) => times.slice(0, place).filter((other) => other > time));
  const invertedPairs = overtakers.reduce((sum, { length }) => sum + length, 0);
  const overtaken = overtakers.filter(({ length }) => length > 0).length;
  return {
    requests: n,
    pairs: times.flatMap((_, place) => times.slice(0, place)).length,
    invertedPairs,
    invertedShare: n < 2 ? null : invertedPairs / ((n * (n - 1)) / 2),
    overtaken,
    overtakenShare: n === 0 ? null : overtaken / n,
    placesMax: Math.max(0, ...overtakers.map(({ length }) => length)),
    millisecondsMax: Math.max(0, ...overtakers.flatMap((others, place) => others.map((other) => other - times[place]!))),
  };
}

/** Pearson's correlation of the ranks. */
function naiveCorrelation(events: readonly DecidedEvent[]): number | null {
  const places = byAcceptance(events).map(({ place }) => place);
  const mean = (places.length - 1) / 2;
  const covariance = places.reduce((sum, place, rank) => sum + (place - mean) * (rank - mean), 0);
  const variance = places.reduce((sum, place) => sum + (place - mean) ** 2, 0);
  return covariance / variance;
}

/** Item by item over whole lists; what was free is summed up anew from the counters of the events before. */
function naiveFirstCome(events: readonly DecidedEvent[]) {
  const scheduled = events[0];
  if (scheduled?.type !== 'sale.scheduled') throw new Error('a log begins with sale.scheduled');
  const free = (sku: string, seq: number): number => {
    let last = { total: scheduled.terms.items.find((item) => item.sku === sku)!.quantity, held: 0, sold: 0 };
    for (const event of events) if (event.seq < seq && 'counts' in event && sku in event.counts) last = event.counts[sku as Sku]!;
    return last.total - last.held - last.sold;
  };
  const passedOver = new Set<string>();
  let units = 0;
  let unitsInOrder = 0;
  let itemsRunOut = 0;
  for (const { sku } of scheduled.terms.items) {
    const takes = (answer: Answer): { asked: number; granted: number; short: boolean } | null => {
      const of = (list: readonly { sku: string; quantity: number }[] | undefined): number =>
        (list ?? []).filter((line) => line.sku === sku).reduce((sum, { quantity }) => sum + quantity, 0);
      if (answer.type === 'reservation.created') {
        const lacking = of(answer.not_granted?.filter(({ reason }) => reason !== 'per_user_limit'));
        const granted = of(answer.items);
        return granted + lacking === 0 ? null : { asked: granted + lacking, granted, short: lacking > 0 };
      }
      if (answer.type === 'reservation.rejected' && !['sold_out', 'insufficient_stock'].includes(answer.reason)) return null;
      const asked = of(answer.items);
      if (asked === 0) return null;
      const lacks = (line: { sku: string; quantity: number }): boolean => free(line.sku, answer.seq) < line.quantity;
      return { asked, granted: 0, short: free(sku, answer.seq) < asked || !answer.items!.some(lacks) };
    };
    const answers = answersOf(events);
    const cut = answers.findIndex((answer) => takes(answer)?.short === true);
    const lasted = (place: number): boolean => cut === -1 || place < cut;
    if (cut !== -1) itemsRunOut += 1;
    const given = answers.map((answer, place) => (lasted(place) ? (takes(answer)?.granted ?? 0) : 0));
    let left = given.reduce((sum, n) => sum + n, 0);
    units += left;
    for (const { answer, place } of byAcceptance(events)) {
      const line = takes(answer);
      if (line === null || (lasted(place) && line.granted === 0)) continue;
      const ideal = Math.min(line.asked, left);
      left -= ideal;
      unitsInOrder += Math.min(ideal, given[place]!);
      if (ideal > given[place]!) passedOver.add(String(place));
    }
  }
  return { units, unitsInOrder, requestsPassedOver: passedOver.size, itemsRunOut };
}

/** Mean absolute difference over twice the mean, of users who hold or bought something at the end. */
function naiveGini(events: readonly DecidedEvent[]): number {
  const units = new Map<string, number>();
  const holds = new Map<string, { user: string; units: number; waits: boolean }>();
  const give = (user: string, n: number): unknown => units.set(user, (units.get(user) ?? 0) + n);
  const count = (items: readonly { quantity: number }[]): number => items.reduce((sum, { quantity }) => sum + quantity, 0);
  for (const event of events) {
    if (event.type === 'reservation.created' || event.type === 'reservation.offered') {
      holds.set(event.reservation_id, { user: event.user, units: count(event.items), waits: false });
      give(event.user, count(event.items));
    }
    if (/reservation.(cancelled|expired|released)/.test(event.type) && 'reservation_id' in event) {
      const hold = holds.get(event.reservation_id!);
      if (hold !== undefined) give(hold.user, -hold.units);
    }
    if (event.type === 'order.confirmed' && event.reacquired) give(event.user, holds.get(event.reservation_id)!.units);
  }
  const all = [...units.values()].filter((n) => n > 0);
  const mean = all.reduce((sum, n) => sum + n, 0) / all.length;
  const difference = all.flatMap((a) => all.map((b) => Math.abs(a - b))).reduce((sum, n) => sum + n, 0) / all.length ** 2;
  return difference / (2 * mean);
}
