import fc from 'fast-check';
import type { SaleId, Seq } from '#schemas/ids.ts';
import { createSeenEvents, parseEventRecord, toEventRecords } from './event-records.ts';

const sale = 'sale_1' as SaleId;
const user = '01234567-89ab-8def-8123-456789abcdef';

function expired(seq: number, saleId = 'sale_1'): string {
  return JSON.stringify({
    v: 1,
    type: 'reservation.expired',
    sale_id: saleId,
    seq,
    offset: 1,
    at: '2026-11-21T00:00:00.000Z',
    request_id: 'r',
    prev: '0'.repeat(64),
    reservation_id: user,
    user,
    counts: {},
  });
}
const released = (seq: number) => expired(seq).replace('reservation.expired', 'reservation.released');
const leaf = (seq: number) => ({ seq: seq as Seq, leaf: expired(seq) });

describe('records of events', () => {
  it('says what it covers', () => {
    const [record, ...more] = toEventRecords(sale, [leaf(4), leaf(5)]);
    expect(more).toEqual([]);
    expect(record!.headers).toEqual({ first_seq: '4', last_seq: '5', v: '1' });
    expect(record!.value.toString()).toBe(`${expired(4)}\n${expired(5)}`);
  });

  it('keeps to the bound, in order, and gives a larger leaf a record of its own', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 30 }), (sizes) => {
        const events = sizes.map((size, index) => ({ seq: (index + 1) as Seq, leaf: 'x'.repeat(size) }));
        const records = toEventRecords(sale, events, 30);
        expect(records.flatMap(({ value }) => value.toString().split('\n'))).toEqual(events.map((event) => event.leaf));
        for (const { value, range } of records) expect(value.length <= 30 || range.firstSeq === range.lastSeq).toBe(true);
      }),
    );
  });

  it.each<[string, string | null, string | null, number[], number]>([
    ['all well', sale, [expired(1), expired(2)].join('\n'), [1, 2], 0],
    ['a leaf that is no JSON', sale, ['{', expired(2)].join('\n'), [2], 1],
    ['a leaf of an unknown type', sale, [expired(1), '{"seq":2,"type":"sale.vanished"}'].join('\n'), [1], 1],
    ['a leaf of another sale', sale, [expired(1), expired(2, 'other')].join('\n'), [1], 1],
    ['nothing', sale, '', [], 1],
    ['a tombstone', sale, null, [], 1],
    ['no key', null, expired(1), [], 1],
    ['a key that is no sale', 'a b', expired(1), [], 1],
  ])('are read with %s', (_, key, value, seqs, poison) => {
    const parsed = parseEventRecord({ key: key === null ? null : Buffer.from(key), value: value === null ? null : Buffer.from(value) });
    expect(parsed.events.map(({ seq }) => seq)).toEqual(seqs);
    expect(parsed.poison).toHaveLength(poison);
  });

  it.each<[string, string[], number[], [number, number] | null, number]>([
    ['the types that were asked for, and the range of all', [released(1), expired(2), released(3)], [2], [1, 3], 0],
    ['a record that mentions one', [released(1), '{', '{"user":"reservation.expired"}'], [], [1, 1], 2],
    ['a record without any: it is not looked into', [released(1), '{'], [], null, 0],
  ])('gives, of %s', (_, leaves, seqs, range, poison) => {
    const parsed = parseEventRecord({ key: Buffer.from(sale), value: Buffer.from(leaves.join('\n')) }, new Set(['reservation.expired']));
    expect(parsed.events.map(({ seq }) => seq)).toEqual(seqs);
    expect(parsed.range).toEqual(range === null ? null : { saleId: sale, firstSeq: range[0], lastSeq: range[1] });
    expect(parsed.poison).toHaveLength(poison);
  });

  it.each<[string, string, string | null, number]>([
    ['a type that is not known yet', '{"v":1,"seq":2,"type":"refund.reversed"}', 'line 2: refund.reversed: ', 0],
    ['another version of one that is wanted', '{"v":2,"seq":2,"type":"checkout.requested"}', 'line 2: checkout.requested: v', 0],
    ['one without a seq', '{"v":1,"type":"checkout.requested"}', 'line 2: checkout.requested: no seq', 0],
    ['one that is known and not wanted', '{"v":2,"seq":2,"type":"refund.completed"}', null, 0],
    ['another that is not known', '{"v":2,"seq":2,"type":"sale.vanished"}', null, 0],
    ['no JSON', '{', null, 1],
    ['one that is cut off behind its type', '{"at":"","seq":2,"type":"reservation.created"', null, 1],
    [
      'one that holds another inside',
      '{"after":{"a":0,"seq":2,"type":"reservation.created","v":1},"seq":2,"type":"refund.reversed","v":2}',
      'line 2: refund.reversed: ',
      0,
    ],
  ])('with %s: only what may not be skipped blocks', (_, leaf, blocked, poison) => {
    const parsed = parseEventRecord(
      { key: Buffer.from(sale), value: Buffer.from([expired(1), leaf, expired(3)].join('\n')) },
      new Set(['reservation.expired', 'checkout.requested', 'refund.requested']),
      ['checkout.', 'refund.'],
    );
    if (blocked === null) expect(parsed.blocked).toBeNull();
    else expect(parsed.blocked).toContain(blocked);
    expect(parsed.poison).toHaveLength(poison);
    expect(parsed.events.map(({ seq }) => seq)).toEqual([1, 3]);
  });

  it('never throws, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.option(fc.uint8Array()), fc.option(fc.uint8Array({ maxLength: 200 })), (key, value) => {
        const parsed = parseEventRecord({ key: key === null ? null : Buffer.from(key), value: value === null ? null : Buffer.from(value) });
        expect(parsed.events).toEqual([]);
      }),
    );
  });
});

it('drops what was seen, by sale, and forgets the sale that was quiet longest', () => {
  const events = (...seqs: number[]) =>
    parseEventRecord({ key: Buffer.from(sale), value: Buffer.from(seqs.map((seq) => expired(seq)).join('\n')) }).events;
  const seen = createSeenEvents(2);
  const fresh = (saleId: string, ...seqs: number[]) => seen.fresh(saleId as SaleId, events(...seqs)).map(({ seq }) => seq);
  expect(fresh('a', 1, 2)).toEqual([1, 2]);
  expect(fresh('a', 1, 2, 3)).toEqual([3]);
  expect(fresh('b', 1)).toEqual([1]);
  expect(fresh('a', 4)).toEqual([4]);
  expect(fresh('c', 1)).toEqual([1]);
  expect([seen.lastSeq('a' as SaleId), seen.lastSeq('b' as SaleId)]).toEqual([4, 0]);
});
