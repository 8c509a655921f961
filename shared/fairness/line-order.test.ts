import { createLineOrder } from './line-order.ts';

it.each([NaN, Infinity, -Infinity, -1, 0.5, 1e308, 253_402_300_800_000, '2026' as unknown as number])(
  'takes no request that was accepted at %p, and measures the others',
  (time) => {
    const line = createLineOrder();
    line.take(0);
    line.take(253_402_300_799_999);
    expect(() => line.take(time)).toThrow('accepted at a time');
    expect(line.measure().figures).toMatchObject({ requests: 2, invertedPairs: 0, rankCorrelation: 1 });
  },
);
