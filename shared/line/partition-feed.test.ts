import fc from 'fast-check';
import type { EpochMs, Offset } from '#schemas/ids.ts';
import type { LineRecord } from './line.ts';
import { createFeed } from './partition-feed.ts';

const limits = { heldRecordsMax: 4, heldBytesMax: 1_000 };
const record = (offset: number, bytes = 1): LineRecord => ({
  offset: offset as Offset,
  timestamp: 0 as EpochMs,
  value: Buffer.alloc(bytes),
});
const records = (from: number, to: number): LineRecord[] => Array.from({ length: to - from + 1 }, (_, index) => record(from + index));

function feedFrom(from: number) {
  const feed = createFeed(from as Offset, limits);
  const got: number[] = [];
  return { feed, got, sink: (batch: LineRecord[]): void => void got.push(...batch.map(({ offset }) => offset)) };
}

describe('accept', () => {
  const cases: [string, LineRecord[], object, number[]][] = [
    ['what follows on', records(10, 12), { kind: 'accepted' }, [10, 11, 12]],
    ['what overlaps, without the repeats', records(8, 11), { kind: 'accepted' }, [10, 11]],
    ['nothing', [], { kind: 'accepted' }, []],
    ['nothing new', records(5, 9), { kind: 'behind', last: 9 }, []],
    ['a hole before', records(11, 12), { kind: 'hole', first: 11 }, []],
    ['a hole within', [record(10), record(12)], { kind: 'hole', first: 12 }, [10]],
  ];
  it.each(cases)('%s', (_, batch, outcome, delivered) => {
    const { feed, got, sink } = feedFrom(10);
    feed.attach(sink);
    expect(feed.accept(batch)).toEqual(outcome);
    expect(got).toEqual(delivered);
  });
});

describe('the record accepted last, when it is read again', () => {
  const altered = { ...record(11), value: Buffer.from('another') };
  const later = { ...record(11), timestamp: 1 as EpochMs };
  const cases: [string, LineRecord[], object, number[]][] = [
    ['is the same', records(11, 13), { kind: 'accepted' }, [12, 13]],
    ['is the same, and nothing follows yet', records(11, 11), { kind: 'accepted' }, []],
    ['is the same, behind others', records(9, 12), { kind: 'accepted' }, [12]],
    ['has other bytes', [altered, ...records(12, 13)], { kind: 'another', at: 11 }, []],
    ['has other bytes, and nothing follows yet', [altered], { kind: 'another', at: 11 }, []],
    ['has the same bytes at another time', [later, record(12)], { kind: 'another', at: 11 }, []],
  ];
  it.each(cases)('%s', (_, batch, outcome, delivered) => {
    const { feed, got, sink } = feedFrom(10);
    expect(feed.readFrom()).toBe(10);
    feed.accept(records(10, 11));
    expect(feed.readFrom()).toBe(11);
    feed.attach(sink);
    got.length = 0;
    expect(feed.accept(batch)).toEqual(outcome);
    expect(got).toEqual(delivered);
  });
});

describe('backpressure', () => {
  it('holds records while paused, wants no more above the bound, and delivers all on resume', () => {
    const { feed, got, sink } = feedFrom(0);
    feed.attach(sink);
    feed.pause();
    feed.accept(records(0, 3));
    expect([got, feed.wantsMore()]).toEqual([[], true]);
    feed.accept(records(4, 4));
    expect(feed.wantsMore()).toBe(false);
    feed.resume();
    expect([got, feed.wantsMore()]).toEqual([[0, 1, 2, 3, 4], true]);
  });

  it('counts bytes too', () => {
    const { feed } = feedFrom(0);
    feed.accept([record(0, 1_001)]);
    expect(feed.wantsMore()).toBe(false);
  });

  it('holds what was read behind a record that was taken, for the one who opens there', () => {
    const { feed, got, sink } = feedFrom(7);
    feed.accept(records(7, 9));
    expect(feed.takeOne()?.offset).toBe(7);
    expect(feed.undelivered()).toBe(8);
    feed.attach(sink);
    expect(got).toEqual([8, 9]);
  });
});

it('delivers every record once and in order, however batches overlap and whenever it is paused', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('batch' as const), back: fc.nat(5), length: fc.nat(8) }),
    fc.constant({ kind: 'pause' as const }),
    fc.constant({ kind: 'resume' as const }),
  );
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const { feed, got, sink } = feedFrom(100);
      feed.attach(sink);
      for (const one of steps) {
        if (one.kind === 'pause') feed.pause();
        else if (one.kind === 'resume') feed.resume();
        else {
          const from = Math.max(0, feed.next() - one.back);
          feed.accept(records(from, from + one.length - 1));
        }
      }
      feed.resume();
      expect(got).toEqual(Array.from({ length: feed.next() - 100 }, (_, index) => 100 + index));
    }),
  );
});
