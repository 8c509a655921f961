import { randomUUID } from 'node:crypto';
import { brokenInvariants, call, openSale, reserve } from './api.ts';
import { brokenPromises, sendBuyers } from './buyers.ts';
import { until } from '../until.ts';
import { freeze, gatewayUrl, kill, up, writersOf } from './stack.ts';

/**
 * Parts of the running stack are killed and frozen under buyers. What must hold each
 * time: nobody who was told `held` loses it, everyone is answered in the end, what was
 * sold adds up, and the system goes on by itself when the part is back.
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

/** `owner` and `standby` are the writers, by what they are to the sale's line. */
const kills: { part: string; signal: NodeJS.Signals }[] = [
  { part: 'owner', signal: 'SIGKILL' },
  { part: 'standby', signal: 'SIGKILL' },
  { part: 'reserve', signal: 'SIGKILL' },
  { part: 'redis', signal: 'SIGKILL' },
  { part: 'postgres', signal: 'SIGQUIT' }, // immediate: as if the machine had lost power
  { part: 'kafka', signal: 'SIGKILL' },
];

test.each(kills)(
  '$part ends by $signal under 1,500 buyers for 1,000 units: nothing is lost, everyone is answered',
  async ({ part, signal }) => {
    const saleId = await openSale(gatewayUrl, { quantity: 1_000, extra: longHold });
    const victim = part === 'owner' || part === 'standby' ? (await writersOf(saleId))[part] : part;
    let broke: Promise<void> | undefined;
    const told = await sendBuyers(gatewayUrl, saleId, 1_500, 64, randomUUID(), (answered) => {
      if (answered < 500 || broke !== undefined) return;
      broke = kill(victim, signal).then(async () => {
        await up();
      });
      broke.catch(() => undefined); // awaited below
    });
    await broke;
    expect(told.filter((t) => t.status === 201)).toHaveLength(1_000);
    expect(told.filter((t) => t.status === 409)).toHaveLength(500);
    expect(await brokenPromises(gatewayUrl, told)).toEqual([]);
    expect(await settledAvailability(saleId, 1_000)).toMatchObject({ total: 1_000, held: 1_000, sold: 0, available: 0 });
    expect(await brokenInvariants(gatewayUrl, saleId)).toEqual([]);
  },
  240_000,
);

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

test('the writer is frozen past its lease and wakes: the standby has taken over and the sleeper changes nothing', async () => {
  const saleId = await openSale(gatewayUrl, { quantity: 200, extra: longHold });
  const { owner, standby } = await writersOf(saleId);
  const { thaw } = freeze(owner);
  const answers = await sendBuyers(gatewayUrl, saleId, 100, 20, randomUUID());
  thaw();
  expect((await writersOf(saleId)).owner).toBe(standby);
  const later = await sendBuyers(gatewayUrl, saleId, 150, 20, randomUUID());
  expect([...answers, ...later].filter((t) => t.status === 201)).toHaveLength(200);
  expect([...answers, ...later].filter((t) => t.status === 409)).toHaveLength(50);
  expect(await settledAvailability(saleId, 200)).toMatchObject({ held: 200, available: 0 });
  expect(await brokenInvariants(gatewayUrl, saleId)).toEqual([]);
}, 120_000);
