import type { Event } from '#schemas/event.ts';
import { hashLeaf } from '#shared/proof/leaf.ts';
import { checkHistory } from './check-history.ts';
import { CHECKS, type Attempt, type CheckName, type Evidence, type LoggedEvent } from './history.ts';

/** The checker is shown a history in which all is well, and then each way in which it may be wrong: it has to bite. */

const at = (second: number): string => `2026-11-20T12:00:${String(second).padStart(2, '0')}.000Z`;
const deadline = at(30);
const items = [{ sku: 'unit', quantity: 1 }];
const counts = (held: number, sold = 0) => ({ unit: { total: 2, held, sold } });
const answer = (fingerprint: string) => ({ fingerprint, accepted_at: at(0) });
const held = (key: string, offset: number, nowHeld: number, sold = 0): object => ({
  ...answer('print'),
  type: 'reservation.created',
  reservation_id: key,
  offset,
  items,
  expires_at: deadline,
  counts: counts(nowHeld, sold),
});

/** ann holds and pays, bob holds until the deadline, cid finds nothing left, dan's key was used for two bodies. */
const EVENTS: readonly object[] = [
  { ...answer('terms'), type: 'sale.scheduled', key: 'sale', offset: 0, terms: { items: [{ sku: 'unit', quantity: 2 }] } },
  held('ann', 1, 1),
  held('bob', 2, 2),
  { ...answer('print'), type: 'reservation.rejected', reservation_id: 'cid', offset: 3, reason: 'sold_out' },
  {
    ...answer('print'),
    type: 'checkout.requested',
    reservation_id: 'ann',
    order_id: 'order',
    offset: 4,
    amount: 100,
    expires_at: deadline,
  },
  { type: 'payment.succeeded', reservation_id: 'ann', order_id: 'order', offset: 5 },
  { type: 'order.confirmed', reservation_id: 'ann', order_id: 'order', offset: 5, reacquired: false, counts: counts(1, 1) },
  { type: 'reservation.expired', reservation_id: 'bob', offset: 6, at: at(30), counts: counts(0, 1) },
  held('dan', 7, 1, 1),
  { ...answer('other'), type: 'reservation.rejected', reservation_id: 'dan', offset: 8, reason: 'idempotency_conflict' },
];

function chained(events: readonly object[]): LoggedEvent[] {
  let prev = '0'.repeat(64);
  return events.map((fields, index) => {
    const event = { at: at(1), counts: {}, ...fields, seq: index + 1, prev, sale_id: 'sale' } as unknown as Event;
    const leaf = JSON.stringify(event);
    prev = hashLeaf(leaf);
    return { leaf, hash: prev, event };
  });
}

let clock = 0;
function attempt(key: string, status: number | null, told: Attempt['told'], more: Partial<Attempt> = {}): Attempt {
  clock += 10;
  const answeredAt = status === null ? null : clock + 5;
  return { client: key, op: 'reserve', key, fingerprint: 'print', sentAt: clock, answeredAt, status, replayed: false, told, ...more };
}
const toldHeld = (key: string, seq: number, offset: number): Attempt['told'] => ({
  id: key,
  status: 'held',
  seq,
  offset,
  expiresAt: deadline,
  items,
});

function good(): Evidence {
  clock = 0;
  const ledger = chained(EVENTS);
  return {
    ledger,
    attempts: [
      attempt('ann', null, {}),
      attempt('ann', 201, toldHeld('ann', 2, 1), { replayed: true }),
      attempt('bob', 202, { id: 'bob', status: 'queued', offset: 2 }),
      attempt('bob', 200, { id: 'bob', status: 'held', seq: 3, offset: 2 }, { replayed: true }),
      attempt('cid', 503, { code: 'line_unavailable' }),
      attempt('cid', 409, { code: 'sold_out', seq: 4 }),
      attempt('order', 201, { id: 'order', status: 'paid', seq: 7 }, { op: 'order' }),
      attempt('dan', 201, toldHeld('dan', 9, 7)),
      attempt('dan', 422, { code: 'idempotency_key_reused' }, { fingerprint: 'other' }),
      attempt('eve', 409, { code: 'sold_out' }),
    ],
    published: [...ledger.slice(0, 4), ...ledger.slice(2)].map(({ leaf }) => leaf),
    replayed: ledger,
    line: new Map([[1, 'ann']]),
    charges: [{ reference: 'order', amount: 100, status: 'succeeded' }],
    report: { invariants: [{ id: 'I1', holds: true }] },
    readAtMs: Date.parse(at(59)),
    exits: [],
    halted: [],
  };
}

const only = (evidence: Evidence, change: (of: Attempt, index: number) => Attempt): Evidence => ({
  ...evidence,
  attempts: evidence.attempts.map(change),
});
const told = (key: string, change: Attempt['told']) => (evidence: Evidence) =>
  only(evidence, (one) => (one.key === key && one.told.seq !== undefined ? { ...one, told: { ...one.told, ...change } } : one));
const withEvents =
  (change: (events: object[]) => object[]) =>
  (evidence: Evidence): Evidence => {
    const ledger = chained(change([...EVENTS]));
    return { ...evidence, ledger, replayed: ledger, published: ledger.map(({ leaf }) => leaf) };
  };
const replaced = (index: number, fields: object) => withEvents((events) => events.with(index, { ...events[index], ...fields }));

test('a history in which all is well', () => {
  expect(checkHistory(good())).toEqual([]);
});

const BAD: readonly (readonly [string, CheckName, (evidence: Evidence) => Evidence])[] = [
  ['an answered request has no decision', 'lost', withEvents((events) => events.toSpliced(3, 1))],
  [
    'a queued request is neither decided nor in the line',
    'lost',
    (e) => ({ ...e, attempts: [...e.attempts, attempt('fay', 202, { status: 'queued', offset: 9 })] }),
  ],
  [
    'the line has another record where a request was told to stand',
    'lost',
    (e) => ({ ...e, attempts: [...e.attempts, attempt('fay', 202, { status: 'queued', offset: 1 })] }),
  ],
  [
    'a server answers with an error of its own',
    'lost',
    (e) => ({ ...e, attempts: [...e.attempts, attempt('ann', 500, { code: 'internal_error' })] }),
  ],
  [
    'a client never learns its answer',
    'unanswered',
    (e) => ({ ...e, attempts: [...e.attempts, attempt('fay', null, {}), attempt('fay', 503, {})] }),
  ],
  ['a key is decided twice', 'twice', withEvents((events) => [...events, held('cid', 9, 2)])],
  ['the answer had another seq', 'different', told('ann', { seq: 1 })],
  ['the answer had another offset', 'different', told('ann', { offset: 9 })],
  ['the answer had another deadline', 'different', told('ann', { expiresAt: at(31) })],
  ['the answer granted more', 'different', told('ann', { items: [{ sku: 'unit', quantity: 2 }] })],
  ['the answer had another reservation', 'different', told('ann', { id: 'bob' })],
  [
    'held was answered, sold out was decided',
    'different',
    (e) => only(e, (one) => (one.key === 'cid' && one.status === 409 ? { ...one, status: 201, told: toldHeld('cid', 4, 3) } : one)),
  ],
  ['refused for another reason', 'different', told('cid', { code: 'sale_closed' })],
  ['paid was answered, no payment was decided', 'different', withEvents((events) => events.toSpliced(5, 2))],
  [
    'decided behind the offset that was told',
    'different',
    (e) => only(e, (one) => (one.status === 202 ? { ...one, told: { ...one.told, offset: 1 } } : one)),
  ],
  [
    'two answers as if each were the first',
    'different',
    (e) => ({ ...e, attempts: [...e.attempts, attempt('dan', 201, toldHeld('dan', 9, 7))] }),
  ],
  [
    'another body is answered with the first one’s decision',
    'conflict',
    (e) => only(e, (one) => (one.status === 422 ? { ...one, status: 201, replayed: true, told: toldHeld('dan', 9, 7) } : one)),
  ],
  [
    'the same body is refused as another',
    'conflict',
    (e) => ({ ...e, attempts: [...e.attempts, attempt('ann', 422, { code: 'idempotency_key_reused' })] }),
  ],
  ['the log refuses the body it decided', 'conflict', replaced(9, { fingerprint: 'print' })],
  ['a body is decided that nobody sent', 'conflict', replaced(1, { fingerprint: 'nobody’s' })],
  [
    'answered before another was sent, and stands behind it',
    'order',
    (e) => only(e, (one) => (one.key === 'ann' ? { ...one, sentAt: one.sentAt + 1_000, answeredAt: (one.answeredAt ?? 0) + 1_000 } : one)),
  ],
  ['more is held than there is', 'oversold', withEvents((events) => events.with(3, held('cid', 3, 3)))],
  ['counters that are not the sum of what is held', 'oversold', replaced(2, { counts: counts(1) })],
  ['a total that nobody set', 'oversold', replaced(2, { counts: { unit: { total: 3, held: 2, sold: 0 } } })],
  [
    'given back twice',
    'oversold',
    withEvents((events) => [
      ...events,
      { type: 'reservation.expired', reservation_id: 'bob', offset: 9, at: at(31), counts: counts(0, 1) },
    ]),
  ],
  ['a hold ends before its deadline', 'released_early', replaced(7, { at: at(29) })],
  ['a hold ends before its deadline has come on this machine', 'released_early', (e) => ({ ...e, readAtMs: Date.parse(at(20)) })],
  ['charged twice', 'money', (e) => ({ ...e, charges: [...e.charges, ...e.charges] })],
  ['charged and not sold', 'money', withEvents((events) => events.toSpliced(5, 2))],
  ['sold and not charged', 'money', (e) => ({ ...e, charges: [] })],
  ['sold and given back', 'money', (e) => ({ ...e, charges: [{ reference: 'order', amount: 100, status: 'refunded' }] })],
  ['charged another amount', 'money', (e) => ({ ...e, charges: [{ reference: 'order', amount: 101, status: 'succeeded' }] })],
  ['charged for nobody', 'money', (e) => ({ ...e, charges: [...e.charges, { reference: 'nobody', amount: 1, status: 'succeeded' }] })],
  ['a leaf was altered', 'chain', (e) => ({ ...e, ledger: e.ledger.with(2, { ...e.ledger[2]!, leaf: '{}' }) })],
  ['an event is gone', 'chain', (e) => ({ ...e, ledger: e.ledger.toSpliced(2, 1) })],
  ['an event is not published', 'published', (e) => ({ ...e, published: e.published.slice(0, -1) })],
  ['a later event is published before an earlier one', 'published', (e) => ({ ...e, published: e.published.toSpliced(1, 1) })],
  [
    'another event is published than was decided',
    'published',
    (e) => ({ ...e, published: e.published.with(0, JSON.stringify({ seq: 1 })) }),
  ],
  ['the line leads elsewhere', 'replay', (e) => ({ ...e, replayed: e.ledger.with(4, e.ledger[3]!) })],
  ['the line leads further', 'replay', (e) => ({ ...e, replayed: [...e.ledger, e.ledger[0]!] })],
  ['the line cannot be read', 'replay', (e) => ({ ...e, replayed: null })],
  ['an invariant of the report does not hold', 'report', (e) => ({ ...e, report: { invariants: [{ id: 'I2', holds: false }] } })],
  ['no report', 'report', (e) => ({ ...e, report: null })],
  ['a process ended', 'exits', (e) => ({ ...e, exits: [{ name: 'writer', code: 70 }] })],
  ['a line stands still', 'halted', (e) => ({ ...e, halted: [{ writer: 'writer', reason: 'line_broken' }] })],
];

test.each(BAD)('%s', (_name, check, change) => {
  expect(checkHistory(change(good())).map((one) => one.check)).toContain(check);
});

test('every check is shown something that it finds', () => {
  expect([...new Set(BAD.map(([, check]) => check))].sort()).toEqual(Object.keys(CHECKS).sort());
});
