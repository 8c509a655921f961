import type { Attempt } from '#shared/edge-records/attempts.ts';
import { userRef } from '#shared/ids/derive.ts';
import { createNoteRefused, type RefusedRequest } from './attempt.ts';

const buyer = { userId: 'ann', ref: userRef('a secret of the tests', 'ann'), scopes: ['buyer'] as const };

/** Who was taken note of, by their ids. */
let callers: string[] = [];
beforeEach(() => (callers = []));

function noted(given: Partial<RefusedRequest>, method = 'POST', headers: Record<string, string> = {}): Attempt[] {
  const attempts: Attempt[] = [];
  const request = { method, headers, socket: { remoteAddress: '127.0.0.1' } };
  const refused: unknown = {
    request,
    caller: buyer,
    saleId: 's-1',
    requestId: 'r-1',
    receivedAt: 7,
    code: 'rate_limited',
    sentToWait: false,
  };
  createNoteRefused(
    (attempt) => attempts.push(attempt),
    ({ userId }) => callers.push(userId),
  )({ ...(refused as RefusedRequest), ...given });
  return attempts;
}

test.each<[string, string, RefusedRequest['code'], boolean]>([
  ['throttled', 'POST', 'rate_limited', true],
  ['throttled while reading', 'GET', 'rate_limited', true],
  ['no token', 'POST', 'unauthenticated', true],
  ['no token for reading', 'GET', 'unauthenticated', false],
  ['a bad body', 'POST', 'invalid_request', true],
  ['no line', 'POST', 'line_unavailable', true],
  ['no ledger', 'POST', 'ledger_unavailable', true],
  ['no ledger to read from', 'GET', 'ledger_unavailable', false],
  ['a decision', 'POST', 'sold_out', false],
  ['a decision by key', 'POST', 'idempotency_key_reused', false],
  ['an order that was declined', 'POST', 'payment_failed', false],
  ['nobody knows', 'POST', 'deadline_exceeded', false],
])('%s', (_name, method, code, kept) => {
  expect(noted({ code }, method)).toHaveLength(kept ? 1 : 0);
  expect(callers).toEqual(kept ? ['ann'] : []);
});

test.each<[string, Partial<RefusedRequest>, Record<string, string>, Partial<Attempt>]>([
  ['a buyer', {}, {}, { tier: 'buyer', userRef: buyer.ref, saleId: 's-1', atMs: 7, requestId: 'r-1', reason: 'rate_limited' }],
  ['nobody', { caller: null }, {}, { tier: 'anonymous', userRef: null }],
  ['an operator who buys', { caller: { ...buyer, scopes: ['buyer', 'operator'] } }, {}, { tier: 'operator' }],
  ['an auditor', { caller: { ...buyer, scopes: ['auditor'] } }, {}, { tier: 'operator' }],
  ['a token without scopes', { caller: { ...buyer, scopes: [] } }, {}, { tier: 'buyer' }],
  ['a browser', { sentToWait: true }, {}, { reason: 'sent_to_wait' }],
  ['no sale', { saleId: undefined }, {}, { saleId: null }],
  ['through the gateway', {}, { 'x-forwarded-for': '192.0.2.1', 'user-agent': 'Firefox' }, { address: '192.0.2.1', device: 'Firefox' }],
  ['past the gateway', {}, {}, { address: '127.0.0.1', device: null }],
])('%s', (_name, refused, headers, expected) => expect(noted(refused, 'POST', headers)).toEqual([expect.objectContaining(expected)]));
