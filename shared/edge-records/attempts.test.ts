import type { AttemptRow } from '#shared/ledger/edge-records.ts';
import { createNoteAttempt, type Attempt } from './attempts.ts';
import { refusalOfDatagram, type GatewayRefusal } from './gateway-refusals.ts';
import { createKeyedHashes } from './keyed-hash.ts';

const hashes = createKeyedHashes('a secret of the tests');
const attempt: Attempt = {
  atMs: 7,
  saleId: 'sale-1',
  userRef: null,
  reason: 'rate_limited',
  tier: 'anonymous',
  address: '192.0.2.1',
  device: 'Firefox',
  requestId: 'req_1',
};

function noted(given: Partial<Attempt>, room = true): AttemptRow[] {
  const rows: AttemptRow[] = [];
  createNoteAttempt({ admits: () => room, add: (row) => rows.push(row) }, hashes)({ ...attempt, ...given });
  return rows;
}

test.each<[string, Partial<Attempt>, Partial<AttemptRow>]>([
  ['a sale', {}, { saleId: 'sale-1' as never }],
  ['what is no sale', { saleId: 'a b\u0000' }, { saleId: null }],
  ['no sale', { saleId: null }, { saleId: null }],
  ['no address', { address: null }, { addressHash: null }],
  ['no device', { device: null }, { deviceHash: null }],
  ['an empty device', { device: '' }, { deviceHash: null }],
])('of %s is kept', (_name, given, kept) => {
  expect(noted(given)).toEqual([expect.objectContaining(kept)]);
});

test('neither address nor device is kept as it is', () => {
  const [row] = noted({});
  expect(JSON.stringify(row)).not.toMatch(/192|Firefox/);
  expect([row?.addressHash, row?.deviceHash]).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/), expect.stringMatching(/^[0-9a-f]{32}$/)]);
});

test('without room nothing is kept', () => expect(noted({}, false)).toEqual([]));

describe('keyed hashes', () => {
  const other = createKeyedHashes('another secret!!');
  test.each<[string, string | null, string | null, boolean]>([
    ['the same address', hashes.address('192.0.2.1'), createKeyedHashes('a secret of the tests').address('192.0.2.1'), true],
    ['the same address by IPv6', hashes.address('192.0.2.1'), hashes.address('::ffff:192.0.2.1'), true],
    ['another address', hashes.address('192.0.2.1'), hashes.address('192.0.2.2'), false],
    ['another secret', hashes.address('192.0.2.1'), other.address('192.0.2.1'), false],
    ['an address and a device', hashes.address('192.0.2.1'), hashes.device('192.0.2.1'), false],
    ['a device cut by nginx', hashes.device('x'.repeat(512)), hashes.device('x'.repeat(9_000)), true],
  ])('%s', (_name, one, two, same) => expect(one === two).toBe(same));
});

describe('what the gateway tells', () => {
  const told = {
    at: '1763726400.123',
    method: 'POST',
    path: '/v1/sales/s-1/reservations',
    address: '192.0.2.1',
    agent: 'Firefox',
    request_id: 'r-1',
    browser: '0',
    reason: 'gateway_rate_limited',
    stands_for: '1',
  };
  const datagram = (content: object) => Buffer.from(`<190>Nov 21 12:00:00 firstcome: ${JSON.stringify(content)}`, 'latin1');

  test.each<[string, object, Partial<GatewayRefusal>]>([
    ['a reservation', {}, { saleId: 's-1', reason: 'gateway_rate_limited', atMs: 1_763_726_400_123, requestId: 'r-1', device: 'Firefox' }],
    ['the sale itself', { path: '/v1/sales/s-1' }, { saleId: 's-1' }],
    ['the list of sales', { path: '/v1/sales' }, { saleId: null }],
    ['an order', { path: '/v1/orders' }, { saleId: null }],
    ['a browser', { browser: '1' }, { reason: 'sent_to_wait' }],
    ['a full house', { reason: 'house_full', stands_for: '100' }, { reason: 'house_full', standsFor: 100 }],
    [
      'a browser before a full house',
      { reason: 'house_full', stands_for: '100', browser: '1' },
      { reason: 'sent_to_wait', standsFor: 100 },
    ],
    ['no device', { agent: '' }, { device: null }],
    ['a device in other letters', { agent: 'Fírefox' }, { device: 'Fírefox' }],
  ])('%s', (_name, change, expected) => {
    expect(refusalOfDatagram(datagram({ ...told, ...change }))).toMatchObject({ tier: 'anonymous', userRef: null, ...expected });
  });

  test.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['no JSON', Buffer.from('<190>firstcome: {"at":')],
    ['other JSON', datagram({ a: 1 })],
    ['no address', datagram({ ...told, address: '' })],
    ['a request id in other letters', datagram({ ...told, request_id: 'a b' })],
    ['a time that is none', datagram({ ...told, at: 'now' })],
    ['bytes', Buffer.from([0xff, 0x7b, 0x00])],
  ])('%s is passed over', (_name, bytes) => expect(refusalOfDatagram(bytes)).toBeNull());
});
