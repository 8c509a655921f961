import type { Partition } from '#schemas/ids.ts';
import { bare, type Statement } from '../columns.ts';

/**
 * Those of the partitions that `owner` could take over now: nobody had them yet, they were released, or the lease ran out.
 * First the one that was written last: the line of a sale that is going on moves at least with its ticks.
 */
export function takeablePartitions(partitions: readonly Partition[], owner: string): Statement {
  return { name: 'takeable_partitions', text, values: [bare(partitions), owner] };
}

const text = `
SELECT wanted.partition
FROM unnest($1::integer[]) AS wanted (partition) LEFT JOIN partitions p USING (partition)
WHERE p.owner IS NULL OR p.owner = $2::text OR p.lease_until <= clock_timestamp()
ORDER BY p.last_at_ms DESC NULLS LAST, wanted.partition`;
