import type { Counts } from '#schemas/event.ts';
import type { Sku } from '#schemas/ids.ts';
import type { TermsItem } from '#schemas/terms.ts';
import { assert } from '#shared/faults/assert.ts';
import type { UnitsAt } from './timeline.ts';

export interface ItemFigures {
  readonly sku: Sku;
  readonly total: number;
  readonly held: number;
  readonly sold: number;
  readonly available: number;
}

/** Each item's counters as the newest event that moved them says; items are numbered in the order of the terms. */
export interface StockCounts {
  readonly start: (items: readonly TermsItem[]) => void;
  readonly take: (counts: Counts) => void;
  readonly item: (sku: Sku) => number;
  readonly free: (item: number) => number;
  readonly sums: (at: number) => UnitsAt;
  readonly figures: () => readonly ItemFigures[];
}

export function createStockCounts(): StockCounts {
  const numbers = new Map<Sku, number>();
  const items: { sku: Sku; total: number; held: number; sold: number }[] = [];
  const sum = { total: 0, held: 0, sold: 0 };

  function item(sku: Sku): number {
    const number = numbers.get(sku);
    assert(number !== undefined, `the sale has no item ${sku}`);
    return number;
  }

  return {
    start(listed) {
      for (const { sku, quantity } of listed) {
        numbers.set(sku, items.length);
        items.push({ sku, total: quantity, held: 0, sold: 0 });
        sum.total += quantity;
      }
    },
    take(counts) {
      for (const sku in counts) {
        const after = counts[sku as Sku]!;
        const before = items[item(sku as Sku)]!;
        for (const name of ['total', 'held', 'sold'] as const) {
          sum[name] += after[name] - before[name];
          before[name] = after[name];
        }
      }
    },
    item,
    free(number) {
      const { total, held, sold } = items[number]!;
      return total - held - sold;
    },
    sums: (at) => ({ at, held: sum.held, sold: sum.sold, available: sum.total - sum.held - sum.sold }),
    figures: () => items.map(({ sku, total, held, sold }) => ({ sku, total, held, sold, available: total - held - sold })),
  };
}
