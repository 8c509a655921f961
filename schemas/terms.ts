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

/** What was promised when the sale was created. All of a sale's items share one currency. */
export const SaleTerms = z.strictObject({
  name: keptText(200),
  starts_at: UtcTime,
  ends_at: UtcTime,
  items: z.array(TermsItem).min(1).max(10_000),
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
});
export type SaleTerms = z.infer<typeof SaleTerms>;
