import type { Availability, Report } from '../sale/sale-calls.ts';
import { newBuyer, paymentMethod, type Buyer } from './buyer.ts';
import { reconcile, type Evidence } from './reconcile.ts';

function buyer(index: number, told: Partial<Buyer>): Buyer {
  return Object.assign(newBuyer(index), { attempts: 1, stage: 'done' }, told);
}

const report = (items: { total: number; held: number; sold: number }, byStatus: Record<string, number>): Report => ({
  invariants: [],
  reservations_by_status: byStatus,
  items: [{ sku: 'a', ...items }],
  payments: {},
  fairness: {},
  events: 9,
});

const availability = (available: number): Availability => ({
  sale_id: 's',
  status: 'closed',
  as_of_seq: 9,
  items: [{ sku: 'a', total: 2, held: 0, sold: 1, available }],
});

/** Two units: one sold, one let go, one buyer refused. */
function sound(): Evidence {
  return {
    buyers: [
      buyer(0, { answer: 'held', orderId: 'o0', orderStatus: 'paid' }),
      buyer(1, { answer: 'held', abandons: true }),
      buyer(2, { answer: 'sold_out' }),
      buyer(3, { answer: null, attempts: 0 }),
    ],
    reservationIdOf: ({ index }) => `r${index}`,
    reservations: new Map([
      ['r0', { id: 'r0', status: 'confirmed', reason: null }],
      ['r1', { id: 'r1', status: 'released', reason: 'expired' }],
      ['r2', { id: 'r2', status: 'rejected', reason: 'sold_out' }],
    ]),
    orders: new Map([['o0', { id: 'o0', reservationId: 'r0', status: 'paid', amount: 500 }]]),
    charges: [{ id: 'c', reference: 'o0', amount: 500, status: 'succeeded' }],
    report: report({ total: 2, held: 0, sold: 1 }, { confirmed: 1, released: 1, rejected: 1 }),
    availability: availability(1),
    unitsTotal: 2,
  };
}

const off = (evidence: Evidence): string[] =>
  reconcile(evidence)
    .filter((check) => !check.ok)
    .map((check) => check.what);

test('a sound sale has nothing off', () => {
  expect(off(sound())).toEqual([]);
});

describe('each kind of damage is found', () => {
  const reservationsWithout = (id: string): Evidence['reservations'] => new Map([...sound().reservations].filter(([key]) => key !== id));
  test.each<[string, Partial<Evidence>, string]>([
    [
      'an answer that never came',
      { buyers: [...sound().buyers.slice(0, 3), buyer(3, { answer: null })] },
      'requests made were answered with a decision',
    ],
    ['a hold that was lost', { reservations: reservationsWithout('r1') }, 'told held: found so, or where that led (I6)'],
    [
      'a refusal for another reason',
      { reservations: new Map([...sound().reservations, ['r2', { id: 'r2', status: 'rejected', reason: 'per_user_limit' }]]) },
      'told refused: rejected for that reason',
    ],
    [
      'a row nobody asked for',
      { reservations: new Map([...sound().reservations, ['r9', { id: 'r9', status: 'released', reason: 'expired' }]]) },
      'rows in the ledger belong to a request that was made',
    ],
    [
      'a unit sold that nobody has',
      { report: report({ total: 2, held: 0, sold: 2 }, { confirmed: 1, released: 1, rejected: 1 }) },
      'units sold are confirmed reservations',
    ],
    ['an order that was not captured', { charges: [] }, 'paid orders were captured exactly once (I9)'],
    ['an order captured twice', { charges: [...sound().charges, ...sound().charges] }, 'paid orders were captured exactly once (I9)'],
    [
      'money kept for a failed order',
      { orders: new Map([['o0', { id: 'o0', reservationId: 'r0', status: 'failed', amount: 500 }]]) },
      'failed and refunded orders keep no money (I9)',
    ],
    [
      'an order left pending',
      { orders: new Map([...sound().orders, ['o1', { id: 'o1', reservationId: 'r1', status: 'pending', amount: 500 }]]) },
      'orders without a last word',
    ],
  ])('%s', (_name, damage, check) => {
    expect(off({ ...sound(), ...damage })).toContain(check);
  });
});

test('of a hundred payers the rare methods come as often as they should', () => {
  const counts = new Map<string, number>();
  for (let nth = 0; nth < 100; nth += 1) counts.set(paymentMethod(nth), (counts.get(paymentMethod(nth)) ?? 0) + 1);
  expect(Object.fromEntries(counts)).toEqual({ pm_ok: 93, pm_declined: 3, pm_timeout_once: 1, pm_slow: 2, pm_error: 1 });
});
