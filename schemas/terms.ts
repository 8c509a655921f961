import { z } from 'zod';
import { Sku } from './ids.ts';
import { isKeepable, keptText } from './text.ts';

/** RFC 3339 in UTC with milliseconds, the only form in which a time is written. */
export const UtcTime = z.iso.datetime({ precision: 3 });

/** One item as the seller lists it. */
export const TermsItem = z.strictObject({
  sku: Sku,
  name: keptText(200),
  image_url: z.url().max(500).refine(isKeepable).optional(),
  /** Minor units of `currency`. */
  unit_price: z.int().min(0).max(1_000_000_000),
  /** ISO 4217. */
  currency: z.string().regex(/^[A-Z]{3}$/),
  quantity: z.int().min(0).max(100_000_000),
});
export type TermsItem = z.infer<typeof TermsItem>;

/** A check of a list: no two of its items have the same sku. */
export function distinctSkus(items: readonly { readonly sku: string }[], context: z.RefinementCtx): void {
  const seen = new Set<string>();
  items.forEach(({ sku }, index) => {
    if (seen.has(sku)) context.addIssue({ code: 'custom', path: [index, 'sku'], message: 'stands in the list twice' });
    seen.add(sku);
  });
}

/** A check of a list: an order has one amount, so all of its items have the same currency. */
export function oneCurrency(items: readonly { readonly currency: string }[], context: z.RefinementCtx): void {
  items.forEach(({ currency }, index) => {
    if (currency !== items[0]?.currency)
      context.addIssue({ code: 'custom', path: [index, 'currency'], message: 'must be the same for all items' });
  });
}

/** Years for which a closed sale's log is kept where its terms say nothing. */
export const RETENTION_YEARS_DEFAULT = 7;

/** What was promised when the sale was created. */
export const SaleTerms = z.strictObject({
  name: keptText(200),
  starts_at: UtcTime,
  ends_at: UtcTime,
  items: z.array(TermsItem).min(1).max(10_000).superRefine(distinctSkus).superRefine(oneCurrency),
  /** Units one user may hold or buy in the sale; null: no limit. */
  per_user_limit: z.int().min(1).nullable(),
  /** Reservations one user may have held or paying at once; null: no limit. */
  active_holds_per_user: z.int().min(1).nullable(),
  hold_seconds: z.int().min(1).max(3_600),
  payment_seconds: z.int().min(1).max(86_400),
  /** Reservations that may wait at once; 0: no waitlist. */
  waitlist_limit: z.int().min(0).max(10_000_000),
  late_payment: z.enum(['refund', 'reacquire']),
  on_payment_failure: z.enum(['keep_hold', 'release']),
  /**
   * Years from its archiving for which the log of the closed sale is kept; absent: RETENTION_YEARS_DEFAULT.
   * Absent stays absent: a default written into the terms would change the leaves of sales that were made before it.
   */
  retention_years: z.int().min(1).max(100).optional(),
});
export type SaleTerms = z.infer<typeof SaleTerms>;
