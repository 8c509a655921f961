import type { DecidedEvent } from '#schemas/event.ts';

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
