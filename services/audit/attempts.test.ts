import type { Exchange } from '#shared/http/route.ts';
import { RequestRefused } from '#shared/http/problem.ts';
import type { Rows, Statement } from '#shared/ledger/read/reads.ts';
import { createAttemptsHandler } from './attempts.ts';

const REF = '00000000-0000-8000-8000-000000000001';
const row = (id: number) => ({
  id,
  at_ms: 1_763_726_400_000 + id,
  sale_id: 's-1',
  user_ref: REF,
  reason: 'rate_limited',
  tier: 'buyer',
  address_hash: 'aa',
  device_hash: null,
  request_id: `r-${id}`,
});

/** A ledger in which `ann` has a pseudonym, with these attempts; and what it was asked, in order. */
function stage(attempts: readonly object[] = [row(2), row(1)]) {
  const asked: string[] = [];
  const values: (readonly unknown[])[] = [];
  const recorded: object[] = [];
  const reads: Rows = {
    rows: async <Row>({ name }: Statement, given: readonly unknown[]) => {
      asked.push(name);
      values.push(given);
      if (name === 'refs_of_user') return (given[0] === 'ann' ? [{ user_ref: REF }] : []) as Row[];
      return attempts as Row[];
    },
  };
  const handle = createAttemptsHandler({
    reads,
    recordRead: async (read) => {
      asked.push('recorded');
      recorded.push(read);
    },
  });
  const get = (query: string) => {
    const exchange = { query: new URLSearchParams(query), caller: { userId: 'auditor', ref: REF, scopes: ['auditor'] }, requestId: 'q-1' };
    return handle(exchange as unknown as Exchange);
  };
  return { get, asked, values, recorded };
}

const bodyOf = (outcome: object) => JSON.parse((outcome as { body: string }).body) as { data: object[]; next_cursor: string | null };

test.each<[string, string, string[], string, string | null, number]>([
  ['all', '', ['recorded', 'attempts'], 'everyone', null, 2],
  ['of a sale', 'sale_id=s-1', ['recorded', 'attempts_of_sale'], 'everyone', 's-1', 2],
  ['of a user', 'user_id=ann', ['refs_of_user', 'recorded', 'attempts_of_user'], REF, null, 2],
  ['of both', 'user_id=ann&sale_id=s-1', ['refs_of_user', 'recorded', 'attempts_of_user_in_sale'], REF, 's-1', 2],
  ['of a user without a pseudonym', 'user_id=bob', ['refs_of_user', 'recorded'], 'nobody known', null, 0],
  ['of what is no sale', 'sale_id=a%20b', ['recorded'], 'everyone', null, 0],
])('%s: on record before they are read', async (_name, query, asked, subject, saleId, found) => {
  const on = stage();
  const { data } = bodyOf(await on.get(query));
  expect(on.asked).toEqual(asked);
  expect(on.recorded).toEqual([{ caller: 'auditor', action: 'attempts', subject, saleId, requestId: 'q-1' }]);
  expect(data).toHaveLength(found);
});

test('a user id stands in no record', async () => {
  const on = stage();
  await on.get('user_id=ann');
  await on.get('user_id=bob');
  expect(JSON.stringify(on.recorded)).not.toMatch(/ann|bob/);
});

test('an attempt reads as the contract has it, and the cursor goes on behind it', async () => {
  const on = stage();
  const { data, next_cursor: cursor } = bodyOf(await on.get('limit=1'));
  expect(data).toEqual([
    {
      at: '2025-11-21T12:00:00.002Z',
      sale_id: 's-1',
      user: REF,
      reason: 'rate_limited',
      tier: 'buyer',
      address_hash: 'aa',
      device_hash: null,
      request_id: 'r-2',
    },
  ]);
  await on.get(`limit=1&cursor=${cursor ?? ''}`);
  expect(on.values.at(-1)).toEqual([1_763_726_400_002, '2', 2]);
});

test.each(['limit=0', 'limit=101', 'cursor=nonsense'])('%s is refused and nothing is read', async (query) => {
  const on = stage();
  await expect(on.get(query)).rejects.toThrow(RequestRefused);
  expect(on.asked).toEqual([]);
});
