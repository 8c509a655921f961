import fc from 'fast-check';
import { parseJsonObject } from './body.ts';
import { decodeCursor, encodeCursor, pageOf } from './cursor.ts';
import { idempotencyKeyOf, requiredIdempotencyKey } from './idempotency.ts';
import { preferenceOf } from './prefer.ts';
import { RequestRefused } from './problem.ts';
import { pageAsked, waitAsked } from './query.ts';
import { requestIdOf, traceparentOf } from './trace.ts';

/** The code of the refusal, or what was parsed. */
function outcome(parse: () => unknown): unknown {
  try {
    return parse();
  } catch (error) {
    // Anything else would be a 500 that a client can cause.
    if (!(error instanceof RequestRefused)) throw error;
    return error.problem.code;
  }
}

const any = () => true;

test.each([
  [undefined, { waitMs: 5_000, respondAsync: false, explicitWait: false, applied: null }],
  ['', { waitMs: 5_000, respondAsync: false, explicitWait: false, applied: null }],
  ['wait=3', { waitMs: 3_000, respondAsync: false, explicitWait: true, applied: 'wait=3' }],
  ['Wait = 3 ; x=y', { waitMs: 3_000, respondAsync: false, explicitWait: true, applied: 'wait=3' }],
  ['wait=0', { waitMs: 0, respondAsync: false, explicitWait: true, applied: 'wait=0' }],
  ['wait=31', { waitMs: 30_000, respondAsync: false, explicitWait: true, applied: 'wait=30' }],
  ['wait=99999999999999', { waitMs: 30_000, respondAsync: false, explicitWait: true, applied: 'wait=30' }],
  ['wait=-1', { waitMs: 5_000, respondAsync: false, explicitWait: false, applied: null }],
  ['wait=soon, return=minimal', { waitMs: 5_000, respondAsync: false, explicitWait: false, applied: null }],
  ['wait=2, wait=9', { waitMs: 2_000, respondAsync: false, explicitWait: true, applied: 'wait=2' }],
  ['respond-async', { waitMs: 0, respondAsync: true, explicitWait: false, applied: 'respond-async' }],
  ['wait=9, respond-async', { waitMs: 0, respondAsync: true, explicitWait: false, applied: 'respond-async' }],
])('Prefer: %s', (header, expected) => {
  expect(preferenceOf(header)).toEqual(expected);
});

const long = 'k'.repeat(256);
test.each<[string, Record<string, string>, unknown, unknown]>([
  ['header', { 'idempotency-key': 'a b' }, undefined, 'a b'],
  ['other header', { 'x-idempotency-key': 'k' }, undefined, 'k'],
  ['body', {}, 'k', 'k'],
  ['all three the same', { 'idempotency-key': 'k', 'x-idempotency-key': 'k' }, 'k', 'k'],
  ['255 characters', { 'idempotency-key': long.slice(1) }, undefined, long.slice(1)],
  ['none', {}, undefined, 'idempotency_key_required'],
  ['empty header', { 'idempotency-key': '' }, undefined, 'idempotency_key_required'],
  ['headers differ', { 'idempotency-key': 'k', 'x-idempotency-key': 'l' }, undefined, 'invalid_request'],
  ['header and body differ', { 'idempotency-key': 'k' }, 'l', 'invalid_request'],
  ['256 characters', { 'idempotency-key': long }, undefined, 'invalid_request'],
  ['not ASCII', { 'idempotency-key': 'é' }, undefined, 'invalid_request'],
  ['a number', {}, 7, 'invalid_request'],
  ['an empty body field', {}, '', 'invalid_request'],
])('idempotency key: %s', (_name, headers, field, expected) => {
  expect(outcome(() => requiredIdempotencyKey(headers, field))).toBe(expected);
});

test.each<[string, string, unknown]>([
  ['an object', '{"a":[1,{"b":null}]}', { a: [1, { b: null }] }],
  ['an array', '[1]', 'invalid_request'],
  ['a number', '7', 'invalid_request'],
  ['null', 'null', 'invalid_request'],
  ['half an object', '{"a":', 'invalid_request'],
  ['U+0000 in a value', '{"a":"x\\u0000"}', 'invalid_request'],
  ['U+0000 in a name', '{"a\\u0000":1}', 'invalid_request'],
  ['a lone surrogate', '{"a":"\\ud800"}', 'invalid_request'],
  ['the prototype', '{"__proto__":{"x":1}}', 'invalid_request'],
  ['depth 16', `${'{"a":'.repeat(16)}1${'}'.repeat(16)}`, expect.anything()],
  ['depth 17', `${'{"a":'.repeat(17)}1${'}'.repeat(17)}`, 'invalid_request'],
  ['30,000 open brackets', `{"a":${'['.repeat(30_000)}${']'.repeat(30_000)}}`, 'invalid_request'],
])('body: %s', (_name, text, expected) => {
  expect(outcome(() => parseJsonObject(Buffer.from(text)))).toEqual(expected);
});

test('a body that is not UTF-8 is refused', () => {
  expect(outcome(() => parseJsonObject(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])))).toBe('invalid_request');
});

test.each<[string, unknown]>([
  ['', { limit: 20, after: null }],
  ['limit=1', { limit: 1, after: null }],
  ['limit=100', { limit: 100, after: null }],
  ['limit=0', 'invalid_request'],
  ['limit=101', 'invalid_request'],
  ['limit=1.5', 'invalid_request'],
  ['limit=', 'invalid_request'],
  ['limit=-3', 'invalid_request'],
  ['cursor=', 'invalid_request'],
  ['cursor=nonsense', 'invalid_request'],
  [`cursor=${encodeCursor({ ms: 5, id: 'x' })}`, { limit: 20, after: { ms: 5, id: 'x' } }],
])('list: ?%s', (query, expected) => {
  expect(outcome(() => pageAsked(new URLSearchParams(query), any))).toEqual(expected);
});

test('a cursor of another list is refused', () => {
  expect(outcome(() => decodeCursor(encodeCursor({ ms: 5, id: 'x' }), (id) => id === 'y'))).toBe('invalid_request');
});

test.each<[string, unknown]>([
  ['', 0],
  ['wait=3', 3_000],
  ['wait=99', 30_000],
  ['wait=99999999999999', 30_000],
  ['wait=-1', 'invalid_request'],
  ['wait=soon', 'invalid_request'],
])('?%s waits', (query, expected) => {
  expect(outcome(() => waitAsked(new URLSearchParams(query)))).toBe(expected);
});

test('a page shows whether there is more', () => {
  const place = (row: number) => ({ ms: row, id: 'x' });
  expect(pageOf([3, 2, 1], 2, place)).toEqual({ page: [3, 2], nextCursor: encodeCursor({ ms: 2, id: 'x' }) });
  expect(pageOf([3, 2], 2, place)).toEqual({ page: [3, 2], nextCursor: null });
  expect(pageOf([], 2, place)).toEqual({ page: [], nextCursor: null });
});

const parent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
test.each([
  [parent, parent],
  ['00-00000000000000000000000000000000-b7ad6b7169203331-01', null],
  ['00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01', null],
  ['ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', null],
  ['nonsense', null],
  [undefined, null],
])('traceparent %s', (header, kept) => {
  const made = traceparentOf(header);
  expect(made).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/);
  expect(made === header).toBe(kept !== null);
});

test('a request id is echoed where it can be, else made', () => {
  expect(requestIdOf('abc-1')).toBe('abc-1');
  for (const header of [undefined, '', 'a b', 'x'.repeat(129), ['a', 'b']]) expect(requestIdOf(header)).toMatch(/^req_[0-9a-f]{24}$/);
  expect(requestIdOf(undefined)).not.toBe(requestIdOf(undefined));
});

describe('whatever a client sends, a parser parses or refuses', () => {
  const text = fc.string({ unit: 'binary', maxLength: 300 });
  const parsers: [string, (input: string) => unknown][] = [
    ['Prefer', (input) => preferenceOf(input)],
    ['idempotency key', (input) => idempotencyKeyOf({ 'idempotency-key': input }, input)],
    ['cursor', (input) => decodeCursor(input, any)],
    ['list', (input) => pageAsked(new URLSearchParams(input), any)],
    ['limit', (input) => pageAsked(new URLSearchParams({ limit: input, cursor: input }), any)],
    ['wait', (input) => waitAsked(new URLSearchParams({ wait: input }))],
    ['traceparent', (input) => traceparentOf(input)],
    ['request id', (input) => requestIdOf(input)],
    ['body', (input) => parseJsonObject(Buffer.from(input))],
  ];
  test.each(parsers)('%s', (_name, parse) => {
    fc.assert(fc.property(text, (input) => void outcome(() => parse(input))));
  });
  test('body of bytes', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void outcome(() => parseJsonObject(Buffer.from(bytes)))));
  });
  test('body of JSON', () => {
    fc.assert(fc.property(fc.json({ stringUnit: 'binary' }), (body) => void outcome(() => parseJsonObject(Buffer.from(body)))));
  });
  test('cursors come back as they were', () => {
    const place = fc.record({ ms: fc.nat({ max: 2 ** 45 }), id: fc.uuid() });
    fc.assert(fc.property(place, (one) => expect(decodeCursor(encodeCursor(one), any)).toEqual(one)));
  });
});
