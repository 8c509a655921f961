import type { EpochMs, SaleId, UserRef } from '#schemas/ids.ts';
import type { Tier } from '#shared/ledger/edge-records.ts';
import type { ListPlace } from './list-place.ts';
import type { Rows, Statement } from './reads.ts';

/** A request that never reached the line. */
export interface StoredAttempt {
  /** Grows as attempts are written, which may be in another order than they were made. */
  readonly id: number;
  readonly at_ms: EpochMs;
  readonly sale_id: SaleId | null;
  readonly user_ref: UserRef | null;
  readonly reason: string;
  readonly tier: Tier;
  /** Hex. */
  readonly address_hash: string | null;
  readonly device_hash: string | null;
  readonly request_id: string;
}

export interface AttemptFilter {
  /** null: of every sale. */
  readonly saleId: SaleId | null;
  /** null: of everyone. */
  readonly users: readonly UserRef[] | null;
}

/** Sorts after every attempt: where a list begins. */
const START: ListPlace = { ms: Number.MAX_SAFE_INTEGER, id: '9223372036854775807' };

/** Whether an id in a cursor can be one of an attempt's. */
export const isAttemptId = (id: string): boolean => /^\d{1,18}$/.test(id);

const statement = (name: string, filter: string): Statement => ({
  name,
  text: `
    SELECT id, (extract(epoch FROM at) * 1000)::bigint AS at_ms, sale_id, user_ref, reason, tier,
      encode(address_hash, 'hex') AS address_hash, encode(device_hash, 'hex') AS device_hash, request_id
    FROM attempts
    WHERE (at, id) < (to_timestamp($1 / 1000.0), $2::bigint) ${filter}
    ORDER BY at DESC, id DESC LIMIT $3`,
});

/** By what is asked for, so that each has an index to go by. */
const ATTEMPTS = statement('attempts', '');
const ATTEMPTS_OF_SALE = statement('attempts_of_sale', 'AND sale_id = $4');
const ATTEMPTS_OF_USER = statement('attempts_of_user', 'AND user_ref = ANY ($4::uuid[])');
const ATTEMPTS_OF_USER_IN_SALE = statement('attempts_of_user_in_sale', 'AND sale_id = $4 AND user_ref = ANY ($5::uuid[])');

/** Newest first; one row more than `limit` where there is more. For the audit role. */
export function attemptsOf(
  reads: Rows,
  { saleId, users }: AttemptFilter,
  after: ListPlace | null,
  limit: number,
): Promise<readonly StoredAttempt[]> {
  const { ms, id } = after ?? START;
  const page = [ms, id, limit + 1];
  if (saleId === null) {
    return users === null ? reads.rows<StoredAttempt>(ATTEMPTS, page) : reads.rows<StoredAttempt>(ATTEMPTS_OF_USER, [...page, users]);
  }
  return users === null
    ? reads.rows<StoredAttempt>(ATTEMPTS_OF_SALE, [...page, saleId])
    : reads.rows<StoredAttempt>(ATTEMPTS_OF_USER_IN_SALE, [...page, saleId, users]);
}
