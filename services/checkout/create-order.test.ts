import type { Event } from '#schemas/event.ts';
import { OrderAnswer } from '#schemas/http.ts';
import type { EpochMs, Offset, OrderId, Partition, ReservationId, SaleId, UserRef } from '#schemas/ids.ts';
import type { Note202 } from '#shared/http/answered-202.ts';
import type { Awaited } from '#shared/http/await-decision.ts';
import { renderProblem } from '#shared/http/problem.ts';
import type { Exchange } from '#shared/http/route.ts';
import type { OrderRow } from '#shared/ledger/read/orders.ts';
import type { ReservationRow } from '#shared/ledger/read/reservations.ts';
import type { SaleCard } from '#shared/ledger/read/sale-card.ts';
import { createOrderHandler } from './create-order.ts';

/** What a client is told of its order, first and when it asks again. */

const user = 'u' as UserRef;
const reservationId = '00000000-0000-8000-8000-000000000001' as ReservationId;
const orderId = '00000000-0000-8000-8000-000000000002' as OrderId;
const at = '2026-01-01T00:00:00.000Z';
const card = { saleId: 's' as SaleId, saleNo: 1, partition: 0, currency: 'EUR', prices: new Map([['a', 250]]) } as unknown as SaleCard;
const reservation = { sale_id: 's', user_ref: user, items: [{ sku: 'a', quantity: 1 }] } as unknown as ReservationRow;
const order: OrderRow = {
  id: orderId,
  sale_id: 's' as SaleId,
  reservation_id: reservationId,
  user_ref: user,
  status: 'pending',
  failure_reason: null,
  amount: 250,
  currency: 'EUR',
  seq: 5,
  created_at_ms: Date.parse(at),
};
const answered = { sale_id: 's', seq: 5, offset: 7, at, reservation_id: reservationId };
const refused = { ...answered, type: 'request.rejected', request: 'checkout.request', key: orderId, reason: 'reservation_not_held' };
const accepted = { ...answered, type: 'checkout.requested', order_id: orderId, amount: 250, currency: 'EUR' };

const decided = (event: object, replayed: boolean): Awaited => ({ kind: 'decided', event: event as Event, replayed });
const undecided: Extract<Awaited, { kind: 'undecided' }> = { kind: 'undecided', place: { partition: 0 as Partition, offset: 7 as Offset } };

/** The handler with a line that answers so, and the orders and notes there are. */
function setUp(row: OrderRow | null = null) {
  const state = { row, notes: new Map<string, Note202>() };
  const handle = createOrderHandler({
    cards: { find: () => card, ofKnown: async () => card },
    submit: { gate: () => undefined, andWait: () => Promise.resolve(line.next), only: () => Promise.resolve(undecided.place) },
    notes: {
      async note(id, note) {
        const earlier = state.notes.get(id) ?? null;
        if (earlier === null) state.notes.set(id, note);
        return earlier;
      },
      recall: async (id) => state.notes.get(id) ?? null,
      find: async (id) => state.notes.get(id) ?? null,
    },
    reservations: { byId: async () => reservation, byIds: async () => new Map(), ofUser: async () => [] },
    orders: { byId: async () => state.row, byIds: async () => new Map(), ofUser: async () => [] },
    progress: async (_partition, offset) => ({ offset, ahead: 3, estimated_wait_ms: 2_500 }),
    claimOrderKey: async () => card.saleNo,
    findDecision: async () => null,
    settled: { until: async () => state.row, waiting: () => 0, stop: () => undefined },
  });
  const line: { next: Awaited } = { next: undecided };
  return {
    state,
    async post(next: Awaited, prefer?: string, method = 'pm_ok') {
      line.next = next;
      const asked = {
        request: { headers: { 'idempotency-key': 'k', ...(prefer === undefined ? {} : { prefer }) } },
        body: { reservation_id: reservationId, payment_method_id: method },
        caller: { userId: 'ann', ref: user, scopes: ['buyer'] },
        receivedAt: Date.now() as EpochMs,
        requestId: 'r',
        traceparent: 't',
      };
      const outcome = await handle(asked as unknown as Exchange);
      const text =
        outcome.kind === 'answer' ? outcome.body! : renderProblem(outcome, { requestId: '', traceId: '', instance: '', errorsBaseUrl: '' });
      const body = JSON.parse(text) as Record<string, unknown>;
      return {
        status: outcome.kind === 'answer' ? outcome.status : Number(body['status']),
        body,
        headers: outcome.headers ?? {},
        replayed: outcome.headers?.['idempotent-replayed'] === 'true',
      };
    },
  };
}

describe('a refused checkout', () => {
  test.each([undefined, 'wait=10'])('is 409, and the same again (Prefer: %s)', async (prefer) => {
    const { post } = setUp();
    const event = { ...refused, respond_async: prefer === undefined };
    expect(await post(decided(event, false), prefer)).toMatchObject({ status: 409, replayed: false });
    expect(await post(decided(event, true), prefer)).toMatchObject({ status: 409, replayed: true, body: { code: 'reservation_not_held' } });
  });

  test('whose first attempt was answered 503 is 409 when it is answered', async () => {
    const { post } = setUp();
    expect(await post(decided({ ...refused, respond_async: true }, true))).toMatchObject({ status: 409 });
  });

  test.each([undefined, 'wait=1', 'respond-async'])('that was told 202 first is found as failed (Prefer: %s)', async (prefer) => {
    const { post } = setUp();
    expect(await post(undecided, prefer)).toMatchObject({ status: 202 });
    expect(await post(decided({ ...refused, respond_async: prefer !== 'wait=1' }, true))).toMatchObject({
      status: 200,
      replayed: true,
      body: { status: 'failed', reason: 'reservation_not_held' },
    });
  });
});

test('an order that was told 202 is shown as it stands from then on', async () => {
  const { post, state } = setUp(order);
  const event = { ...accepted, respond_async: true };
  expect(await post(decided(event, false))).toMatchObject({ status: 202, replayed: false, body: { status: 'pending' } });
  expect(await post(decided(event, true), 'wait=0')).toMatchObject({ status: 202, replayed: true });
  state.row = { ...order, status: 'paid' };
  expect(await post(decided(event, true))).toMatchObject({ status: 200, replayed: true, body: { status: 'paid' } });
});

describe('a payment that failed, and was told so', () => {
  const event = { ...accepted, respond_async: false };
  const failed: OrderRow = { ...order, status: 'failed', failure_reason: 'deadline', seq: 6 };

  test.each<[string, OrderRow]>([
    ['nothing more came', { ...failed, seq: 7 }],
    ['it came late and the stock was free', { ...failed, status: 'paid', seq: 9 }],
    ['it came late and goes back', { ...failed, status: 'refunding', seq: 9 }],
    ['it came late and went back', { ...failed, status: 'refunded', seq: 10 }],
  ])('stays 402 for its key: %s', async (_name, later) => {
    const { post, state } = setUp(failed);
    const first = await post(decided(event, false), 'wait=20');
    expect(first).toMatchObject({ status: 402, body: { detail: expect.stringContaining('deadline'), order: { reason: 'deadline' } } });
    state.row = later;
    expect(await post(decided(event, true), 'wait=20')).toMatchObject({ status: 402, replayed: true, body: first.body });
  });

  test('an order that was paid in time is 201 each time', async () => {
    const { post } = setUp({ ...order, status: 'paid' });
    for (const replayed of [false, true]) expect(await post(decided(event, replayed), 'wait=20')).toMatchObject({ status: 201, replayed });
  });
});

describe('202 says where the order is found, when, and its place in the line', () => {
  test.each([undefined, 'wait=1', 'respond-async'])('undecided (Prefer: %s)', async (prefer) => {
    const { post } = setUp();
    const first = await post(undecided, prefer);
    expect(first).toMatchObject({
      status: 202,
      body: {
        id: expect.any(String),
        status: 'pending',
        amount: 250,
        currency: 'EUR',
        queue: { offset: 7, ahead: 3, estimated_wait_ms: 2_500 },
      },
      headers: { location: `/v1/orders/${first.body['id'] as string}`, 'retry-after': '3' },
    });
    OrderAnswer.parse(first.body);
  });

  test('decided, and the payment not yet', async () => {
    const { post } = setUp(order);
    const { body, headers } = await post(decided({ ...accepted, respond_async: true }, false));
    expect(body).toMatchObject({ queue: { offset: 7, ahead: 0, estimated_wait_ms: 0 } });
    expect(headers).toMatchObject({ 'retry-after': '1' });
    OrderAnswer.parse(body);
  });

  test('refused in the end: with what it would have cost', async () => {
    const { post } = setUp();
    await post(undecided);
    const { body } = await post(decided({ ...refused, respond_async: true }, true));
    expect(OrderAnswer.parse(body)).toMatchObject({ status: 'failed', amount: 250, currency: 'EUR' });
  });
});

describe('two bodies under one key, both in the line: only the line can tell which of them has the key', () => {
  test.each([undefined, 'wait=1', 'respond-async'])('the second is queued too, at its own place (Prefer: %s)', async (prefer) => {
    const { post } = setUp();
    expect(await post(undecided, 'respond-async')).toMatchObject({ status: 202, replayed: false });
    expect(await post(undecided, prefer, 'pm_other')).toMatchObject({ status: 202, replayed: false });
    expect(await post(undecided, 'respond-async')).toMatchObject({ status: 202, replayed: true });
  });

  test('the note of the one does not change what the other is told', async () => {
    const { post } = setUp({ ...order, status: 'paid' });
    await post(undecided, 'respond-async', 'pm_other');
    expect(await post(decided({ ...accepted, respond_async: false }, true), 'wait=20')).toMatchObject({ status: 201, replayed: true });
  });
});
