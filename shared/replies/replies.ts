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

/** `createAnnouncer` of announce.ts. */
export interface Announcer {
  readonly announce: Announce;
  readonly counts: () => { readonly sent: number; readonly dropped: number };
  readonly close: () => Promise<void>;
}

/** `createReplyListener` of listen.ts: what an API process waits with. */
export interface ReplyListener {
  /** A new address for one request's reply: put it into the command as `reply_to`. */
  readonly newReplyTo: () => string;
  /** Call it BEFORE the command is enqueued. null: no reply within `timeoutMs` (or at once where too many wait already); look into the ledger. */
  readonly waitFor: (replyTo: string, timeoutMs: number) => Promise<Reply | null>;
  /** Stops waiting: the promise of `waitFor` resolves with null at once. */
  readonly forget: (replyTo: string) => void;
  /** True once the order is known to have left `pending`; false after `timeoutMs`. */
  readonly onOrderSettled: (orderId: OrderId, timeoutMs: number) => Promise<boolean>;
  /** Subscribed; while false, replies are only to be found in the ledger. */
  readonly connected: () => boolean;
  readonly counts: () => { readonly waiting: number; readonly received: number; readonly malformed: number; readonly refused: number };
  readonly close: () => Promise<void>;
}
