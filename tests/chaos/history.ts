import type { Event } from '#schemas/event.ts';

/** What a round leaves behind for the checker: what clients saw, and what the system says it did. */

export type Op = 'reserve' | 'order' | 'cancel';

/** One request of a client and what came back. Times are of one monotonic clock, in ms. */
export interface Attempt {
  readonly client: string;
  readonly op: Op;
  /** Under which the decision stands in the ledger: of the reservation, the order, or the request. The same for every retry. */
  readonly key: string;
  /** Of the body, as the edge makes it: another body has another. */
  readonly fingerprint: string;
  readonly sentAt: number;
  /** null: no answer came, so nobody knows whether it was carried out. */
  readonly answeredAt: number | null;
  readonly status: number | null;
  /** `Idempotent-Replayed: true` stood in the answer. */
  readonly replayed: boolean;
  readonly told: Told;
}

/** What of an answer's body the checker compares; undefined where it was not there. */
export interface Told {
  readonly id?: string | undefined;
  /** Of a reservation or an order. */
  readonly status?: string | undefined;
  /** Of a problem. */
  readonly code?: string | undefined;
  readonly seq?: number | undefined;
  readonly offset?: number | undefined;
  readonly expiresAt?: string | undefined;
  readonly items?: readonly { readonly sku: string; readonly quantity: number }[] | undefined;
}

/** An event as the ledger has it. */
export interface LoggedEvent {
  readonly leaf: string;
  /** Hex. */
  readonly hash: string;
  readonly event: Event;
}

/** A charge in the payment gateway's own books. */
export interface BookedCharge {
  /** The order's id. */
  readonly reference: string;
  readonly amount: number;
  readonly status: 'succeeded' | 'refunded';
}

export interface Evidence {
  readonly attempts: readonly Attempt[];
  /** The sale's log in the order of seq. */
  readonly ledger: readonly LoggedEvent[];
  /** Leaves of the sale as they stand in `sale.events`, repeats and all. */
  readonly published: readonly string[];
  /** What its line leads to when it is decided again; null where it could not be. */
  readonly replayed: readonly { readonly leaf: string; readonly hash: string }[] | null;
  /** Ids of requests on the line, by offset. */
  readonly line: ReadonlyMap<number, string>;
  readonly charges: readonly BookedCharge[];
  readonly report: { readonly invariants: readonly { readonly id: string; readonly holds: boolean; readonly detail?: string }[] } | null;
  /** Wall clock of the machine when the ledger was read, in ms since the epoch. */
  readonly readAtMs: number;
  /** Processes that ended without being told to. */
  readonly exits: readonly { readonly name: string; readonly code: number | null }[];
  /** Partitions that a writer leaves alone until a person has looked. */
  readonly halted: readonly { readonly writer: string; readonly reason: string }[];
}

export interface Violation {
  readonly check: CheckName;
  readonly detail: string;
}

export const CHECKS = {
  lost: 'every request that was answered has its decision in the ledger (I4)',
  unanswered: 'every client learned its answer in the end',
  twice: 'one decision a key (I4)',
  different: 'what was answered is what the ledger says (I6), and the same to every retry (I7)',
  conflict: 'another body under a used key is refused, the same body is not (I7)',
  order: 'what was answered before another was sent stands before it in the line (I11)',
  oversold: 'at every seq, what is held and sold is no more than there is (I1)',
  released_early: 'no hold ends before its deadline, by any clock (I8)',
  money: 'captures and refunds in the gateway’s books are the paid and refunded orders, one for one (I9)',
  chain: 'seq without a hole, each leaf its hash, each prev the hash before (I10)',
  published: 'sale.events without repeats is the ledger’s log (I10)',
  replay: 'the line, decided again, gives the same bytes (I3)',
  report: 'every invariant of the sale’s report holds',
  exits: 'no process ended by itself',
  halted: 'no line stands still that need not',
} as const;
export type CheckName = keyof typeof CHECKS;
