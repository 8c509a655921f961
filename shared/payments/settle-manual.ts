import type { PaymentBooks } from './books.ts';
import type { FoundCharge } from './gateway.ts';
import type { RecordedFact } from './record-facts.ts';
import type { PaymentState } from './states.ts';

/** How an operator settles a payment: it took place, it did not, or it is to be tried again from the first try. */
export type Settlement =
  | { readonly as: 'succeeded'; /** The gateway's id of the charge or refund; looked up there where absent. */ readonly gatewayId?: string }
  | { readonly as: 'failed' }
  | { readonly as: 'retry' };

export type SettleOutcome =
  | { readonly kind: 'settled'; readonly state: PaymentState }
  | { readonly kind: 'not_found' }
  | { readonly kind: 'not_manual'; readonly state: PaymentState }
  /** To be settled as failed, but the gateway has captured it. */
  | { readonly kind: 'charge_exists'; readonly chargeId: string }
  /** To be settled as succeeded, but the gateway knows no such charge or refund and no id was given. */
  | { readonly kind: 'nothing_found' }
  /** A refund that is owed cannot be settled as failed. */
  | { readonly kind: 'refund_is_owed' };

/**
 * Settles a payment of the manual-intervention list. The payment service puts the result on the sale's
 * line, at once where it is running. Throws RetryableFault `gateway_unavailable`
 * where the gateway has to be asked and does not answer, and what the books throw.
 */
export async function settleManual(
  books: Pick<PaymentBooks, 'stateOf' | 'recordFacts'>,
  findCharge: (orderId: string) => Promise<FoundCharge | null>,
  orderId: string,
  settlement: Settlement,
): Promise<SettleOutcome> {
  const state = await books.stateOf(orderId);
  if (state === null) return { kind: 'not_found' };
  if (state !== 'manual' && state !== 'refund_manual') return { kind: 'not_manual', state };

  const judged = await judge(findCharge, orderId, state, settlement);
  if ('kind' in judged) return judged;
  const moved = (await books.recordFacts([judged])).get(orderId);
  if (moved === undefined) return { kind: 'not_found' };
  return moved.before === moved.after ? { kind: 'not_manual', state: moved.after } : { kind: 'settled', state: moved.after };
}

async function judge(
  findCharge: (orderId: string) => Promise<FoundCharge | null>,
  orderId: string,
  state: 'manual' | 'refund_manual',
  settlement: Settlement,
): Promise<RecordedFact | SettleOutcome> {
  switch (settlement.as) {
    case 'retry':
      return { orderId, fact: 'settled_retry', delayMs: 0, outcome: 'settled_retry' };
    case 'failed': {
      if (state === 'refund_manual') return { kind: 'refund_is_owed' };
      const charge = await findCharge(orderId);
      if (charge) return { kind: 'charge_exists', chargeId: charge.chargeId };
      return { orderId, fact: 'settled_failed', delayMs: 0, outcome: 'settled_failed' };
    }
    case 'succeeded': {
      const found = settlement.gatewayId === undefined ? await findCharge(orderId) : null;
      const id = settlement.gatewayId ?? (state === 'manual' ? found?.chargeId : (found?.refundId ?? undefined));
      if (id === undefined) return { kind: 'nothing_found' };
      const known = state === 'manual' ? { chargeId: id } : { refundId: id };
      return { orderId, fact: 'settled_succeeded', delayMs: 0, outcome: 'settled_succeeded', ...known };
    }
  }
}
