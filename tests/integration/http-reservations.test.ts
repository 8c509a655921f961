import { ProblemAnswer, ReservationAnswer } from '#schemas/http.ts';
import {
  broken,
  call,
  change,
  closeSales,
  inParallel,
  item,
  newBuyer,
  newKey,
  newSale,
  notYet,
  report,
  reserve,
  type Reply,
} from './http-api.ts';

/** Reservations by HTTP, on a running stack. */

const lookEveryMs = 50;

afterAll(closeSales);
const ids = (data: { id: string }[]): string[] => data.map(({ id }) => id);

/** What an answer says, without what differs between replays. */
function lasting({ status, body }: Reply): unknown {
  const { expires_in_seconds: _, request_id: _r, trace_id: _t, ...rest } = body;
  return { status, ...rest };
}

describe('outcomes', () => {
  let id: string;
  beforeAll(async () => {
    id = await newSale({ items: [item('a', 10), item('b', 5, 250), item('gone', 0)], per_user_limit: 6 });
  });

  test('held', async () => {
    const buyer = newBuyer();
    const answer = await reserve(id, buyer, {
      items: [
        { sku: 'a', quantity: 1 },
        { sku: 'b', quantity: 2 },
      ],
    });
    expect(answer.status).toBe(201);
    expect(ReservationAnswer.parse(answer.body)).toMatchObject({
      sale_id: id,
      user_id: buyer.user,
      status: 'held',
      items: [
        { sku: 'a', quantity: 1, unit_price: 100, currency: 'EUR' },
        { sku: 'b', quantity: 2, unit_price: 250, currency: 'EUR' },
      ],
      queue: { ahead: 0, estimated_wait_ms: 0 },
    });
    expect(answer.body.expires_in_seconds).toBeGreaterThan(100);
    expect(answer.headers.get('location')).toBe(`/v1/reservations/${answer.body.id}`);
    const read = await call('GET', `/v1/reservations/${answer.body.id}`, { as: buyer });
    expect(lasting({ ...read, status: 201 })).toEqual(lasting(answer));
  });

  test.each<[string, unknown, number, string]>([
    ['one item, in short', { sku: 'a', quantity: 1 }, 201, 'held'],
    ['an item the sale has not', { sku: 'z', quantity: 1 }, 422, 'unknown_item'],
    ['an item with nothing left', { sku: 'gone', quantity: 1 }, 409, 'sold_out'],
    [
      'one of two with nothing left',
      {
        items: [
          { sku: 'a', quantity: 1 },
          { sku: 'gone', quantity: 1 },
        ],
      },
      409,
      'sold_out',
    ],
    ['more than is left', { sku: 'b', quantity: 6 }, 409, 'insufficient_stock'],
    ['more than the limit', { sku: 'a', quantity: 7 }, 409, 'per_user_limit'],
    [
      'what is there of it',
      {
        items: [
          { sku: 'a', quantity: 1 },
          { sku: 'gone', quantity: 1 },
        ],
        allow_partial: true,
      },
      201,
      'held',
    ],
    ['nothing of it is there', { sku: 'gone', quantity: 1, allow_partial: true }, 409, 'sold_out'],
    ['no items', { items: [] }, 400, 'invalid_request'],
    [
      'a sku twice',
      {
        items: [
          { sku: 'a', quantity: 1 },
          { sku: 'a', quantity: 1 },
        ],
      },
      400,
      'invalid_request',
    ],
    ['quantity 0', { sku: 'a', quantity: 0 }, 400, 'invalid_request'],
    ['quantity 101', { sku: 'a', quantity: 101 }, 400, 'invalid_request'],
    ['an unknown field', { sku: 'a', quantity: 1, colour: 'red' }, 400, 'invalid_request'],
    ['21 items', { items: Array.from({ length: 21 }, (_, i) => ({ sku: `s${i}`, quantity: 1 })) }, 400, 'invalid_request'],
    ['no JSON', '{"sku":', 400, 'invalid_request'],
    ['17 levels', `${'{"a":'.repeat(17)}1${'}'.repeat(17)}`, 400, 'invalid_request'],
    ['65 KiB', JSON.stringify({ sku: 'x'.repeat(65 * 1_024), quantity: 1 }), 413, 'body_too_large'],
  ])('%s', async (_name, body, status, expected) => {
    const answer = await reserve(id, newBuyer(), body);
    expect([answer.status, answer.body.code ?? answer.body.status]).toEqual([status, expected]);
    if (status === 201) return;
    expect(ProblemAnswer.parse(answer.body)).toMatchObject({ status, instance: `/v1/sales/${id}/reservations`, retryable: false });
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(answer.body.request_id).toBe(answer.headers.get('x-request-id'));
    expect(answer.body.trace_id).toBe(answer.headers.get('x-trace-id'));
    if (status === 400) expect(answer.body.errors.length).toBeGreaterThan(0);
  });

  test('what was not granted is told', async () => {
    const { body } = await reserve(id, newBuyer(), {
      items: [
        { sku: 'a', quantity: 1 },
        { sku: 'gone', quantity: 2 },
      ],
      allow_partial: true,
    });
    expect(body.items).toEqual([{ sku: 'a', quantity: 1, unit_price: 100, currency: 'EUR' }]);
    expect(body.not_granted).toEqual([{ sku: 'gone', quantity: 2, reason: 'sold_out' }]);
  });

  test.each([
    ['no token', { as: undefined }, 401, 'unauthenticated'],
    ['an operator', { as: { user: 'op', scope: 'operator' } }, 403, 'forbidden'],
    ['no key', { key: undefined }, 400, 'idempotency_key_required'],
    ['a key that is too long', { key: 'k'.repeat(256) }, 400, 'invalid_request'],
    ['two keys that differ', { headers: { 'x-idempotency-key': 'another' } }, 400, 'invalid_request'],
    ['text', { headers: { 'content-type': 'text/plain' } }, 415, 'unsupported_media_type'],
  ])('refused: %s', async (_name, options, status, code) => {
    const answer = await reserve(id, newBuyer(), { sku: 'a', quantity: 1 }, options);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });

  test('a sale that is not, not open, paused, closed', async () => {
    const body = { sku: 'a', quantity: 1 };
    expect((await reserve('sale_nothing', newBuyer(), body)).body).toMatchObject({ status: 404, code: 'sale_not_found' });
    const other = await newSale(notYet());
    const codes = [(await reserve(other, newBuyer(), body)).body.code];
    await change(other, 'open');
    await change(other, 'pause');
    codes.push((await reserve(other, newBuyer(), body)).body.code);
    await change(other, 'resume');
    codes.push((await reserve(other, newBuyer(), body)).body.status);
    await change(other, 'close');
    codes.push((await reserve(other, newBuyer(), body)).body.code);
    expect(codes).toEqual(['sale_not_open', 'sale_paused', 'held', 'sale_closed']);
  });

  test('as many holds as the sale allows', async () => {
    const strict = await newSale({ active_holds_per_user: 1 });
    const buyer = newBuyer();
    const first = await reserve(strict, buyer, { sku: 'a', quantity: 1 });
    expect((await reserve(strict, buyer, { sku: 'a', quantity: 1 })).body.code).toBe('active_hold_exists');
    expect((await call('POST', `/v1/reservations/${first.body.id}/cancel`, { as: buyer, key: newKey() })).status).toBe(200);
    expect((await reserve(strict, buyer, { sku: 'a', quantity: 1 })).status).toBe(201);
  });

  test('waitlisted, then offered what another gives back', async () => {
    const small = await newSale({ items: [item('a', 1)], waitlist_limit: 1 });
    const [first, second, third] = [newBuyer(), newBuyer(), newBuyer()] as const;
    const held = await reserve(small, first, { sku: 'a', quantity: 1 });
    const key = newKey();
    const waits = await reserve(small, second, { sku: 'a', quantity: 1 }, { key });
    expect([waits.status, waits.body.status]).toEqual([202, 'waitlisted']);
    expect((await reserve(small, third, { sku: 'a', quantity: 1 })).body.code).toBe('sold_out');
    await call('POST', `/v1/reservations/${held.body.id}/cancel`, { as: first, key: newKey() });
    expect((await call('GET', `/v1/reservations/${waits.body.id}`, { as: second })).body).toMatchObject({
      status: 'held',
      expires_at: expect.any(String),
    });
    // What was answered once is answered again.
    const again = await reserve(small, second, { sku: 'a', quantity: 1 }, { key });
    expect([lasting(again), again.headers.get('idempotent-replayed')]).toEqual([lasting(waits), 'true']);
  });
});

describe('idempotency', () => {
  let id: string;
  beforeAll(async () => {
    id = await newSale({ items: [item('a', 1_000), item('gone', 0)] });
  });

  test.each([
    ['held', { sku: 'a', quantity: 1 }, 201],
    ['sold out', { sku: 'gone', quantity: 1 }, 409],
    ['unknown', { sku: 'z', quantity: 1 }, 422],
  ])('the same answer again: %s', async (_name, body, status) => {
    const buyer = newBuyer();
    const key = newKey();
    const first = await reserve(id, buyer, body, { key });
    const again = await reserve(id, buyer, body, { key: undefined, headers: { 'x-idempotency-key': key } });
    const third = await reserve(id, buyer, { ...body, idempotency_key: key }, { key: undefined });
    expect(first.status).toBe(status);
    expect(first.headers.get('idempotent-replayed')).toBeNull();
    for (const replay of [again, third]) {
      expect(lasting(replay)).toEqual(lasting(first));
      expect(replay.headers.get('idempotent-replayed')).toBe('true');
    }
    const other = await reserve(id, buyer, { sku: 'a', quantity: 2 }, { key });
    expect([other.status, other.body.code]).toEqual([422, 'idempotency_key_reused']);
  });

  test('a key that was refused with 400 is still free', async () => {
    const buyer = newBuyer();
    const key = newKey();
    expect((await reserve(id, buyer, { sku: 'a' }, { key })).status).toBe(400);
    expect((await reserve(id, buyer, { sku: 'a', quantity: 1 }, { key })).status).toBe(201);
  });

  test('keys of two users have nothing to do with each other', async () => {
    const key = newKey();
    const answers = await Promise.all([1, 2].map((quantity) => reserve(id, newBuyer(), { sku: 'a', quantity }, { key })));
    expect(answers.map(({ status }) => status)).toEqual([201, 201]);
  });

  test('100 at once: one effect, one answer', async () => {
    const buyer = newBuyer();
    const key = newKey();
    const answers = await inParallel(100, 100, () => reserve(id, buyer, { sku: 'a', quantity: 3 }, { key }));
    expect(new Set(answers.map((answer) => JSON.stringify(lasting(answer)))).size).toBe(1);
    expect(answers[0]!.status).toBe(201);
    expect(answers.filter(({ headers }) => headers.get('idempotent-replayed') === null)).toHaveLength(1);
    const mine = await call('GET', `/v1/reservations?sale_id=${id}`, { as: buyer });
    expect(mine.body.data).toHaveLength(1);
  });

  test('after a 202 the same key shows the reservation as it stands', async () => {
    const buyer = newBuyer();
    const key = newKey();
    const body = { sku: 'a', quantity: 1 };
    const first = await reserve(id, buyer, body, { key, prefer: 'respond-async' });
    expect([first.status, first.body.status, first.headers.get('preference-applied')]).toEqual([202, 'queued', 'respond-async']);
    expect(first.headers.get('location')).toBe(`/v1/reservations/${first.body.id}`);
    expect(first.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(ReservationAnswer.parse(first.body).queue).toEqual({
      offset: expect.any(Number),
      ahead: expect.any(Number),
      estimated_wait_ms: expect.any(Number),
    });
    const decided = await call('GET', `/v1/reservations/${first.body.id}?wait=10`, { as: buyer });
    expect(decided.body.status).toBe('held');
    for (const prefer of [undefined, 'respond-async', 'wait=3']) {
      const again = await reserve(id, buyer, body, { key, prefer });
      expect([again.status, again.body.status, again.headers.get('idempotent-replayed')]).toEqual([200, 'held', 'true']);
    }
    await call('POST', `/v1/reservations/${first.body.id}/cancel`, { as: buyer, key: newKey() });
    expect((await reserve(id, buyer, body, { key })).body).toMatchObject({ status: 'released', reason: 'cancelled' });
    expect((await reserve(id, buyer, { sku: 'a', quantity: 2 }, { key, prefer: 'respond-async' })).status).toBe(422);
  });

  test('a wait that ran out is such a 202 too', async () => {
    const buyer = newBuyer();
    const key = newKey();
    const first = await reserve(id, buyer, { sku: 'a', quantity: 1 }, { key, prefer: 'wait=0' });
    expect([first.status, first.body.status, first.headers.get('preference-applied')]).toEqual([202, 'queued', 'wait=0']);
    await call('GET', `/v1/reservations/${first.body.id}?wait=10`, { as: buyer });
    const again = await reserve(id, buyer, { sku: 'a', quantity: 1 }, { key });
    expect([again.status, again.body.status, again.headers.get('idempotent-replayed')]).toEqual([200, 'held', 'true']);
  });

  test('respond-async for a request that was answered before gives that answer', async () => {
    const buyer = newBuyer();
    const key = newKey();
    const first = await reserve(id, buyer, { sku: 'a', quantity: 1 }, { key });
    const again = await reserve(id, buyer, { sku: 'a', quantity: 1 }, { key, prefer: 'respond-async' });
    expect(lasting(again)).toEqual(lasting(first));
  });

  test.each([
    ['wait=99', 'wait=30'],
    ['wait=soon', null],
    ['handling=strict', null],
  ])('Prefer: %s is answered with %s', async (prefer, applied) => {
    const { headers } = await reserve(id, newBuyer(), { sku: 'a', quantity: 1 }, { prefer });
    expect(headers.get('preference-applied')).toBe(applied);
  });
});

describe('reading and cancelling', () => {
  test('another user’s are not there', async () => {
    const id = await newSale();
    const buyer = newBuyer();
    const { body } = await reserve(id, buyer, { sku: 'a', quantity: 1 });
    for (const as of [newBuyer(), { user: 'op', scope: 'buyer operator' }]) {
      expect((await call('GET', `/v1/reservations/${body.id}`, { as })).body).toMatchObject({ status: 404, code: 'not_found' });
      expect((await call('POST', `/v1/reservations/${body.id}/cancel`, { as, key: newKey() })).body).toMatchObject({
        status: 404,
        code: 'not_found',
      });
    }
    expect((await call('GET', `/v1/reservations/${body.id}`)).status).toBe(401);
    for (const unknown of ['nothing', '00000000-0000-8000-8000-000000000000']) {
      expect((await call('GET', `/v1/reservations/${unknown}`, { as: buyer })).status).toBe(404);
    }
    expect((await call('GET', `/v1/reservations/${body.id}?wait=soon`, { as: buyer })).body.errors[0].pointer).toBe('/wait');
  });

  test('a list is walked by its cursors, newest first, of one sale or of all', async () => {
    const [one, other] = [await newSale(), await newSale()];
    const buyer = newBuyer();
    const made: string[] = [];
    for (let i = 0; i < 5; i++) made.unshift((await reserve(one, buyer, { sku: 'a', quantity: 1 })).body.id as string);
    const elsewhere = (await reserve(other, buyer, { sku: 'a', quantity: 1 })).body.id as string;
    const seen: string[] = [];
    for (let cursor = ''; ;) {
      const { body } = await call('GET', `/v1/reservations?sale_id=${one}&limit=2${cursor}`, { as: buyer });
      seen.push(...ids(body.data));
      if (body.next_cursor === null) break;
      cursor = `&cursor=${body.next_cursor}`;
    }
    expect(seen).toEqual(made);
    expect(ids((await call('GET', '/v1/reservations', { as: buyer })).body.data)).toEqual([elsewhere, ...made]);
    expect((await call('GET', '/v1/reservations?sale_id=nothing', { as: buyer })).body).toEqual({ data: [], next_cursor: null });
    expect((await call('GET', '/v1/reservations?sale_id=%00', { as: buyer })).body).toEqual({ data: [], next_cursor: null });
    for (const query of ['limit=0', 'cursor=AAAA', 'cursor=MS5zYWxl']) {
      expect((await call('GET', `/v1/reservations?${query}`, { as: buyer })).body).toMatchObject({ status: 400, code: 'invalid_request' });
    }
  });

  test('cancelled once, with the same answer again; not when it is gone', async () => {
    const id = await newSale();
    const buyer = newBuyer();
    const { body } = await reserve(id, buyer, { sku: 'a', quantity: 3 });
    const path = `/v1/reservations/${body.id}/cancel`;
    expect((await call('POST', path, { as: buyer })).body.code).toBe('idempotency_key_required');
    const key = newKey();
    const first = await call('POST', path, { as: buyer, key });
    expect([first.status, first.body.status, first.body.reason]).toEqual([200, 'released', 'cancelled']);
    const again = await call('POST', path, { as: buyer, key });
    expect([lasting(again), again.headers.get('idempotent-replayed')]).toEqual([lasting(first), 'true']);
    expect((await call('POST', path, { as: buyer, key: newKey() })).body).toMatchObject({
      code: 'not_cancellable',
      reservation_status: 'released',
    });
    expect((await report(id)).items[0]).toMatchObject({ sku: 'a', held: 0, available: 10 });
  });

  test('a hold that ran out is released', async () => {
    const id = await newSale({ hold_seconds: 1 });
    const buyer = newBuyer();
    const { body } = await reserve(id, buyer, { sku: 'a', quantity: 1 });
    const read = () => call('GET', `/v1/reservations/${body.id}`, { as: buyer });
    const until = Date.now() + 15_000;
    let now = await read();
    while (now.body.status === 'held' && Date.now() < until) {
      // A client that asks without pause is told 429.
      await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
      now = await read();
    }
    expect(now.body).toMatchObject({ status: 'released', reason: 'expired' });
    expect(now.body.expires_at).toBeUndefined();
  });
});

test('3,000 buyers for 500 units: 500 held, 2,500 sold out, none else', async () => {
  const id = await newSale({ items: [item('a', 500)] });
  const answers = await inParallel(3_000, 300, () => reserve(id, newBuyer(), { sku: 'a', quantity: 1 }, { prefer: 'wait=30' }));
  const counted: Record<string, number> = {};
  for (const { status, body } of answers) {
    const outcome = `${status} ${body.code ?? body.status}`;
    counted[outcome] = (counted[outcome] ?? 0) + 1;
  }
  expect(counted).toEqual({ '201 held': 500, '409 sold_out': 2_500 });
  const reconciled = await report(id);
  expect(broken(reconciled)).toEqual([]);
  expect(reconciled.items).toEqual([{ sku: 'a', total: 500, held: 500, sold: 0, available: 0 }]);
  expect(reconciled.reservations_by_status).toEqual({ held: 500, rejected: 2_500 });
});
