import type { Sku } from '#schemas/ids.ts';
import { grant } from './grant.ts';

/** `A:2` is two of A; A is item 0, B is 1. Of an item that nobody names nothing is left. */
const linesOf = (said: string) => said.split(' ').map((line) => ({ item: line.charCodeAt(0) - 65, quantity: Number(line.slice(2)) }));

const skuOf = (item: number) => String.fromCharCode(65 + item) as Sku;

describe('what is granted of what is asked for', () => {
  type Case = readonly [asked: string, free: string, left: number, granted: string, missing: string];
  const table: readonly Case[] = [
    ['A:2', 'A:2', Infinity, 'A:2', ''],
    ['A:2', 'A:3', 2, 'A:2', ''],
    ['A:2', 'A:1', Infinity, 'A:1', 'A:1 insufficient_stock'],
    ['A:2', 'A:0', Infinity, '', 'A:2 sold_out'],
    ['A:2', 'A:0', 0, '', 'A:2 sold_out'],
    ['A:2', 'A:2', 1, 'A:1', 'A:1 per_user_limit'],
    ['A:2', 'A:2', 0, '', 'A:2 per_user_limit'],
    // Both are the reason: it is the limit that would not be lifted by waiting.
    ['A:2', 'A:1', 1, 'A:1', 'A:1 per_user_limit'],
    ['A:2 B:2', 'A:2 B:2', 3, 'A:2 B:1', 'B:1 per_user_limit'],
    ['B:2 A:2', 'A:2 B:2', 3, 'B:2 A:1', 'A:1 per_user_limit'],
    ['A:2 B:2', 'A:1 B:2', 3, 'A:1 B:2', 'A:1 insufficient_stock'],
    ['A:1 B:1', 'A:0 B:1', Infinity, 'B:1', 'A:1 sold_out'],
  ];
  test.each(table)('of %s, with %s free and %d left to the user: %s, not %s', (asked, free, left, granted, missing) => {
    const lines = linesOf(asked);
    const available = (item: number) => linesOf(free).find((line) => line.item === item)?.quantity ?? 0;
    const shown = (allowPartial: boolean) => {
      const given = grant(lines, allowPartial, available, left, skuOf);
      return {
        lines: given.lines.map(({ item, quantity }) => `${skuOf(item)}:${quantity}`).join(' '),
        items: given.items.map(({ sku, quantity }) => `${sku}:${quantity}`).join(' '),
        missing: given.notGranted.map(({ sku, quantity, reason }) => `${sku}:${quantity} ${reason}`).join(' '),
      };
    };
    expect(shown(true)).toEqual({ lines: granted, items: granted, missing });
    // All or nothing.
    const all = missing === '' ? granted : '';
    expect(shown(false)).toEqual({ lines: all, items: all, missing });
  });
});
