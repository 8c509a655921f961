import { OrderAnswer } from '#schemas/http.ts';
import {
  broken,
  call,
  closeSales,
  newBuyer,
  newKey,
  newSale,
  operator,
  report,
  reserve,
  type CallOptions,
  type Caller,
  type Reply,
} from './http-api.ts';

/** Orders by HTTP, on a running stack with the simulated payment gateway. */

afterAll(closeSales);
let id: string;
beforeAll(async () => {
  id = await newSale();
});

const order = (as: Caller | undefined, reservationId: string, method = 'pm_ok', options: CallOptions = {}): Promise<Reply> =>
  call('POST', '/v1/orders', { as, key: newKey(), body: { reservation_id: reservationId, payment_method_id: method }, ...options });

/** A buyer with something held. */
async function holder(saleId = id, quantity = 1): Promise<{ buyer: Caller; reservationId: string }> {
  const buyer = newBuyer();
  const { status, body } = await reserve(saleId, buyer, { sku: 'b', quantity });
  expect(status).toBe(201);
  return { buyer, reservationId: body.id as string };
}

test('202 pending, then paid; the reservation is confirmed', async () => {
  const { buyer, reservationId } = await holder();
  const key = newKey();
  const first = await order(buyer, reservationId, 'pm_ok', { key });
  expect(first.status).toBe(202);
  expect(OrderAnswer.parse(first.body)).toMatchObject({ reservation_id: reservationId, status: 'pending', amount: 250, currency: 'EUR' });
  expect(first.headers.get('location')).toBe(`/v1/orders/${first.body.id}`);
  const paid = await call('GET', `/v1/orders/${first.body.id}?wait=20`, { as: buyer });
  expect(OrderAnswer.parse(paid.body)).toMatchObject({ id: first.body.id, status: 'paid', amount: 250 });
  expect((await call('GET', `/v1/reservations/${reservationId}`, { as: buyer })).body.status).toBe('confirmed');
  // After a first 202 the same key shows the order as it stands.
  const again = await order(buyer, reservationId, 'pm_ok', { key });
  expect([again.status, again.body, again.headers.get('idempotent-replayed')]).toEqual([200, paid.body, 'true']);
  expect((await call('POST', `/v1/reservations/${reservationId}/cancel`, { as: buyer, key: newKey() })).body).toMatchObject({
    status: 409,
    code: 'not_cancellable',
    reservation_status: 'confirmed',
  });
});

test('with Prefer: wait 201 once paid, the same again', async () => {
  const { buyer, reservationId } = await holder();
  const key = newKey();
  const first = await order(buyer, reservationId, 'pm_ok', { key, prefer: 'wait=20' });
  expect([first.status, first.body.status, first.headers.get('preference-applied')]).toEqual([201, 'paid', 'wait=20']);
  for (const prefer of ['wait=20', undefined, 'respond-async']) {
    const again = await order(buyer, reservationId, 'pm_ok', { key, prefer });
    expect([again.status, again.body, again.headers.get('idempotent-replayed')]).toEqual([201, first.body, 'true']);
  }
});

test('a payment that fails is 402, the same again; the hold goes on and can be paid otherwise', async () => {
  const { buyer, reservationId } = await holder();
  const key = newKey();
  const first = await order(buyer, reservationId, 'pm_declined', { key, prefer: 'wait=20' });
  expect(first.body).toMatchObject({
    status: 402,
    code: 'payment_failed',
    retryable: false,
    order: { status: 'failed', reservation_id: reservationId },
  });
  const again = await order(buyer, reservationId, 'pm_declined', { key, prefer: 'wait=20' });
  expect([again.status, again.body.order, again.headers.get('idempotent-replayed')]).toEqual([402, first.body.order, 'true']);
  expect((await call('GET', `/v1/orders/${first.body.order_id}`, { as: buyer })).body.status).toBe('failed');
  expect((await call('GET', `/v1/reservations/${reservationId}`, { as: buyer })).body.status).toBe('held');
  expect((await order(buyer, reservationId, 'pm_ok', { prefer: 'wait=20' })).status).toBe(201);
});

test('a wait that runs out is 202, then 200', async () => {
  const { buyer, reservationId } = await holder(await newSale());
  const key = newKey();
  const first = await order(buyer, reservationId, 'pm_slow', { key, prefer: 'wait=1' });
  expect([first.status, first.body.status]).toEqual([202, 'pending']);
  const meanwhile = await order(buyer, reservationId, 'pm_slow', { key, prefer: 'wait=0' });
  expect([meanwhile.status, meanwhile.headers.get('idempotent-replayed')]).toEqual([202, 'true']);
  expect((await call('POST', `/v1/reservations/${reservationId}/cancel`, { as: buyer, key: newKey() })).body).toMatchObject({
    code: 'not_cancellable',
    reservation_status: 'paying',
  });
  expect((await call('GET', `/v1/orders/${first.body.id}?wait=20`, { as: buyer })).body.status).toBe('paid');
  const again = await order(buyer, reservationId, 'pm_slow', { key });
  expect([again.status, again.body.status, again.headers.get('idempotent-replayed')]).toEqual([200, 'paid', 'true']);
});

test('respond-async: also a reservation that is still in the line can be ordered', async () => {
  const sale = await newSale();
  const buyer = newBuyer();
  const queued = await reserve(sale, buyer, { sku: 'a', quantity: 2 }, { prefer: 'respond-async' });
  const key = newKey();
  const first = await order(buyer, queued.body.id as string, 'pm_ok', { key, prefer: 'respond-async' });
  expect([first.status, first.body.status, first.headers.get('preference-applied')]).toEqual([202, 'pending', 'respond-async']);
  expect((await call('GET', `/v1/orders/${first.body.id}?wait=20`, { as: buyer })).body).toMatchObject({ status: 'paid', amount: 200 });
  expect((await order(buyer, queued.body.id as string, 'pm_ok', { key, prefer: 'respond-async' })).status).toBe(200);
});

test('what was told 202 and then refused is found as failed', async () => {
  const { buyer, reservationId } = await holder(await newSale());
  await call('POST', `/v1/reservations/${reservationId}/cancel`, { as: buyer, key: newKey() });
  const key = newKey();
  const first = await order(buyer, reservationId, 'pm_ok', { key, prefer: 'respond-async' });
  expect(first.status).toBe(202);
  const until = Date.now() + 10_000;
  const read = () => call('GET', `/v1/orders/${first.body.id}`, { as: buyer });
  let now = await read();
  while (now.body.status === 'pending' && Date.now() < until) now = await read();
  expect(OrderAnswer.parse(now.body)).toMatchObject({
    status: 'failed',
    reason: 'reservation_not_held',
    reservation_status: 'released',
    amount: 250,
    currency: 'EUR',
  });
  const again = await order(buyer, reservationId, 'pm_ok', { key });
  expect([again.status, again.body]).toEqual([200, now.body]);
});

describe('refused', () => {
  test.each<[string, object, number, string]>([
    ['no reservation', { payment_method_id: 'pm_ok' }, 400, 'invalid_request'],
    ['no payment method', { reservation_id: 'x' }, 400, 'invalid_request'],
    ['an unknown field', { reservation_id: 'x', payment_method_id: 'pm_ok', card: '4242' }, 400, 'invalid_request'],
    ['a reservation that is not', { reservation_id: 'x', payment_method_id: 'pm_ok' }, 404, 'not_found'],
    ['another that is not', { reservation_id: '00000000-0000-8000-8000-000000000000', payment_method_id: 'pm_ok' }, 404, 'not_found'],
  ])('%s', async (_name, body, status, code) => {
    const answer = await call('POST', '/v1/orders', { as: newBuyer(), key: newKey(), body });
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });

  test('no token, no scope, no key, another user', async () => {
    const { buyer, reservationId } = await holder(await newSale());
    expect((await order(undefined, reservationId)).status).toBe(401);
    expect((await order(operator, reservationId)).status).toBe(403);
    expect((await order(buyer, reservationId, 'pm_ok', { key: undefined })).body.code).toBe('idempotency_key_required');
    expect((await order(newBuyer(), reservationId)).body).toMatchObject({ status: 404, code: 'not_found' });
  });

  test('a reservation that is not held', async () => {
    const { buyer, reservationId } = await holder(await newSale());
    await call('POST', `/v1/reservations/${reservationId}/cancel`, { as: buyer, key: newKey() });
    const key = newKey();
    const first = await order(buyer, reservationId, 'pm_ok', { key, prefer: 'wait=10' });
    expect(first.body).toMatchObject({ status: 409, code: 'reservation_not_held', reservation_status: 'released' });
    const again = await order(buyer, reservationId, 'pm_ok', { key, prefer: 'wait=10' });
    expect([again.status, again.body.code, again.headers.get('idempotent-replayed')]).toEqual([409, 'reservation_not_held', 'true']);
  });

  test('a key that was used for another order, in the same sale or in another', async () => {
    const [one, other] = [await newSale(), await newSale()];
    const buyer = newBuyer();
    const [first, second, elsewhere] = await Promise.all([
      reserve(one, buyer, { sku: 'a', quantity: 1 }),
      reserve(one, buyer, { sku: 'a', quantity: 1 }),
      reserve(other, buyer, { sku: 'a', quantity: 1 }),
    ]);
    const key = newKey();
    expect((await order(buyer, first.body.id as string, 'pm_ok', { key })).status).toBe(202);
    for (const [reservationId, method] of [
      [first.body.id, 'pm_slow'],
      [second.body.id, 'pm_ok'],
      [elsewhere.body.id, 'pm_ok'],
    ]) {
      const answer = await order(buyer, reservationId as string, method as string, { key });
      expect([answer.status, answer.body.code]).toEqual([422, 'idempotency_key_reused']);
    }
  });
});

test('100 orders at once with one key: one order, one charge', async () => {
  const sale = await newSale();
  const { buyer, reservationId } = await holder(sale);
  const key = newKey();
  const answers = await Promise.all(Array.from({ length: 100 }, () => order(buyer, reservationId, 'pm_ok', { key, prefer: 'wait=20' })));
  expect(new Set(answers.map(({ status, body }) => `${status} ${body.id} ${body.status}`)).size).toBe(1);
  expect(answers[0]!.status).toBe(201);
  const reconciled = await report(sale);
  expect(broken(reconciled)).toEqual([]);
  expect(reconciled.payments).toEqual({ orders_by_status: { paid: 1 }, captured_amount: 250, refunded_amount: 0, currency: 'EUR' });
});

test('the caller’s own orders, newest first, walked by cursors', async () => {
  const sale = await newSale();
  const buyer = newBuyer();
  const made: string[] = [];
  for (let i = 0; i < 3; i++) {
    const { body } = await reserve(sale, buyer, { sku: 'a', quantity: 1 });
    made.unshift((await order(buyer, body.id as string)).body.id as string);
  }
  const seen: string[] = [];
  for (let cursor = ''; ;) {
    const { body } = await call('GET', `/v1/orders?limit=2${cursor}`, { as: buyer });
    seen.push(...body.data.map((one: { id: string }) => one.id));
    if (body.next_cursor === null) break;
    cursor = `&cursor=${body.next_cursor}`;
  }
  expect(seen).toEqual(made);
  expect((await call('GET', '/v1/orders', { as: newBuyer() })).body).toEqual({ data: [], next_cursor: null });
  expect((await call('GET', `/v1/orders/${made[0]}`, { as: newBuyer() })).status).toBe(404);
  expect((await call('GET', '/v1/orders?limit=101', { as: buyer })).status).toBe(400);
  expect((await call('GET', '/v1/orders/nothing', { as: buyer })).status).toBe(404);
});
