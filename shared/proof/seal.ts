import type { DecidedEvent } from '#schemas/event.ts';
import { encodeLeaf, hashLeaf } from './leaf.ts';

/** An event with its place in the chain, as it is stored, published and answered. */
export interface SealedEvent {
  readonly event: DecidedEvent;
  /** Canonical JSON, the exact bytes that are hashed. */
  readonly leaf: string;
  /** SHA-256(0x00 || leaf), hex. */
  readonly hash: string;
  /** Of a `checkout.requested`: the gateway's token, kept beside the event and never in it. */
  readonly paymentMethodId?: string;
}

/** What stands before a log's first event. */
export const EMPTY_HEAD = '0'.repeat(64);

/**
 * Chains and encodes a run of one sale's events.
 *
 * @param head hash of the sale's newest event (hex), `EMPTY_HEAD` where there is none
 * @returns the sealed events in the same order, and the head after them
 */
export function seal(events: readonly DecidedEvent[], head: string): { sealed: SealedEvent[]; head: string } {
  let prev = head;
  const sealed = events.map((event) => {
    const leaf = encodeLeaf(event, prev);
    prev = hashLeaf(leaf);
    return { event, leaf, hash: prev };
  });
  return { sealed, head: prev };
}
