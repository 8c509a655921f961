import type { Pool } from 'pg';
import type { FoundCharge } from './gateway.ts';
import { recordFacts, type RecordedFact } from './record-facts.ts';
import type { PaymentState } from './states.ts';

/** The manual-intervention list: payments whose end only a person can find out. */

/** One payment on the list. `kind` says what is unresolved. */
export interface ManualPayment {
  readonly order_id: string;
  readonly sale_id: string;
  readonly reservation_id: string;
  readonly kind: 'charge' | 'refund';
  /** Minor units. */
  readonly amount: number;
  readonly currency: string;
  readonly charge_id: string | null;
  /** What the newest call brought. */
  readonly last_outcome: string | null;
  /** Calls made so far. */
  readonly calls: number;
  /** RFC 3339. */
  readonly since: string;
}

const listMax = 1_000;

/** The longest waiting first, at most 1,000. */
export async function listManual(pool: Pick<Pool, 'query'>): Promise<readonly ManualPayment[]> {
  const { rows } = await pool.query<
    Omit<ManualPayment, 'amount' | 'since' | 'kind'> & { amount: string; since: Date; state: PaymentState }
  >(
    `SELECT order_id, sale_id, reservation_id, state, amount, currency, charge_id, last_outcome, calls, changed_at AS since
     FROM payments WHERE state IN ('manual', 'refund_manual') ORDER BY changed_at, order_id LIMIT $1`,
    [listMax],
  );
  return rows.map(({ state, amount, since, ...row }) => ({
    ...row,
    kind: state === 'manual' ? 'charge' : 'refund',
    amount: Number(amount),
    since: since.toISOString(),
  }));
}

/** How an operator settles one: it took place, it did not, or it is to be tried again from the first try. */
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
 * Settles a payment of the list. The payment service puts the result on the sale's
 * line, at once where it is running. Throws RetryableFault `gateway_unavailable`
 * where the gateway has to be asked and does not answer.
 */
export async function settleManual(
  pool: Pick<Pool, 'query'>,
  findCharge: (orderId: string) => Promise<FoundCharge | null>,
  orderId: string,
  settlement: Settlement,
): Promise<SettleOutcome> {
  const { rows } = await pool.query<{ state: PaymentState }>('SELECT state FROM payments WHERE order_id = $1', [orderId]);
  const state = rows[0]?.state;
  if (state === undefined) return { kind: 'not_found' };
  if (state !== 'manual' && state !== 'refund_manual') return { kind: 'not_manual', state };

  const judged = await judge(findCharge, orderId, state, settlement);
  if ('kind' in judged) return judged;
  const moved = (await recordFacts(pool, [judged])).get(orderId);
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
