import type { Pool } from 'pg';
import type { PaymentState } from './states.ts';

/** Null where no payment of that order is known. Throws what pg throws. */
export async function stateOf(pool: Pick<Pool, 'query'>, orderId: string): Promise<PaymentState | null> {
  const { rows } = await pool.query<{ state: PaymentState }>('SELECT state FROM payments WHERE order_id = $1', [orderId]);
  return rows[0]?.state ?? null;
}
