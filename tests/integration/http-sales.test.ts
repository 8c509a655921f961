import { SaleAnswer, SaleReport, StockQueued } from '#schemas/http.ts';
import {
  auditor,
  broken,
  call,
  change,
  closeSales,
  item,
  newBuyer,
  newKey,
  newSale,
  notYet,
  operator,
  report,
  reserve,
  terms,
  type Reply,
} from './http-api.ts';

/** Sales by HTTP, on a running stack. */

afterAll(closeSales);
const buyer = newBuyer();

describe('POST /v1/sales', () => {
  test('201 with defaults; the same key is the same sale; another body is refused', async () => {
    const key = newKey();
    const body = terms(notYet());
    const first = await call('POST', '/v1/sales', { as: operator, key, body });
    expect(first.status).toBe(201);
    expect(SaleAnswer.parse(first.body)).toMatchObject({
      status: 'scheduled',
      name: body['name'],
      items: body['items'],
      per_user_limit: null,
      active_holds_per_user: null,
      hold_seconds: 120,
      payment_seconds: 900,
      waitlist_limit: 0,
      late_payment: 'refund',
      on_payment_failure: 'keep_hold',
      retention_years: 7,
    });
    expect(first.headers.get('location')).toBe(`/v1/sales/${first.body.id}`);
    expect(first.headers.get('idempotent-replayed')).toBeNull();

    const again = await call('POST', '/v1/sales', { as: operator, key, body });
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([201, 'true']);
    expect(again.body).toEqual(first.body);

    const other = await call('POST', '/v1/sales', { as: operator, key, body: { ...body, name: 'Another' } });
    expect([other.status, other.body.code]).toEqual([422, 'idempotency_key_reused']);
    expect((await change(first.body.id, 'close')).status).toBe(200);
  });

  test('a sale whose start has passed is open', async () => {
    const id = await newSale();
    expect((await call('GET', `/v1/sales/${id}`)).body).toMatchObject({ id, status: 'open' });
  });

  test('retention_years of its terms is told by every answer that shows the sale', async () => {
    const made = await call('POST', '/v1/sales', { as: operator, key: newKey(), body: terms({ ...notYet(), retention_years: 10 }) });
    expect([made.status, SaleAnswer.parse(made.body).retention_years]).toEqual([201, 10]);
    expect((await call('GET', `/v1/sales/${made.body.id}`)).body.retention_years).toBe(10);
    expect((await change(made.body.id, 'close')).body.retention_years).toBe(10);
  });

  test.each<[string, object, string]>([
    ['no name', { name: undefined }, '/name'],
    ['ends before it starts', { ends_at: '2020-01-01T00:00:00Z' }, '/ends_at'],
    ['no items', { items: [] }, '/items'],
    ['a sku twice', { items: [item('a', 1), item('a', 1)] }, '/items/1/sku'],
    ['two currencies', { items: [item('a', 1), { ...item('b', 1), currency: 'USD' }] }, '/items/1/currency'],
    ['a price that is no integer', { items: [{ ...item('a', 1), unit_price: 1.5 }] }, '/items/0/unit_price'],
    ['an unknown field', { colour: 'red' }, '/colour'],
    ['a name with U+0000', { name: 'a\0b' }, '/name'],
    ['a log kept for 101 years', { retention_years: 101 }, '/retention_years'],
    ['a hold of an hour and a second', { hold_seconds: 3_601 }, '/hold_seconds'],
  ])('400: %s', async (_name, overrides, pointer) => {
    const { status, body } = await call('POST', '/v1/sales', {
      as: operator,
      key: newKey(),
      body: terms(overrides as Record<string, unknown>),
    });
    expect([status, body.code]).toEqual([400, 'invalid_request']);
    expect(body.errors.map((one: { pointer: string }) => one.pointer)).toContain(pointer);
  });

  test('401 without a token, 403 for a buyer', async () => {
    expect((await call('POST', '/v1/sales', { body: terms() })).body).toMatchObject({ status: 401, code: 'unauthenticated' });
    expect((await call('POST', '/v1/sales', { as: buyer, body: terms() })).body).toMatchObject({ status: 403, code: 'forbidden' });
  });
});

describe('reading sales', () => {
  test('404 for what is no sale', async () => {
    for (const path of ['', '/availability']) {
      for (const id of ['sale_nothing', 'a%20b']) {
        expect((await call('GET', `/v1/sales/${id}${path}`)).status).toBe(404);
      }
    }
    expect((await call('GET', '/v1/sales/sale_nothing/availability')).body).toMatchObject({ code: 'sale_not_found', retryable: false });
  });

  test('a list is walked by its cursors, newest first, each sale once', async () => {
    const made: string[] = [];
    for (let i = 0; i < 3; i++) made.unshift(await newSale(notYet()));
    const seen: string[] = [];
    let cursor = '';
    for (let page = 0; page < 50 && seen.length < made.length + 2; page++) {
      const { status, body } = await call('GET', `/v1/sales?status=scheduled&limit=1${cursor}`);
      expect(status).toBe(200);
      for (const sale of body.data) expect(SaleAnswer.parse(sale).status).toBe('scheduled');
      seen.push(...body.data.map((sale: { id: string }) => sale.id));
      if (body.next_cursor === null) break;
      cursor = `&cursor=${body.next_cursor}`;
    }
    expect(seen.filter((id) => made.includes(id))).toEqual(made);
    expect(new Set(seen).size).toBe(seen.length);
  });

  test.each(['status=lost', 'limit=0', 'limit=101', 'limit=x', 'cursor=x', 'cursor='])('400: ?%s', async (query) => {
    const { status, body } = await call('GET', `/v1/sales?${query}`);
    expect([status, body.code, body.errors[0].pointer]).toEqual([400, 'invalid_request', `/${query.split('=')[0]}`]);
  });

  test('availability has an ETag of the seq, and 304 for it', async () => {
    const id = await newSale();
    const first = await call('GET', `/v1/sales/${id}/availability`);
    expect(first.body).toEqual({
      sale_id: id,
      status: 'open',
      as_of_seq: 2,
      items: [
        { sku: 'a', total: 10, held: 0, sold: 0, available: 10 },
        { sku: 'b', total: 5, held: 0, sold: 0, available: 5 },
      ],
    });
    expect(first.headers.get('cache-control')).toBe('public, max-age=1');
    const etag = first.headers.get('etag')!;
    const again = await call('GET', `/v1/sales/${id}/availability`, { headers: { 'if-none-match': etag } });
    expect([again.status, again.body, again.headers.get('etag')]).toEqual([304, '', etag]);
  });
});

test('each transition from each status', async () => {
  const id = await newSale(notYet());
  const steps: [string, number, string][] = [
    ['pause', 409, 'invalid_transition'],
    ['resume', 409, 'invalid_transition'],
    ['open', 200, 'open'],
    ['open', 200, 'open'],
    ['resume', 200, 'open'],
    ['pause', 200, 'paused'],
    ['pause', 200, 'paused'],
    ['open', 409, 'invalid_transition'],
    ['resume', 200, 'open'],
    ['close', 200, 'closed'],
    ['close', 200, 'closed'],
    ['open', 409, 'invalid_transition'],
    ['resume', 409, 'invalid_transition'],
    ['pause', 409, 'invalid_transition'],
  ];
  for (const [transition, status, expected] of steps) {
    const answer = await change(id, transition);
    expect([transition, answer.status, answer.body.code ?? answer.body.status]).toEqual([transition, status, expected]);
  }
  expect((await change('sale_nothing', 'open')).body.code).toBe('sale_not_found');
  expect((await call('POST', `/v1/sales/${id}/open`, { as: buyer })).status).toBe(403);
  expect(broken(await report(id))).toEqual([]);
});

test('stock goes up, and down to what is held and sold', async () => {
  const id = await newSale();
  expect((await reserve(id, buyer, { sku: 'a', quantity: 4 })).status).toBe(201);
  const stock = (body: object, key: string | undefined = newKey()) => call('POST', `/v1/sales/${id}/stock`, { as: operator, key, body });
  const key = newKey();
  const more = await stock({ sku: 'a', delta: 5 }, key);
  expect([more.status, more.body]).toEqual([
    200,
    { sale_id: id, sku: 'a', delta: 5, seq: expect.any(Number), total: 15, held: 4, sold: 0, available: 11 },
  ]);
  const again = await stock({ sku: 'a', delta: 5 }, key);
  expect([again.status, again.body, again.headers.get('idempotent-replayed')]).toEqual([200, more.body, 'true']);
  expect((await stock({ sku: 'a', delta: 6 }, key)).body.code).toBe('idempotency_key_reused');
  expect((await stock({ sku: 'a', delta: -12 })).body).toMatchObject({ status: 409, code: 'stock_below_committed' });
  expect((await stock({ sku: 'a', delta: -11 })).body).toMatchObject({ total: 4, available: 0 });
  expect((await stock({ sku: 'nothing', delta: 1 })).body).toMatchObject({ status: 422, code: 'unknown_item' });
  expect((await stock({ sku: 'a', delta: 0 })).body).toMatchObject({ status: 400, errors: [{ pointer: '/delta' }] });
  expect((await call('POST', `/v1/sales/${id}/stock`, { as: operator, body: { sku: 'a', delta: 1 } })).body.code).toBe(
    'idempotency_key_required',
  );
});

test('the report reconciles, for operators and auditors only', async () => {
  const id = await newSale();
  expect((await reserve(id, newBuyer(), { sku: 'a', quantity: 2 })).status).toBe(201);
  expect((await reserve(id, newBuyer(), { sku: 'b', quantity: 50 })).status).toBe(409);
  const { status, body } = await call('GET', `/v1/sales/${id}/report`, { as: auditor });
  expect(status).toBe(200);
  expect(SaleReport.parse(body)).toMatchObject({
    sale_id: id,
    events: 4,
    reservations_by_status: { held: 1, rejected: 1 },
    fairness: { decided_out_of_order: 0, requests: 3 },
    items: [
      { sku: 'a', total: 10, held: 2, sold: 0, available: 8 },
      { sku: 'b', total: 5, held: 0, sold: 0, available: 5 },
    ],
  });
  expect(body.invariants.map((one: { id: string }) => one.id)).toEqual(Array.from({ length: 11 }, (_, i) => `I${i + 1}`));
  expect(broken(body)).toEqual([]);
  expect((await call('GET', `/v1/sales/${id}/report`, { as: buyer })).status).toBe(403);
  expect((await call('GET', `/v1/sales/${id}/report`)).status).toBe(401);
});

test('the type of a problem opens a page about it', async () => {
  const { body } = await call('GET', '/v1/sales/sale_nothing/availability');
  const page = await call('GET', new URL(body.type).pathname);
  expect(page.status).toBe(200);
  expect(page.headers.get('content-type')).toContain('text/html');
  expect(page.body).toContain('sale_not_found');
  expect((await call('GET', '/errors/nothing')).status).toBe(404);
});

describe('what is undecided at the end of the wait is 202 with Location, Retry-After and the place in the line', () => {
  const prefer = 'wait=0';
  const queue = { offset: expect.any(Number), ahead: expect.any(Number), estimated_wait_ms: expect.any(Number) };
  const told = ({ status, headers, body }: Reply) => ({
    status,
    location: headers.get('location'),
    retry: Number(headers.get('retry-after')) > 0,
    applied: headers.get('preference-applied'),
    queue: body.queue,
  });
  const undecided = (location: string) => ({ status: 202, location, retry: true, applied: prefer, queue });

  test('a sale, its transitions and its stock', async () => {
    const answer = await call('POST', '/v1/sales', { as: operator, key: newKey(), prefer, body: terms(notYet()) });
    const { id } = SaleAnswer.parse(answer.body);
    expect(told(answer)).toEqual(undecided(`/v1/sales/${id}`));
    let status = 0;
    for (const until = Date.now() + 10_000; status !== 200 && Date.now() < until;) status = (await call('GET', `/v1/sales/${id}`)).status;
    let place = -1;
    for (const transition of ['open', 'pause', 'resume']) {
      const changed = await call('POST', `/v1/sales/${id}/${transition}`, { as: operator, key: newKey(), prefer });
      SaleAnswer.parse(changed.body);
      expect(told(changed)).toEqual(undecided(`/v1/sales/${id}`));
      expect(changed.body.queue.offset).toBeGreaterThan(place);
      place = changed.body.queue.offset as number;
    }
    const body = { sku: 'a', delta: 1 };
    const stock = await call('POST', `/v1/sales/${id}/stock`, { as: operator, key: newKey(), prefer, body });
    expect(StockQueued.parse(stock.body)).toMatchObject({ sale_id: id, sku: 'a', delta: 1, status: 'queued' });
    expect(told(stock)).toEqual(undecided(`/v1/sales/${id}/availability`));
    expect(stock.body.queue.offset).toBeGreaterThan(place);
    expect(told(await call('POST', `/v1/sales/${id}/close`, { as: operator, key: newKey(), prefer }))).toEqual(
      undecided(`/v1/sales/${id}`),
    );
  });

  test('a cancellation: its own place, not that of the reservation', async () => {
    const id = await newSale();
    const as = newBuyer();
    const held = await reserve(id, as, { sku: 'a', quantity: 1 });
    const answer = await call('POST', `/v1/reservations/${held.body.id}/cancel`, { as, key: newKey(), prefer });
    expect(told(answer)).toEqual(undecided(`/v1/reservations/${held.body.id}`));
    expect(answer.body.queue.offset).toBeGreaterThan(held.body.queue.offset as number);
  });
});
