import type { RequestedItem } from '#schemas/command.ts';
import type { Counts, NotGranted } from '#schemas/event.ts';
import type { Sku } from '#schemas/ids.ts';

/** Canonical JSON of what stands inside an event, the values' types saying that their strings need no escape. */

/** Throws where it is none that JSON can hold. */
export function integer(value: number): string {
  if (!Number.isSafeInteger(value)) throw new Error(`${value} is no integer that JSON can hold: an event may only count in safe integers`);
  return String(value);
}

export function countsJson(counts: Counts): string {
  const skus = Object.keys(counts) as Sku[];
  // One item is the rule, and sorting it would cost more than writing it.
  if (skus.length === 1) return `{${itemCountsJson(skus[0]!, counts)}}`;
  return `{${skus
    .sort()
    .map((sku) => itemCountsJson(sku, counts))
    .join(',')}}`;
}

function itemCountsJson(sku: Sku, counts: Counts): string {
  const { total, held, sold } = counts[sku]!;
  return `"${sku}":{"held":${integer(held)},"sold":${integer(sold)},"total":${integer(total)}}`;
}

/** Canonical JSON of what was asked for or granted. */
export function itemsJson(items: readonly RequestedItem[]): string {
  if (items.length === 1) return `[${itemJson(items[0]!)}]`;
  return `[${items.map(itemJson).join(',')}]`;
}

function itemJson({ sku, quantity }: RequestedItem): string {
  return `{"quantity":${integer(quantity)},"sku":"${sku}"}`;
}

/** Canonical JSON of what was asked for and not granted. */
export function notGrantedJson(items: readonly NotGranted[]): string {
  return `[${items.map(({ sku, quantity, reason }) => `{"quantity":${integer(quantity)},"reason":"${reason}","sku":"${sku}"}`).join(',')}]`;
}
