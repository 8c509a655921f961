import type { OrderStatus } from '#schemas/event.ts';
import type { OrderId, ReservationId, SaleId, UserRef } from '#schemas/ids.ts';
import { coalesce } from './coalesce.ts';
import { LIST_START, type ListPlace } from './list-place.ts';
import type { Reads, Statement } from './reads.ts';
import { isUuid } from './reservations.ts';

export interface OrderRow {
  readonly id: OrderId;
  readonly sale_id: SaleId;
  readonly reservation_id: ReservationId;
  readonly user_ref: UserRef;
  readonly status: OrderStatus;
  readonly failure_reason: string | null;
  readonly amount: number;
  readonly currency: string;
  readonly seq: number;
  readonly created_at_ms: number;
}

const COLUMNS = `
  o.id, l.sale_id, o.reservation_id, o.user_ref, o.status, o.failure_reason, o.amount, o.currency, o.seq, o.created_at_ms
  FROM orders o JOIN sale_lines l USING (sale_no)`;

const ORDERS_BY_ID: Statement = { name: 'orders_by_id', text: `SELECT ${COLUMNS} WHERE o.id = ANY ($1::uuid[])` };

const ORDERS_OF_USER: Statement = {
  name: 'orders_of_user',
  text: `SELECT ${COLUMNS}
    WHERE o.user_ref = $1 AND (o.created_at_ms, o.id) < ($2, $3::uuid)
    ORDER BY o.created_at_ms DESC, o.id DESC LIMIT $4`,
};

export interface OrderReads {
  readonly byIds: (ids: readonly string[]) => Promise<ReadonlyMap<string, OrderRow>>;
  byId(id: string): Promise<OrderRow | null>;
  /** Newest first; one row more than `limit` where there is more. */
  ofUser(user: UserRef, after: ListPlace | null, limit: number): Promise<readonly OrderRow[]>;
}

export function createOrderReads(reads: Reads): OrderReads {
  const byIds = async (ids: readonly string[]) =>
    new Map((await reads.rows<OrderRow>(ORDERS_BY_ID, [ids])).map((row) => [row.id as string, row]));
  const one = coalesce<string, OrderRow>(byIds, (id) => id);
  return {
    byIds,
    byId: (id) => (isUuid(id) ? one(id) : Promise.resolve(null)),
    ofUser(user, after, limit) {
      const { ms, id } = after ?? LIST_START;
      return reads.rows<OrderRow>(ORDERS_OF_USER, [user, ms, id, limit + 1]);
    },
  };
}
