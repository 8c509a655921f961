import type { Epoch, EpochMs, Offset, Partition } from '#schemas/ids.ts';
import type { Statement } from '../columns.ts';

/** What the fence raises when it matches no row: `1/count(*)`, division_by_zero. */
export const FENCE_SQLSTATE = '22012';

/**
 * First of a batch: goes on only for the epoch that owns the partition and only from
 * the offset the batch was decided at, and raises otherwise, because in a pipeline an
 * UPDATE of no rows would not stop the statements behind it. It renews the lease on
 * the way, so that a busy partition needs no other renewal.
 */
export function fence(batch: {
  readonly partition: Partition;
  readonly epoch: Epoch;
  readonly expectedNextOffset: Offset;
  readonly nextOffset: Offset;
  readonly lastAt: EpochMs;
  readonly lastRecordSha256: string | null;
  readonly publishedOffset: Offset;
  readonly leaseMs: number;
}): Statement {
  return {
    name: 'fence',
    text,
    values: [
      batch.partition,
      batch.epoch,
      batch.expectedNextOffset,
      batch.nextOffset,
      batch.lastAt,
      batch.lastRecordSha256,
      batch.publishedOffset,
      batch.leaseMs,
    ],
  };
}

const text = `
WITH fenced AS (
  UPDATE partitions SET
    next_offset = $4::bigint,
    last_at_ms = $5::bigint,
    last_record_sha256 = $6::text,
    published_offset = GREATEST(published_offset, $7::bigint),
    lease_until = CASE WHEN owner IS NULL THEN lease_until
                       ELSE GREATEST(lease_until, clock_timestamp() + $8::double precision * interval '1 millisecond') END
  WHERE partition = $1::integer AND epoch = $2::bigint AND next_offset = $3::bigint
  RETURNING 1
)
SELECT 1 / count(*) FROM fenced`;
