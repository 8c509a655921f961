import type { Counts } from '#schemas/event.ts';
import type { Sku } from '#schemas/ids.ts';
import type { TermsItem } from '#schemas/terms.ts';
import { assert } from '#shared/faults/assert.ts';
import type { Line } from './reservation-table.ts';

export interface ItemCounts {
  readonly total: number;
  readonly held: number;
  readonly sold: number;
}

/** The items of a sale by their number (their place in the terms) and their counters. Counters are exact up to 2^53. */
export class Stock {
  readonly #skus: readonly Sku[];
  readonly #unitPrices: Float64Array;
  readonly #items = new Map<Sku, number>();
  readonly #total: Float64Array;
  readonly #held: Float64Array;
  readonly #sold: Float64Array;

  constructor(items: readonly TermsItem[]) {
    this.#skus = items.map(({ sku }) => sku);
    this.#skus.forEach((sku, item) => this.#items.set(sku, item));
    assert(this.#items.size === items.length, 'the terms name an item twice');
    this.#unitPrices = Float64Array.from(items, ({ unit_price }) => unit_price);
    this.#total = Float64Array.from(items, ({ quantity }) => quantity);
    this.#held = new Float64Array(items.length);
    this.#sold = new Float64Array(items.length);
  }

  get size(): number {
    return this.#skus.length;
  }

  /** The item's number; undefined where the sale has no such item. */
  item(sku: Sku): number | undefined {
    return this.#items.get(sku);
  }

  sku(item: number): Sku {
    return this.#skus[item]!;
  }

  total(item: number): number {
    return this.#total[item]!;
  }

  held(item: number): number {
    return this.#held[item]!;
  }

  sold(item: number): number {
    return this.#sold[item]!;
  }

  free(item: number): number {
    return this.#total[item]! - this.#held[item]! - this.#sold[item]!;
  }

  /** Minor units. */
  amount(lines: readonly Line[]): number {
    return lines.reduce((sum, { item, quantity }) => sum + this.#unitPrices[item]! * quantity, 0);
  }

  /** Sets the counters to what the ledger holds. */
  reset(item: number, { total, held, sold }: ItemCounts): void {
    this.#total[item] = total;
    this.#held[item] = held;
    this.#sold[item] = sold;
    this.#assertNeverOversold(item);
  }

  move(item: number, totalDelta: number, heldDelta: number, soldDelta: number): void {
    this.#total[item] = this.#total[item]! + totalDelta;
    this.#held[item] = this.#held[item]! + heldDelta;
    this.#sold[item] = this.#sold[item]! + soldDelta;
    this.#assertNeverOversold(item);
  }

  /** The counters of these lines' items as they will stand once each line's quantity is moved so many times. */
  countsAfter(lines: readonly Line[], heldPerUnit: -1 | 0 | 1, soldPerUnit: 0 | 1): Counts {
    const [first] = lines;
    if (first !== undefined && lines.length === 1) {
      return { [this.#skus[first.item]!]: this.#countsAfterLine(first, heldPerUnit, soldPerUnit) };
    }
    // Not by assignment: "__proto__" is a possible sku.
    return Object.fromEntries(lines.map((line) => [this.#skus[line.item]!, this.#countsAfterLine(line, heldPerUnit, soldPerUnit)]));
  }

  /** Whether the counters of an event are those that stand now. */
  agreesWith(counts: Counts): boolean {
    for (const name in counts) {
      const sku = name as Sku;
      const item = this.#items.get(sku);
      const said = counts[sku];
      if (item === undefined || said === undefined) return false;
      if (said.total !== this.#total[item] || said.held !== this.#held[item] || said.sold !== this.#sold[item]) return false;
    }
    return true;
  }

  #countsAfterLine({ item, quantity }: Line, heldPerUnit: number, soldPerUnit: number): ItemCounts {
    return {
      total: this.#total[item]!,
      held: this.#held[item]! + heldPerUnit * quantity,
      sold: this.#sold[item]! + soldPerUnit * quantity,
    };
  }

  /** I1. */
  #assertNeverOversold(item: number): void {
    assert(this.#held[item]! >= 0, `item ${this.#skus[item]!} would have fewer than no units held`);
    assert(this.#sold[item]! >= 0, `item ${this.#skus[item]!} would have fewer than no units sold`);
    assert(this.free(item) >= 0, `item ${this.#skus[item]!} would be oversold`);
  }
}
