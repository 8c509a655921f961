import type { RequestedItem } from '#schemas/command.ts';
import type { NotGranted, ReservationStatus } from '#schemas/event.ts';
import type { Offset, ReservationId, SaleId, UserRef } from '#schemas/ids.ts';
import { coalesce } from './coalesce.ts';
import { LIST_START, type ListPlace } from './list-place.ts';
import type { Reads, Statement } from './reads.ts';

export interface ReservationRow {
  readonly id: ReservationId;
  readonly sale_id: SaleId;
  readonly user_ref: UserRef;
  readonly status: ReservationStatus;
  readonly reason: string | null;
  readonly items: readonly RequestedItem[];
  readonly not_granted: readonly NotGranted[] | null;
  readonly expires_at_ms: number | null;
  readonly command_offset: Offset;
  readonly seq: number;
  readonly created_at_ms: number;
}

const COLUMNS = `
  r.id, l.sale_id, r.user_ref, r.status, r.reason, r.items, r.not_granted, r.expires_at_ms, r.command_offset, r.seq, r.created_at_ms
  FROM reservations r JOIN sale_lines l USING (sale_no)`;

const RESERVATIONS_BY_ID: Statement = { name: 'reservations_by_id', text: `SELECT ${COLUMNS} WHERE r.id = ANY ($1::uuid[])` };

const RESERVATIONS_OF_USER: Statement = {
  name: 'reservations_of_user',
  text: `SELECT ${COLUMNS}
    WHERE r.user_ref = $1 AND ($2::text IS NULL OR l.sale_id = $2)
      AND (r.created_at_ms, r.id) < ($3, $4::uuid)
    ORDER BY r.created_at_ms DESC, r.id DESC LIMIT $5`,
};

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** Ids that are not ours name nothing. */
export const isUuid = (id: string): boolean => UUID.test(id);

export interface ReservationReads {
  /** Several by id, in one query. */
  readonly byIds: (ids: readonly string[]) => Promise<ReadonlyMap<string, ReservationRow>>;
  byId(id: string): Promise<ReservationRow | null>;
  /** Newest first; one row more than `limit` where there is more. */
  ofUser(user: UserRef, saleId: string | null, after: ListPlace | null, limit: number): Promise<readonly ReservationRow[]>;
}

export function createReservationReads(reads: Reads): ReservationReads {
  const byIds = async (ids: readonly string[]) =>
    new Map((await reads.rows<ReservationRow>(RESERVATIONS_BY_ID, [ids])).map((row) => [row.id as string, row]));
  const one = coalesce<string, ReservationRow>(byIds, (id) => id, reads.beat);
  return {
    byIds,
    byId: (id) => (isUuid(id) ? one(id) : Promise.resolve(null)),
    ofUser(user, saleId, after, limit) {
      const { ms, id } = after ?? LIST_START;
      return reads.rows<ReservationRow>(RESERVATIONS_OF_USER, [user, saleId, ms, id, limit + 1]);
    },
  };
}
