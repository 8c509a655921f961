import type { OrderId, SaleId, Seq } from '#schemas/ids.ts';

/**
 * Decisions on their way back to the API process that waits for them. A reply is
 * an optimisation: whoever waits also looks into the ledger, so a lost one costs
 * time and nothing else.
 */

/** `decided`: the event that answers the request. `repeated`: the request was answered earlier, by event `seq`. `unknown_sale`: the line does not know that sale. */
export type Reply =
  | { readonly kind: 'decided'; readonly replyTo: string; readonly leaf: string }
  | { readonly kind: 'repeated'; readonly replyTo: string; readonly saleId: SaleId; readonly seq: Seq }
  | { readonly kind: 'unknown_sale'; readonly replyTo: string; readonly saleId: SaleId };

/** What one committed batch has to tell: replies to those who wait, and the orders that left `pending`, for everyone. */
export interface Announcement {
  readonly replies: readonly Reply[];
  readonly settledOrders: readonly OrderId[];
}

/** Never throws and never waits for Redis beyond its bound. */
export type Announce = (announcement: Announcement) => Promise<void>;
