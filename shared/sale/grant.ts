import type { RequestedItem } from '#schemas/command.ts';
import type { NotGranted } from '#schemas/event.ts';
import type { Sku } from '#schemas/ids.ts';
import type { Line } from './reservation-table.ts';

/** What a request gets; `lines` is empty where it gets nothing, and never part of all or nothing. */
export interface Grant {
  readonly lines: readonly Line[];
  readonly items: RequestedItem[];
  readonly notGranted: NotGranted[];
}

/**
 * What is granted of what is asked for, line by line in the order of the request.
 * `available` says how many units of an item this user may take, `unitsLeft` what
 * his limit leaves him (Infinity without one).
 */
export function grant(
  asked: readonly Line[],
  allowPartial: boolean,
  available: (item: number) => number,
  unitsLeft: number,
  skuOf: (item: number) => Sku,
): Grant {
  const lines: Line[] = [];
  const items: RequestedItem[] = [];
  const notGranted: NotGranted[] = [];
  let left = unitsLeft;
  for (const line of asked) {
    const free = available(line.item);
    const granted = Math.min(line.quantity, free, left);
    if (granted > 0) {
      lines.push({ item: line.item, quantity: granted });
      items.push({ sku: skuOf(line.item), quantity: granted });
    }
    if (granted < line.quantity) {
      const reason = free === 0 ? 'sold_out' : granted === left ? 'per_user_limit' : 'insufficient_stock';
      notGranted.push({ sku: skuOf(line.item), quantity: line.quantity - granted, reason });
    }
    left -= granted;
  }
  return !allowPartial && notGranted.length > 0 ? { lines: [], items: [], notGranted } : { lines, items, notGranted };
}
