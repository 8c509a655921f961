import { createCommitter } from './committer.ts';
import { commitConfig, openPool } from './connections.ts';
import { createLeases } from './leases.ts';
import type { WriterLedger } from './ledger.ts';
import { loadSale, loadUnsettledSales } from './load-sale.ts';
import { unpublished } from './outbox.ts';
import { prefetch } from './prefetch.ts';

export interface WriterLedgerOptions {
  /** Of the services' role. */
  readonly databaseUrl: string;
  /** Shown in pg_stat_activity. */
  readonly applicationName?: string;
  /** On which batches are committed; a partition is always on the same one. */
  readonly commitConnections?: number;
  /** For everything else: leases, lookups, loads. */
  readonly otherConnectionsMax?: number;
  /** Told of idle connections that were lost; they are replaced by themselves. */
  readonly onConnectionError?: (error: Error) => void;
}

/** The ledger on PostgreSQL. Connections are opened when they are first needed. */
export function createWriterLedger(options: WriterLedgerOptions): WriterLedger & { close(): Promise<void> } {
  const { databaseUrl, applicationName = 'firstcome-writer', commitConnections = 4, otherConnectionsMax = 4 } = options;
  const committer = createCommitter(commitConfig(databaseUrl, `${applicationName}-commit`), commitConnections);
  const pool = openPool(databaseUrl, applicationName, otherConnectionsMax, options.onConnectionError);
  const leases = createLeases(pool);
  return {
    ...leases,
    async takeOver(partition, owner, leaseMs, clusterId) {
      const outcome = await leases.takeOver(partition, owner, leaseMs, clusterId);
      if (outcome.kind === 'taken') committer.taken(partition, outcome.position.epoch, leaseMs);
      return outcome;
    },
    loadUnsettledSales: (partition) => loadUnsettledSales(pool, partition),
    loadSale: (partition, saleId) => loadSale(pool, partition, saleId),
    prefetch: (lookup) => prefetch(pool, lookup),
    commit: (batch) => committer.commit(batch),
    unpublished: (partition, fromOffset) => unpublished(pool, partition, fromOffset),
    async close() {
      await committer.close();
      await pool.end();
    },
  };
}
