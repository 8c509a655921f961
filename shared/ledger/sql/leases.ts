import type { Epoch, Partition } from '#schemas/ids.ts';
import { bare, type Statement } from '../columns.ts';

export interface PositionRow {
  readonly epoch: string;
  readonly next_offset: string;
  readonly last_at_ms: string;
  readonly last_record_sha256: string | null;
  readonly published_offset: string;
  readonly cluster_id: string | null;
}

/** No row: another owner's lease is in force. */
export function takeOver(partition: Partition, owner: string, leaseMs: number, clusterId: string): Statement {
  return { name: 'take_over', text: takeOverText, values: [partition, owner, leaseMs, clusterId] };
}

const takeOverText = `
INSERT INTO partitions AS p (partition, epoch, owner, lease_until, cluster_id)
VALUES ($1::integer, 1, $2::text, clock_timestamp() + $3::double precision * interval '1 millisecond', $4::text)
ON CONFLICT (partition) DO UPDATE SET
  epoch = p.epoch + 1,
  owner = EXCLUDED.owner,
  lease_until = clock_timestamp() + $3::double precision * interval '1 millisecond',
  cluster_id = COALESCE(p.cluster_id, EXCLUDED.cluster_id)
WHERE p.owner IS NULL OR p.owner = EXCLUDED.owner OR p.lease_until <= clock_timestamp()
RETURNING epoch, next_offset, last_at_ms, last_record_sha256, published_offset, cluster_id`;

export interface OwnerRow {
  readonly owner: string | null;
}

export function ownerOf(partition: Partition): Statement {
  return { name: 'owner_of', text: 'SELECT owner FROM partitions WHERE partition = $1::integer', values: [partition] };
}

export interface PartitionRow {
  readonly partition: number;
}

type Owned = readonly { readonly partition: Partition; readonly epoch: Epoch }[];

/**
 * Rows that are locked are left out: it is a batch of this epoch that holds them, and
 * its fence renews the lease, or a takeover, after which nothing is to be renewed.
 * Returned is whatever still has the epoch.
 */
export function renewLeases(owned: Owned, leaseMs: number): Statement {
  return { name: 'renew_leases', text: renewText, values: [...columns(owned), leaseMs] };
}

const renewText = `
WITH owned AS (
  SELECT * FROM unnest($1::integer[], $2::bigint[]) AS owned (partition, epoch)
), free AS (
  SELECT partition FROM partitions JOIN owned USING (partition, epoch) ORDER BY partition FOR UPDATE OF partitions SKIP LOCKED
), renewed AS (
  UPDATE partitions SET lease_until = clock_timestamp() + $3::double precision * interval '1 millisecond'
  FROM free WHERE partitions.partition = free.partition
)
SELECT partition FROM partitions JOIN owned USING (partition, epoch) ORDER BY partition`;

export function releaseLeases(owned: Owned): Statement {
  return { name: 'release_leases', text: releaseText, values: columns(owned) };
}

const releaseText = `
UPDATE partitions SET owner = NULL, lease_until = '-infinity'
FROM unnest($1::integer[], $2::bigint[]) AS owned (partition, epoch)
WHERE partitions.partition = owned.partition AND partitions.epoch = owned.epoch`;

function columns(owned: Owned): [string, string] {
  return [bare(owned.map(({ partition }) => partition)), bare(owned.map(({ epoch }) => epoch))];
}
