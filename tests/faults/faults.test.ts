import { brokenInvariants, call, openSale, reserve } from './api.ts';
import { until } from '../until.ts';
import { freeze, gatewayUrl, kill, up } from './stack.ts';

/**
 * What a client is told, and how soon, while a part of the running stack is killed or hangs. That
 * nothing is lost meanwhile, under load and at every moment, is what tests/chaos/ is for.
 */

const longHold = { hold_seconds: 3_600 };
const refusalWithinMs = 2_000 + 250; // what the contract allows, and the gateway's own part

async function availabilityOf(saleId: string): Promise<{ total: number; held: number; sold: number; available: number }> {
  const answer = await until(
    () => call(gatewayUrl, 'GET', `/v1/sales/${saleId}/availability`),
    (a) => a.status === 200,
  );
  return answer.body.items[0];
}

/** Reads until the answer is no older than the last decision: the gateway may serve one that is a second old. */
function settledAvailability(saleId: string, held: number) {
  return until(
    () => availabilityOf(saleId),
    (item) => item.held === held,
  );
}

async function healthy(): Promise<void> {
  await up();
  await until(
    () => call(gatewayUrl, 'GET', '/readyz'),
    (a) => a.status === 200,
    60_000,
  );
}

beforeAll(healthy, 120_000);
afterEach(healthy, 120_000);

const frozen: { part: string; code: string }[] = [{ part: 'kafka', code: 'line_unavailable' }];

test.each(frozen)(
  '$part hangs: a clear 503 within 2 s, and the same key finds out when it is back',
  async ({ part, code }) => {
    const saleId = await openSale(gatewayUrl, { quantity: 10, extra: longHold });
    expect((await reserve(gatewayUrl, saleId, 'before', 'once')).status).toBe(201);
    const { thaw } = freeze(part);
    try {
      const refused = await reserve(gatewayUrl, saleId, 'meanwhile', 'once');
      expect(refused.body).toMatchObject({ status: 503, code, retryable: true });
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(refused.tookMs).toBeLessThan(refusalWithinMs);
    } finally {
      thaw();
    }
    const answer = await until(
      () => reserve(gatewayUrl, saleId, 'meanwhile', 'once'),
      (a) => a.status === 201,
    );
    expect(answer.body.status).toBe('held');
    expect(await settledAvailability(saleId, 2)).toMatchObject({ held: 2, available: 8 });
  },
  120_000,
);

test('postgres is away: a clear 503 within 2 s and nothing is enqueued; it goes on by itself when it is back', async () => {
  const saleId = await openSale(gatewayUrl, { quantity: 10, extra: longHold });
  expect((await reserve(gatewayUrl, saleId, 'before', 'once')).status).toBe(201);
  await kill('postgres', 'SIGQUIT');
  const refused = await until(
    () => reserve(gatewayUrl, saleId, 'meanwhile', 'once', 'wait=1'),
    (a) => a.status === 503,
  );
  expect(refused.body).toMatchObject({ status: 503, code: 'ledger_unavailable', retryable: true });
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(refused.tookMs).toBeLessThan(refusalWithinMs);
  await healthy();
  const answer = await until(
    () => reserve(gatewayUrl, saleId, 'meanwhile', 'once'),
    (a) => a.status === 201,
  );
  expect(answer.body.status).toBe('held');
  expect(await brokenInvariants(gatewayUrl, saleId)).toEqual([]);
}, 120_000);

test.each(['killed', 'frozen'] as const)(
  'redis %s: reservations are still decided and answered',
  async (how) => {
    const saleId = await openSale(gatewayUrl, { quantity: 10, extra: longHold });
    const thaw = how === 'frozen' ? freeze('redis').thaw : (await kill('redis'), () => undefined);
    try {
      for (const user of ['a', 'b', 'c']) {
        const answer = await reserve(gatewayUrl, saleId, user, 'once');
        expect({ status: answer.status, body: answer.body }).toMatchObject({ status: 201, body: { status: 'held' } });
        expect(answer.tookMs).toBeLessThan(2_000);
      }
      const replay = await reserve(gatewayUrl, saleId, 'a', 'once');
      expect(replay.status).toBe(201);
      expect(replay.headers.get('idempotent-replayed')).toBe('true');
    } finally {
      thaw();
    }
  },
  60_000,
);
