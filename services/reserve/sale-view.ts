import type { SaleStatus } from '#schemas/event.ts';
import type { EpochMs, SaleId } from '#schemas/ids.ts';
import { RETENTION_YEARS_DEFAULT, type SaleTerms } from '#schemas/terms.ts';
import { utcTime } from '#shared/proof/utc.ts';
import { listedItemsMax, type ItemCounts, type ListedSale } from '#shared/ledger/read/sales.ts';

/** How a sale looks to anyone. */

export interface SaleFacts {
  readonly sale_id: SaleId;
  readonly status: SaleStatus;
  readonly seq: number;
  readonly terms: SaleTerms;
  readonly created_at_ms: number;
}

/** `quantity` of an item is its stock as it stands in `totals`, or as it was listed where there is none. */
export function saleView(sale: SaleFacts, totals: readonly ItemCounts[] | null): object {
  const { items: listed, ...terms } = sale.terms;
  const bySku = totals === null ? null : new Map(totals.map(({ sku, total }) => [sku, total]));
  const items = bySku === null ? listed : listed.map((item) => ({ ...item, quantity: bySku.get(item.sku) ?? item.quantity }));
  return {
    id: sale.sale_id,
    name: terms.name,
    status: sale.status,
    starts_at: terms.starts_at,
    ends_at: terms.ends_at,
    items,
    items_count: items.length,
    per_user_limit: terms.per_user_limit,
    active_holds_per_user: terms.active_holds_per_user,
    hold_seconds: terms.hold_seconds,
    payment_seconds: terms.payment_seconds,
    waitlist_limit: terms.waitlist_limit,
    late_payment: terms.late_payment,
    on_payment_failure: terms.on_payment_failure,
    retention_years: terms.retention_years ?? RETENTION_YEARS_DEFAULT,
    seq: sale.seq,
    created_at: utcTime(sale.created_at_ms as EpochMs),
  };
}

/** As one of a list: without items where there are many. */
export function saleListView(sale: ListedSale): object {
  const view = saleView(sale, sale.items);
  return sale.items_count <= listedItemsMax ? view : { ...view, items: undefined, items_count: sale.items_count };
}

export function availabilityItem({ sku, total, held, sold }: ItemCounts): ItemCounts & { readonly available: number } {
  return { sku, total, held, sold, available: total - held - sold };
}
