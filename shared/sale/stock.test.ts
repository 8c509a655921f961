import { Stock } from './stock.ts';
import type { Line } from './reservation-table.ts';
import { termsOf } from './testing/commands.ts';

const stockOf = (said: string) => new Stock(termsOf(said).items);

/** `5/2/1`: total, held, sold. */
const shown = (stock: Stock, item: number) => `${stock.total(item)}/${stock.held(item)}/${stock.sold(item)}`;

test('numbers its items in the order of the terms', () => {
  const stock = stockOf('A:5 B:0');
  expect([stock.size, stock.item('A' as never), stock.item('B' as never), stock.item('C' as never)]).toEqual([2, 0, 1, undefined]);
  expect([stock.sku(0), stock.sku(1)]).toEqual(['A', 'B']);
});

test('an item named twice crashes', () => {
  expect(() => stockOf('A:5 B:1 A:5')).toThrow('assertion failed');
});

describe('a counter below zero or an item oversold crashes, the last unit does not', () => {
  const table: readonly [total: number, held: number, sold: number, after: string][] = [
    [0, 0, 0, '4/2/1'],
    [0, 1, 0, '4/3/1'],
    [0, 0, 1, '4/2/2'],
    [-1, 0, 0, '3/2/1'],
    [0, -2, 0, '4/0/1'],
    [0, 0, -1, '4/2/0'],
    [0, 2, 0, 'crash'],
    [0, 0, 2, 'crash'],
    [-2, 0, 0, 'crash'],
    [0, -3, 0, 'crash'],
    [0, 0, -2, 'crash'],
  ];
  const outcome = (change: (stock: Stock) => void): string => {
    const stock = stockOf('A:4');
    stock.reset(0, { total: 4, held: 2, sold: 1 });
    try {
      change(stock);
      return shown(stock, 0);
    } catch (error) {
      return String(error).includes('assertion failed') ? 'crash' : String(error);
    }
  };
  test.each(table)('from 4/2/1 by %i/%i/%i to %s', (total, held, sold, after) => {
    expect(outcome((stock) => stock.move(0, total, held, sold))).toBe(after);
    expect(outcome((stock) => stock.reset(0, { total: 4 + total, held: 2 + held, sold: 1 + sold }))).toBe(after);
  });
});

describe('the counters an event carries are those that stand', () => {
  const right = { total: 4, held: 2, sold: 1 };
  test.each([
    [{}, true],
    [{ A: right }, true],
    [{ A: right, B: { total: 3, held: 0, sold: 0 } }, true],
    [{ A: { ...right, total: 5 } }, false],
    [{ A: { ...right, held: 1 } }, false],
    [{ A: { ...right, sold: 0 } }, false],
    [{ A: right, B: { total: 3, held: 0, sold: 1 } }, false],
    [{ X: right }, false],
    [{ X: {} }, false],
    [{ A: undefined }, false],
  ])('%j: %s', (counts, agrees) => {
    const stock = stockOf('A:4 B:3');
    stock.reset(0, right);
    expect(stock.agreesWith(counts as never)).toBe(agrees);
  });
});

test('tells the counters as they will stand, of one line or of several, and moves nothing', () => {
  const stock = stockOf('A:5 __proto__:5');
  stock.reset(0, { total: 5, held: 2, sold: 1 });
  const lines: readonly Line[] = [
    { item: 0, quantity: 2 },
    { item: 1, quantity: 3 },
  ];
  const a = { total: 5, held: 0, sold: 3 };
  const proto = { total: 5, held: 3, sold: 0 };
  expect(stock.countsAfter([], 1, 0)).toEqual({});
  expect(stock.countsAfter(lines.slice(0, 1), -1, 1)).toEqual({ A: a });
  expect(Object.entries(stock.countsAfter(lines.slice(1), 1, 0))).toEqual([['__proto__', proto]]);
  expect(Object.entries(stock.countsAfter(lines, 1, 0))).toEqual([
    ['A', { total: 5, held: 4, sold: 1 }],
    ['__proto__', proto],
  ]);
  expect([shown(stock, 0), shown(stock, 1)]).toEqual(['5/2/1', '5/0/0']);
});

test('prices are per unit', () => {
  const [a, b] = termsOf('A:5 B:5').items;
  const stock = new Stock([a!, { ...b!, unit_price: 7 }]);
  expect(stock.amount([])).toBe(0);
  expect(
    stock.amount([
      { item: 0, quantity: 2 },
      { item: 1, quantity: 3 },
    ]),
  ).toBe(221);
});
