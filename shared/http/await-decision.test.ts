import type { EpochMs, Fingerprint, Offset, Partition, ReservationId, SaleId, SaleNo, Seq } from '#schemas/ids.ts';
import { RetryableFault } from '#shared/faults/faults.ts';
import type { DecisionKey, FoundDecision } from '#shared/ledger/read/decisions.ts';
import type { Place } from '#shared/line/line.ts';
import type { Reply } from '#shared/replies/replies.ts';
import { createDecisionWaiter, type Attempt } from './await-decision.ts';

const saleNo = 1 as SaleNo;
const print = 'f'.repeat(32) as Fingerprint;
const key = (n: number): ReservationId => `00000000-0000-8000-8000-${String(n).padStart(12, '0')}` as ReservationId;
const placeAt = (offset: number): Place => ({ partition: 0 as Partition, offset: offset as Offset });
const acceptedAt = Date.parse('2026-01-01T00:00:00.000Z') as EpochMs;
const attempt: Attempt = { request_id: 'req_1', traceparent: '00-1', accepted_at: acceptedAt };
/** The event that the attempt of these tests led to, or another one. */
const leafAt = (offset: number, of: Partial<Attempt> = {}): string => {
  const { request_id, traceparent, accepted_at } = { ...attempt, ...of };
  return JSON.stringify({ type: 'reservation.created', offset, request_id, traceparent, accepted_at: new Date(accepted_at).toISOString() });
};
const another = { request_id: 'req_0' };

/** A waiter with replies and a ledger in memory, on a clock of its own. */
function setUp() {
  const asked: string[][] = [];
  const found = new Map<string, FoundDecision>();
  const leaves = new Map<number, string>();
  const listening = new Map<string, (reply: Reply | null) => void>();
  const state = { connected: true, ledgerAway: false, faults: 0 };
  let count = 0;
  const waiter = createDecisionWaiter({
    replies: {
      newReplyTo: () => `api/${count++}`,
      waitFor: (replyTo) => new Promise((resolve) => listening.set(replyTo, resolve)),
      forget: (replyTo) => void listening.delete(replyTo),
      connected: () => state.connected,
    },
    async findDecisions(keys: readonly DecisionKey[]) {
      asked.push(keys.map((one) => one.key));
      if (state.ledgerAway) throw new RetryableFault('ledger_unavailable', 'away');
      return found;
    },
    readLeaf: async (_saleNo, seq) => leaves.get(seq) ?? null,
    onFault: () => (state.faults += 1),
  });
  const begin = (n = 1, waitMs = 5_000, enqueued: Promise<Place> = Promise.resolve(placeAt(7))) => {
    const wait = waiter.expect({ kind: 'reservation', key: key(n), fingerprint: print, saleNo });
    return {
      outcome: wait.until(Date.now() + waitMs, attempt, enqueued),
      reply: (reply: Reply) => listening.get(wait.replyTo)?.(reply),
      replyTo: wait.replyTo,
    };
  };
  return { asked, found, leaves, listening, state, waiter, begin };
}

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

test('a reply ends the wait at once', async () => {
  const { begin, asked, listening } = setUp();
  const { outcome, reply, replyTo } = begin();
  reply({ kind: 'decided', replyTo, leaf: leafAt(7) });
  expect(await outcome).toMatchObject({ kind: 'decided', replayed: false, event: { offset: 7 } });
  expect(asked).toEqual([]);
  expect(listening.size).toBe(0);
});

test('a repeated request is given the event that answered the first', async () => {
  const { begin, leaves } = setUp();
  leaves.set(3, leafAt(2, another));
  const { outcome, reply, replyTo } = begin();
  reply({ kind: 'repeated', replyTo, saleId: 's' as SaleId, seq: 3 as Seq });
  expect(await outcome).toMatchObject({ kind: 'decided', replayed: true, event: { offset: 2 } });
});

test.each<[string, Partial<Attempt>, boolean]>([
  ['this attempt', {}, false],
  ['another request', { request_id: 'req_0' }, true],
  ['an earlier attempt with an id of the client’s', { accepted_at: (acceptedAt - 1) as EpochMs }, true],
  ['an attempt at the same time, in another trace', { traceparent: '00-0' }, true],
])('a copy in the line that is told of a decision about %s', async (_name, of, replayed) => {
  const { begin, leaves } = setUp();
  // The producer sent the record twice: its first copy was decided, the place is that of the second.
  leaves.set(3, leafAt(6, of));
  const { outcome, reply, replyTo } = begin();
  reply({ kind: 'repeated', replyTo, saleId: 's' as SaleId, seq: 3 as Seq });
  expect(await outcome).toMatchObject({ kind: 'decided', replayed });
});

test('a decision found before the place is known is the first answer', async () => {
  const { begin, found } = setUp();
  found.set(key(1), { fingerprint: print, leaf: leafAt(7) });
  const { outcome } = begin(1, 5_000, new Promise(() => undefined));
  await jest.advanceTimersByTimeAsync(400);
  expect(await outcome).toMatchObject({ kind: 'decided', replayed: false });
});

test.each([
  [true, 300],
  [false, 25],
])('a lost reply is found in the ledger (connected: %s)', async (connected, afterMs) => {
  const { begin, found, state, asked } = setUp();
  state.connected = connected;
  found.set(key(1), { fingerprint: print, leaf: leafAt(7) });
  const { outcome } = begin();
  await jest.advanceTimersByTimeAsync(afterMs - 25);
  expect(asked).toEqual([]);
  await jest.advanceTimersByTimeAsync(50);
  expect(await outcome).toMatchObject({ kind: 'decided', replayed: false });
});

test.each([
  ['another attempt: an earlier request', leafAt(2, another), { kind: 'decided', replayed: true }],
  ['another fingerprint: a conflict', null, { kind: 'conflict' }],
])('found in the ledger from %s', async (_name, leaf, expected) => {
  const { begin, found } = setUp();
  found.set(
    key(1),
    leaf === null ? { fingerprint: '0'.repeat(32) as Fingerprint, leaf: leafAt(2, another) } : { fingerprint: print, leaf },
  );
  const { outcome } = begin();
  await jest.advanceTimersByTimeAsync(400);
  expect(await outcome).toMatchObject(expected);
});

test('all that wait are looked up in one query, and less often the longer they wait', async () => {
  const { begin, asked } = setUp();
  const waits = [1, 2, 3].map((n) => begin(n).outcome);
  await jest.advanceTimersByTimeAsync(4_900);
  expect(asked[0]).toEqual([key(1), key(2), key(3)]);
  expect(asked.length).toBeGreaterThan(3);
  expect(asked.length).toBeLessThan(10);
  await jest.advanceTimersByTimeAsync(200);
  expect(await Promise.all(waits)).toEqual(waits.map(() => ({ kind: 'undecided', place: placeAt(7) })));
});

test('a ledger that is away ends no wait', async () => {
  const { begin, state, found } = setUp();
  state.ledgerAway = true;
  const { outcome } = begin();
  await jest.advanceTimersByTimeAsync(1_000);
  expect(state.faults).toBeGreaterThan(0);
  state.ledgerAway = false;
  found.set(key(1), { fingerprint: print, leaf: leafAt(7) });
  await jest.advanceTimersByTimeAsync(3_000);
  expect(await outcome).toMatchObject({ kind: 'decided' });
});

test('what could not be put in the line rejects; a decision that comes first counts all the same', async () => {
  const { begin, waiter } = setUp();
  const fault = new RetryableFault('line_unavailable', 'away');
  await expect(begin(1, 5_000, Promise.reject(fault)).outcome).rejects.toBe(fault);
  let refuse: (error: Error) => void = () => undefined;
  const late = begin(2, 5_000, new Promise((_, reject) => (refuse = reject)));
  late.reply({ kind: 'decided', replyTo: late.replyTo, leaf: leafAt(7) });
  await Promise.resolve();
  refuse(fault);
  expect(await late.outcome).toMatchObject({ kind: 'decided' });
  expect(waiter.waiting()).toBe(0);
});

test('a wait of no time ends as soon as the request is in the line', async () => {
  const { begin } = setUp();
  expect(await begin(1, 0).outcome).toEqual({ kind: 'undecided', place: placeAt(7) });
});

test('a stop ends every wait of what is in the line', async () => {
  const { begin, waiter } = setUp();
  const { outcome } = begin();
  await Promise.resolve();
  await Promise.resolve();
  waiter.stop();
  expect(await outcome).toEqual({ kind: 'undecided', place: placeAt(7) });
});

test('an unknown sale ends the wait', async () => {
  const { begin } = setUp();
  const { outcome, reply, replyTo } = begin();
  reply({ kind: 'unknown_sale', replyTo, saleId: 's' as SaleId });
  expect(await outcome).toEqual({ kind: 'unknown_sale' });
});
