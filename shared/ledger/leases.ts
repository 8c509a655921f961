import type { Pool } from 'pg';
import type { Epoch, EpochMs, Offset } from '#schemas/ids.ts';
import { withLedgerFaults } from './ledger-fault.ts';
import type { WriterLedger } from './ledger.ts';
import { type OwnerRow, ownerOf, type PartitionRow, type PositionRow, releaseLeases, renewLeases, takeOver } from './sql/leases.ts';
import { takeablePartitions } from './sql/takeable-partitions.ts';
import { ask } from './ask.ts';

/** Who owns a partition, for how long: see WriterLedger. */
export function createLeases(pool: Pool): Pick<WriterLedger, 'takeOver' | 'takeablePartitions' | 'renewLeases' | 'releaseLeases'> {
  return {
    takeOver(partition, owner, leaseMs, clusterId) {
      return withLedgerFaults(`taking over partition ${partition}`, async () => {
        const [row] = await ask<PositionRow>(pool, takeOver(partition, owner, leaseMs, clusterId));
        if (row === undefined) {
          const [other] = await ask<OwnerRow>(pool, ownerOf(partition));
          return { kind: 'leased_to_another', owner: other?.owner ?? 'released just now' };
        }
        return {
          kind: 'taken',
          position: {
            partition,
            epoch: Number(row.epoch) as Epoch,
            nextOffset: Number(row.next_offset) as Offset,
            lastAt: Number(row.last_at_ms) as EpochMs,
            lastRecordSha256: row.last_record_sha256,
            publishedOffset: Number(row.published_offset) as Offset,
            clusterId: row.cluster_id,
          },
        };
      });
    },
    takeablePartitions(partitions, owner) {
      return withLedgerFaults('looking for free partitions', async () => {
        const rows = await ask<PartitionRow>(pool, takeablePartitions(partitions, owner));
        return rows.map(({ partition }) => partition as (typeof partitions)[number]);
      });
    },
    renewLeases(owned, leaseMs) {
      return withLedgerFaults('renewing leases', async () => {
        const rows = await ask<PartitionRow>(pool, renewLeases(owned, leaseMs));
        return rows.map(({ partition }) => partition as (typeof owned)[number]['partition']);
      });
    },
    releaseLeases(owned) {
      return withLedgerFaults('releasing leases', async () => {
        await ask(pool, releaseLeases(owned));
      });
    },
  };
}
