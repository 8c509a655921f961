import type { Pool } from 'pg';
import type { PaymentState } from './states.ts';

/** One payment on the manual-intervention list: its end only a person can find out. `kind` says what is unresolved. */
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

export const MANUAL_LIST_MAX = 1_000;

/** The longest waiting first, at most MANUAL_LIST_MAX. Throws what pg throws. */
export async function listManual(pool: Pick<Pool, 'query'>): Promise<readonly ManualPayment[]> {
  const { rows } = await pool.query<
    Omit<ManualPayment, 'amount' | 'since' | 'kind'> & { amount: string; since: Date; state: PaymentState }
  >(
    `SELECT order_id, sale_id, reservation_id, state, amount, currency, charge_id, last_outcome, calls, changed_at AS since
     FROM payments WHERE state IN ('manual', 'refund_manual') ORDER BY changed_at, order_id LIMIT $1`,
    [MANUAL_LIST_MAX],
  );
  return rows.map(({ state, amount, since, ...row }) => ({
    ...row,
    kind: state === 'manual' ? 'charge' : 'refund',
    amount: Number(amount),
    since: since.toISOString(),
  }));
}
