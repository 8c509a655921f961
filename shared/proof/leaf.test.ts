import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { type DecidedEvent, Event } from '#schemas/event.ts';
import { decodeLeaf, encodeLeaf, hashLeaf } from './leaf.ts';
import { readLeaf } from './read-leaf.ts';
import { seal, EMPTY_HEAD } from './seal.ts';
import { type ChainFault, verifyChain } from './chain.ts';

const hex = (length: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`));
const uuid = fc.uuid({ version: 8 });
const sku = fc.oneof(fc.constantFrom('A', 'B', '10', '9', 'toString', 'a.b:c-d_e'), fc.stringMatching(/^[A-Za-z0-9.:-]{1,64}$/));
const time = fc.integer({ min: 0, max: 253_402_300_799_999 });
/** Quotes, control characters and all of Unicode but lone surrogates. */
const text = (max: number) =>
  fc.oneof(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((value) => value.length <= max && !value.includes('\0')),
    fc
      .string({ unit: 'binary', minLength: 1, maxLength: 20 })
      .filter((value) => value.length <= max && !value.includes('\0') && value.isWellFormed()),
  );
const count = fc.integer({ min: 0, max: 1_000_000 });
const requestedItem = fc.record({ sku, quantity: fc.integer({ min: 1, max: 100 }) });
const requiredTerms = {
  name: text(200),
  starts_at: time.map((ms) => new Date(ms).toISOString()),
  ends_at: time.map((ms) => new Date(ms).toISOString()),
  items: fc.uniqueArray(
    fc.record(
      {
        sku,
        name: text(200),
        image_url: fc.constant('https://example.test/a?b=ü'),
        unit_price: count,
        currency: fc.constant('EUR'),
        quantity: count,
      },
      { requiredKeys: ['sku', 'name', 'unit_price', 'currency', 'quantity'] },
    ),
    { minLength: 1, maxLength: 5, selector: (one) => one.sku },
  ),
  per_user_limit: fc.option(fc.integer({ min: 1, max: 10 })),
  active_holds_per_user: fc.option(fc.integer({ min: 1, max: 10 })),
  hold_seconds: fc.integer({ min: 1, max: 3_600 }),
  payment_seconds: fc.integer({ min: 1, max: 86_400 }),
  waitlist_limit: count,
  late_payment: fc.constantFrom('refund', 'reacquire'),
  on_payment_failure: fc.constantFrom('keep_hold', 'release'),
};
const terms = fc.record(
  { ...requiredTerms, retention_years: fc.integer({ min: 1, max: 100 }) },
  { requiredKeys: Object.keys(requiredTerms) as (keyof typeof requiredTerms)[] },
);

/** By name of the field; fields with closed sets of values take them from the schema. */
const values: Record<string, fc.Arbitrary<unknown>> = {
  accepted_at: time,
  allow_partial: fc.boolean(),
  amount: fc.integer({ min: 0 }),
  at: time,
  charge_id: text(255),
  counts: fc.dictionary(sku, fc.record({ total: count, held: count, sold: count }), { maxKeys: 5, noNullPrototype: true }),
  currency: fc.constantFrom('EUR', 'USD'),
  delta: fc.integer({ min: -100_000_000, max: 100_000_000 }),
  expires_at: time,
  fingerprint: hex(32),
  items: fc.array(requestedItem, { maxLength: 4 }),
  key: uuid,
  late: fc.boolean(),
  not_granted: fc.array(
    fc.record({ sku, quantity: fc.integer({ min: 1, max: 100 }), reason: fc.constantFrom('sold_out', 'per_user_limit') }),
    {
      maxLength: 3,
    },
  ),
  offset: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  order_id: uuid,
  reacquired: fc.boolean(),
  record_sha256: hex(64),
  refund_id: text(255),
  request_id: text(200),
  reservation_id: uuid,
  reservation_status: fc.constantFrom('held', 'released'),
  respond_async: fc.boolean(),
  sale_id: fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/),
  seq: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  sku,
  terms,
  traceparent: fc.constant('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'),
  user: uuid,
};

/** Any event of one type, as the core would decide it. */
function eventOf(option: (typeof Event.options)[number]): fc.Arbitrary<DecidedEvent> {
  const required: string[] = [];
  const fields: Record<string, fc.Arbitrary<unknown>> = {};
  for (const [name, schema] of Object.entries(option.shape) as [
    string,
    { def: { type: string; values?: unknown[]; entries?: object }; isOptional(): boolean },
  ][]) {
    if (name === 'v' || name === 'prev') continue;
    if (!schema.isOptional()) required.push(name);
    if (schema.def.type === 'literal') fields[name] = fc.constant(schema.def.values![0]);
    else if (schema.def.type === 'enum') fields[name] = fc.constantFrom(...Object.values(schema.def.entries!));
    else fields[name] = values[name]!;
    expect(fields[name]).toBeDefined();
  }
  return fc.record(fields, { requiredKeys: required }) as unknown as fc.Arbitrary<DecidedEvent>;
}

/** The same event as it stands on the wire, by the schema alone. */
function onWire(event: DecidedEvent, prev: string): unknown {
  const wire: Record<string, unknown> = { ...event, v: 1, prev };
  for (const name of ['at', 'accepted_at', 'expires_at']) {
    if (wire[name] !== undefined) wire[name] = new Date(wire[name] as number).toISOString();
  }
  return wire;
}

const PREV = 'ab'.repeat(32);

describe('a leaf', () => {
  it.each(Event.options.map((option) => [option.shape.type.value, option] as const))(
    'of %s is the canonical JSON of the event and valid under its schema',
    (_type, option) => {
      fc.assert(
        fc.property(eventOf(option), (event) => {
          const leaf = encodeLeaf(event, PREV);
          expect(leaf).toBe(canonicalize(onWire(event, PREV)));
          expect(decodeLeaf(leaf)).toEqual(onWire(event, PREV));
          expect(leaf).not.toContain('\n');
          expect(readLeaf(leaf)).toEqual({ ...event, v: 1, prev: PREV });
        }),
        { numRuns: 60 },
      );
    },
  );

  const sample = {
    type: 'payment.succeeded',
    sale_id: 's',
    seq: 1,
    offset: 0,
    at: 0,
    request_id: 'r',
    order_id: '00000000-0000-8000-8000-000000000001',
    reservation_id: '00000000-0000-8000-8000-000000000002',
    user: '00000000-0000-8000-8000-000000000003',
    charge_id: 'c',
    late: false,
  } as unknown as DecidedEvent & { type: 'payment.succeeded' };

  it.each([
    ['quotes and a backslash', 'a"b\\c', '"a\\"b\\\\c"'],
    ['control characters', '\b\t\n\f\r\u001f\u007f', '"\\b\\t\\n\\f\\r\\u001f\u007f"'],
    ['line separators', '\u2028\u2029', '"\u2028\u2029"'],
    ['characters beyond the basic plane', '€𝄞😀', '"€𝄞😀"'],
    ['a slash, which is not escaped', '</script>', '"</script>"'],
  ])('escapes %s as RFC 8785 asks', (_what, charge, json) => {
    expect(encodeLeaf({ ...sample, charge_id: charge }, PREV)).toContain(`"charge_id":${json},`);
  });

  it.each([
    ['a lone surrogate', { charge_id: '\ud800' }],
    ['a fraction', { offset: 0.5 as typeof sample.offset }],
    ['an integer that is not safe', { seq: (2 ** 53) as typeof sample.seq }],
    ['a time after the year 9999, which the schema refuses first', { at: 8.64e15 + 1 }],
  ])('is refused for %s', (_what, change) => {
    expect(() => encodeLeaf({ ...sample, ...change } as DecidedEvent, PREV)).toThrow();
  });

  it.each([
    ['no JSON', '{'],
    ['another version', encodeLeaf(sample, PREV).replace('"v":1', '"v":2')],
    ['a type that is not known', encodeLeaf(sample, PREV).replace('payment.succeeded', 'payment.doubled')],
    ['no object', 'null'],
    ['a list', '[]'],
    ['a number', '1'],
    ['without a time', encodeLeaf(sample, PREV).replace('"at":', '"bt":')],
    ...['"x"', '5', '1e308', 'null', '[]', '"0000-01-01T00:00:00.000Z"', '"+275760-09-13T00:00:00.000Z"'].flatMap((time) => [
      [`decided at ${time}`, encodeLeaf(sample, PREV).replace(/"at":"[^"]*"/, `"at":${time}`)],
      [`accepted at ${time}`, encodeLeaf(sample, PREV).replace('{', `{"accepted_at":${time},`)],
      [`expiring at ${time}`, encodeLeaf(sample, PREV).replace('{', `{"expires_at":${time},`)],
    ]),
  ])('is not read back where it is %s', (_what, leaf) => {
    expect(readLeaf(leaf)).toBeNull();
  });

  it('is hashed behind a zero byte, as RFC 6962 hashes leaves', () => {
    expect(hashLeaf('')).toBe('6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d');
  });
});

describe('a chain', () => {
  const user = '00000000-0000-8000-8000-000000000003';
  const events = [1, 2, 3, 4].map(
    (seq) =>
      ({
        type: 'reservation.expired',
        sale_id: 's',
        seq,
        offset: 10 + seq,
        at: 1_000 + seq,
        request_id: 'r',
        reservation_id: user,
        user,
        counts: { A: { total: 5, held: 5 - seq, sold: 0 } },
      }) as unknown as DecidedEvent,
  );
  const leaves = seal(events, EMPTY_HEAD).sealed.map(({ leaf }) => leaf);

  it('that was sealed verifies, in one run or two', () => {
    const whole = verifyChain(leaves);
    expect(whole).toEqual({ kind: 'intact', end: { saleId: 's', seq: 4, head: hashLeaf(leaves[3]!) } });
    const half = verifyChain(leaves.slice(0, 2));
    expect(verifyChain(leaves.slice(2), half.end)).toEqual(whole);
    expect(seal(events.slice(2), half.end.head).sealed.map(({ leaf }) => leaf)).toEqual(leaves.slice(2));
  });

  const resealed = (changes: Record<number, object>) =>
    seal(
      events.map((event, index) => ({ ...event, ...changes[index] })),
      EMPTY_HEAD,
    ).sealed.map(({ leaf }) => leaf);

  it.each<[string, string[], number, ChainFault]>([
    ['a leaf is changed', leaves.with(1, leaves[1]!.replace('"held":3', '"held":2')), 2, 'prev_mismatch'],
    ['a leaf is left out', leaves.toSpliced(1, 1), 1, 'seq_gap'],
    ['the first is left out', leaves.slice(1), 0, 'seq_gap'],
    ['two are swapped', [leaves[0]!, leaves[2]!, leaves[1]!, leaves[3]!], 1, 'seq_gap'],
    ['a leaf is spaced out', leaves.with(2, leaves[2]!.replace(':', ': ')), 2, 'not_canonical'],
    ['a leaf is cut', leaves.with(2, leaves[2]!.slice(0, -1)), 2, 'unreadable'],
    ['a leaf is of another sale', resealed({ 2: { sale_id: 't' } }), 2, 'other_sale'],
    ['an offset goes back', resealed({ 2: { offset: 1 } }), 2, 'offset_order'],
    ['time goes back', resealed({ 3: { at: 1 } }), 3, 'time_order'],
  ])('breaks where %s', (_what, tampered, index, fault) => {
    expect(verifyChain(tampered)).toMatchObject({ kind: 'broken', index, fault });
  });
});
