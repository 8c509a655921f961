import type { Pool } from 'pg';
import { createCommitter } from './committer.ts';
import { commitConfig, openPool } from './connections.ts';
import { createLeases } from './leases.ts';
import type { WriterLedger } from './ledger.ts';
import { leavesAfter, unsettledHeads } from './follow.ts';
import { loadSale } from './load-sale.ts';
import { unpublished } from './outbox.ts';
import { prefetch } from './prefetch.ts';

export interface WriterLedgerOptions {
  /** Of the services' role. */
  readonly databaseUrl: string;
  /** Shown in pg_stat_activity. */
  readonly applicationName?: string;
  /** On which batches are committed; a partition is always on the same one. */
  readonly commitConnections?: number;
  /** Each for leases, for lookups, and for loads, republishing and following: what is short never queues behind what is long. */
  readonly otherConnectionsMax?: number;
  /** Told of idle connections that were lost; they are replaced by themselves. */
  readonly onConnectionError?: (error: Error) => void;
}

/** The ledger on PostgreSQL. Connections are opened when they are first needed. */
export function createWriterLedger(options: WriterLedgerOptions): WriterLedger & { close(): Promise<void> } {
  const { databaseUrl, applicationName = 'firstcome-writer', commitConnections = 4, otherConnectionsMax = 2 } = options;
  const committer = createCommitter(commitConfig(databaseUrl, `${applicationName}-commit`), commitConnections);
  const open = (connectionsMax = otherConnectionsMax): Pool =>
    openPool(databaseUrl, applicationName, connectionsMax, options.onConnectionError);
  const forLeases = open();
  const forLookups = open();
  // One more than there were: what stands by asks for one thing at a time, and must not keep a takeover waiting.
  const forLoads = open(otherConnectionsMax + 1);
  const leases = createLeases(forLeases);
  return {
    ...leases,
    async takeOver(partition, owner, leaseMs, clusterId) {
      const outcome = await leases.takeOver(partition, owner, leaseMs, clusterId);
      if (outcome.kind === 'taken') committer.taken(partition, outcome.position.epoch, leaseMs);
      return outcome;
    },
    renewLeases(owned, leaseMs) {
      committer.lookAfter();
      return leases.renewLeases(owned, leaseMs);
    },
    unsettledHeads: (partitions) => unsettledHeads(forLoads, partitions),
    leavesAfter: (saleNo, afterSeq, throughSeq) => leavesAfter(forLoads, saleNo, afterSeq, throughSeq),
    loadSale: (partition, saleId) => loadSale(forLoads, partition, saleId),
    prefetch: (lookup) => prefetch(forLookups, lookup),
    commit: (batch) => committer.commit(batch),
    unpublished: (partition, fromOffset) => unpublished(forLoads, partition, fromOffset),
    async close() {
      await committer.close();
      await Promise.all([forLeases.end(), forLookups.end(), forLoads.end()]);
    },
  };
}
