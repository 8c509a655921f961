import fc from 'fast-check';
import { Command } from '#schemas/command.ts';
import { encodeCommand } from './encode.ts';
import { parseCommand } from './parse-command.ts';
import { readUsualReservation } from './usual-reservation.ts';

const uuid = '01234567-89ab-8def-8123-456789abcdef';
const reservation = {
  v: 1,
  type: 'reservation.create',
  sale_id: 'sale_1',
  request_id: 'req_1',
  traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
  fingerprint: 'c'.repeat(32),
  accepted_at: 1_700_000_000_000,
  reply_to: 'api-1/x',
  reservation_id: uuid,
  user: uuid,
  items: [{ sku: 'a', quantity: 1 }],
  allow_partial: false,
  respond_async: true,
};
/** The last millisecond of the year 9999. */
const endOfTimeMs = 253_402_300_799_999;
const tick = { v: 1, type: 'tick', sale_id: 'sale_1', request_id: 't' };

describe('parseCommand', () => {
  it.each([
    ['a reservation', reservation],
    ['a tick', tick],
    ['a payment', { ...tick, type: 'payment.succeeded', order_id: uuid, reservation_id: uuid, charge_id: 'ch_1' }],
  ])('reads %s as it was written', (_, command) => {
    expect(parseCommand(encodeCommand(Command.parse(command)))).toEqual({ ok: true, command });
  });

  it.each<[string, Buffer | null, string | undefined]>([
    ['a tombstone', null, undefined],
    ['nothing', Buffer.alloc(0), undefined],
    ['no JSON', Buffer.from('{"request_id":"r"'), undefined],
    ['no UTF-8', Buffer.concat([Buffer.from('{"request_id":"'), Buffer.from([0xff]), Buffer.from('"}')]), undefined],
    ['another version', Buffer.from(JSON.stringify({ ...tick, v: 2 })), 't'],
    ['an unknown type', Buffer.from(JSON.stringify({ ...tick, type: 'tock' })), 't'],
    ['an unknown field', Buffer.from(JSON.stringify({ ...reservation, price: 1 })), 'req_1'],
    [
      'NUL in a text',
      Buffer.from(JSON.stringify({ ...tick, type: 'refund.completed', order_id: uuid, reservation_id: uuid, refund_id: 'a\u0000' })),
      't',
    ],
    ['a time that cannot be written', Buffer.from(JSON.stringify({ ...reservation, accepted_at: endOfTimeMs + 1 })), 'req_1'],
    ['a sku that is no key', Buffer.from(JSON.stringify({ ...reservation, items: [{ sku: '__proto__', quantity: 1 }] })), 'req_1'],
    ['half a character in a text', Buffer.from(JSON.stringify({ ...tick, request_id: '\ud800' })), undefined],
    ['NUL in a reservation', Buffer.from(JSON.stringify({ ...reservation, request_id: 'a\u0000' })), undefined],
    ['a request id that is too long', Buffer.from(JSON.stringify({ ...tick, request_id: 'r'.repeat(201) })), undefined],
    ['more than any command has', Buffer.alloc(8 * 1024 * 1024 + 1, ' '), undefined],
    ['more than this command has', Buffer.from(JSON.stringify(tick) + ' '.repeat(1024 * 1024)), 't'],
    ['deep nesting', Buffer.from(`${'['.repeat(200_000)}${']'.repeat(200_000)}`), undefined],
    ['deep nesting with an escape', Buffer.from(`${'['.repeat(200_000)}"\\u0061"${']'.repeat(200_000)}`), undefined],
  ])('finds %s malformed', (_, value, requestId) => {
    const parsed = parseCommand(value);
    expect(parsed).toEqual({
      ok: false,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      ...(requestId === undefined ? {} : { requestId }),
    });
  });

  it('never throws, and says the same of the same bytes', () => {
    const nearly = fc.tuple(fc.constantFrom(reservation, tick), fc.nat(), fc.uint8Array({ maxLength: 3 })).map(([command, at, bytes]) => {
      const value = Buffer.from(JSON.stringify(command));
      value.set(bytes, at % (value.length - bytes.length));
      return value;
    });
    const any = fc.oneof(
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      fc.json().map((text) => Buffer.from(text)),
      nearly,
    );
    fc.assert(
      fc.property(any, (value) => {
        expect(parseCommand(value)).toEqual(parseCommand(Buffer.from(value)));
      }),
      { numRuns: 500 },
    );
  });
});

it('takes a reservation without the schema only where the schema takes it too, and unchanged', () => {
  const strange = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom(
      undefined,
      null,
      -0,
      0,
      1,
      100,
      101,
      1.5,
      2 ** 53,
      '',
      'a',
      uuid,
      uuid.toUpperCase(),
      'x'.repeat(200),
      'x'.repeat(201),
      [],
      {},
    ),
  );
  const times = fc.constantFrom(-1, 0, endOfTimeMs, endOfTimeMs + 1, 8.64e15, 8.64e15 + 1, Number.MAX_SAFE_INTEGER, 2 ** 53, 0.5);
  const uuids = fc.constantFrom(uuid, uuid.toUpperCase(), `${uuid}0`, uuid.slice(1), ` ${uuid}`, `${uuid}\n`);
  const text = (lengthMax: number) => fc.constantFrom('', 'r', 'é', '😀', 'x'.repeat(lengthMax), 'x'.repeat(lengthMax + 1), 'r\n');
  /** Of every field that is a number or a text: just inside and just outside of what the schema takes. */
  const boundaries = fc
    .constantFrom<[string, fc.Arbitrary<unknown>]>(
      ['v', fc.constantFrom(0, 1, 2, '1')],
      ['type', fc.constantFrom('reservation.create', 'reservation.create ', 'tick', '')],
      ['sale_id', fc.constantFrom('', 's', 'a.b', 's'.repeat(64), 's'.repeat(65), 'sale_1\n', '__proto__')],
      ['request_id', text(200)],
      ['reply_to', text(100)],
      ['traceparent', fc.constantFrom('', `00-${'a'.repeat(32)}-${'b'.repeat(16)}-0`, `00-${'A'.repeat(32)}-${'b'.repeat(16)}-01`)],
      ['fingerprint', fc.constantFrom('c'.repeat(31), 'c'.repeat(32), 'c'.repeat(33), 'C'.repeat(32), `${'c'.repeat(32)}\n`)],
      ['accepted_at', times],
      ['reservation_id', uuids],
      ['user', uuids],
      ['allow_partial', fc.constantFrom(true, 0, 'true')],
      ['respond_async', fc.constantFrom(false, 1, null)],
    )
    .chain(([field, values]) => values.map((value) => ({ [field]: value })));
  const skus = fc.constantFrom('a', 'b:1', '', 's'.repeat(64), 's'.repeat(65), 'a b', 'a\n', '__proto__', 'constructor');
  const items = fc.oneof(
    fc.array(fc.record({ sku: skus, quantity: fc.integer({ min: 0, max: 101 }) }), { maxLength: 21 }),
    fc.array(fc.record({ sku: skus, quantity: fc.constantFrom(1, 100, 101) }), { minLength: 1, maxLength: 1 }),
    fc.array(fc.dictionary(fc.constantFrom('sku', 'quantity', 'x'), strange), { maxLength: 2 }),
  );
  const changes = fc.oneof(
    boundaries,
    fc.dictionary(fc.constantFrom(...Object.keys(reservation), 'more', '__proto__'), strange, { maxKeys: 2 }),
  );
  const candidate = fc.tuple(changes, fc.option(items, { nil: undefined })).map(([change, some]) => {
    const content = JSON.stringify({ ...reservation, ...change, ...(some === undefined ? {} : { items: some }) });
    return content;
  });
  let usual = 0;
  fc.assert(
    fc.property(candidate, (text) => {
      const read = readUsualReservation(text);
      if (read === null) return;
      usual += 1;
      expect(Command.safeParse(JSON.parse(text))).toEqual({ success: true, data: read });
    }),
    { numRuns: 4_000 },
  );
  expect(usual).toBeGreaterThan(50);
});

it.each<[string, object]>([
  ['the least', { traceparent: undefined, reply_to: undefined }],
  ['all there is', {}],
  ['text that is not ASCII', { request_id: 'zürich 😀' }],
  [
    'two items',
    {
      items: [
        { sku: 'a', quantity: 100 },
        { sku: 'b.c:d-e_f', quantity: 10 },
      ],
    },
  ],
])('takes a reservation with %s without the schema, as our API writes it', (_, changes) => {
  const command = { ...reservation, ...changes } as unknown as Command;
  const text = encodeCommand(command).toString();
  expect(readUsualReservation(text)).toEqual(JSON.parse(text));
  expect(parseCommand(Buffer.from(text))).toEqual({ ok: true, command: JSON.parse(text) as unknown });
});

it('keeps the items of one reservation apart from those of the next', () => {
  const [one, two, again] = [1, 2, 1].map((quantity) =>
    readUsualReservation(JSON.stringify({ ...reservation, items: [{ sku: 'a', quantity }] })),
  );
  expect([one?.items, two?.items, again?.items].map((items) => items?.[0]?.quantity)).toEqual([1, 2, 1]);
  expect(() => one?.items.push({ sku: 'b' as never, quantity: 1 })).toThrow();
});
