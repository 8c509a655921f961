import type { SaleStatus } from '#schemas/event.ts';
import type { Epoch, EpochMs, Offset, OrderId, Partition, ReservationId, RequestKey, SaleId, SaleNo, Seq, Sku } from '#schemas/ids.ts';
import type { SealedEvent } from '#shared/proof/seal.ts';
import type { Known, SaleSnapshot } from '#shared/sale/snapshot.ts';

/**
 * What the writer asks of the ledger. Every function throws RetryableFault when
 * PostgreSQL is away; outcomes that are not faults are values.
 */

/** How far a partition got and who may go on: the row that fences. */
export interface Position {
  readonly partition: Partition;
  readonly epoch: Epoch;
  readonly nextOffset: Offset;
  /** Logical time of the last decision on this partition. */
  readonly lastAt: EpochMs;
  /** SHA-256 (hex) of the record at `nextOffset - 1`; null before the first. */
  readonly lastRecordSha256: string | null;
  /** Every event that came from an offset below this one is on `sale.events`. */
  readonly publishedOffset: Offset;
  /** The Kafka cluster the offsets belong to; null before the first takeover. */
  readonly clusterId: string | null;
}

export type TakeOverOutcome =
  { readonly kind: 'taken'; readonly position: Position } | { readonly kind: 'leased_to_another'; readonly owner: string };

/** What a batch refers to and memory does not hold. */
export interface Lookup {
  readonly saleNo: SaleNo;
  readonly reservationKeys: readonly ReservationId[];
  readonly orderKeys: readonly OrderId[];
  readonly requestKeys: readonly RequestKey[];
  /** Whose status is asked for (cancel, checkout, payment of one that no longer lives). */
  readonly reservations: readonly ReservationId[];
  readonly orders: readonly OrderId[];
}

/** A sale's row after the batch. */
export interface SaleAfter {
  readonly saleNo: SaleNo;
  readonly saleId: SaleId;
  readonly status: SaleStatus;
  readonly seq: Seq;
  readonly head: string;
  /** Hash (hex) that the batch's first event names as the one before it. */
  readonly headBefore: string;
  /** Closed, and nothing lives any more: its partition is free for another sale. */
  readonly settled: boolean;
  /** Counters of the items the batch moved. */
  readonly items: readonly { readonly sku: Sku; readonly total: number; readonly held: number; readonly sold: number }[];
  readonly events: readonly SealedEvent[];
}

export interface Batch {
  readonly partition: Partition;
  readonly epoch: Epoch;
  /** What the row must say for the batch to be committed. */
  readonly expectedNextOffset: Offset;
  readonly nextOffset: Offset;
  readonly lastAt: EpochMs;
  readonly lastRecordSha256: string | null;
  readonly publishedOffset: Offset;
  readonly sales: readonly SaleAfter[];
}

/** `fenced`: another epoch owns the partition, or the offset moved; nothing was changed. An unknown outcome is thrown as RetryableFault `commit_unknown`. */
export type CommitOutcome = { readonly kind: 'committed' } | { readonly kind: 'fenced' };

/** An event of the outbox that may not have been published. */
export interface OutboxEvent {
  readonly saleId: SaleId;
  readonly seq: Seq;
  readonly offset: Offset;
  readonly leaf: string;
}

export interface LoadedSale {
  readonly kind: 'loaded';
  readonly saleNo: SaleNo;
  /** Hash of the newest event (hex); 64 zeros where there is none. */
  readonly head: string;
  /** Now or once: its line is free for another since. */
  readonly wasSettled: boolean;
  readonly snapshot: SaleSnapshot;
}

/** How far a sale that is not settled has got. */
export interface SaleHead {
  readonly partition: Partition;
  readonly saleNo: SaleNo;
  readonly saleId: SaleId;
  readonly seq: Seq;
  /** Hash of event `seq`, hex. */
  readonly head: string;
}

export interface WriterLedger {
  /** Raises the epoch if no other owner's lease is in force; the lease is counted on the database's clock. */
  takeOver(partition: Partition, owner: string, leaseMs: number, clusterId: string): Promise<TakeOverOutcome>;
  /** Those of the partitions that `owner` could take over now, in ascending order: one cheap question for a standby that waits for many. */
  takeablePartitions(partitions: readonly Partition[], owner: string): Promise<readonly Partition[]>;
  /** Partitions of which this epoch is still the owner; the others are lost. */
  renewLeases(owned: readonly { readonly partition: Partition; readonly epoch: Epoch }[], leaseMs: number): Promise<readonly Partition[]>;
  /** Lets another take over at once. */
  releaseLeases(owned: readonly { readonly partition: Partition; readonly epoch: Epoch }[]): Promise<void>;
  /** Sales of the partitions that are not settled, in the order of their numbers: one cheap question for a standby that follows many. */
  unsettledHeads(partitions: readonly Partition[]): Promise<readonly SaleHead[]>;
  /** Leaves of the sale's events after `afterSeq`, up to and with `throughSeq`, from the first on: as many as make a page. */
  leavesAfter(saleNo: SaleNo, afterSeq: Seq | 0, throughSeq: Seq): Promise<readonly string[]>;
  /** One sale of the partition (settled ones too); `unborn`: it has its line and is not decided yet. */
  loadSale(partition: Partition, saleId: SaleId): Promise<LoadedSale | { readonly kind: 'unborn'; readonly saleNo: SaleNo } | null>;
  prefetch(lookup: Lookup): Promise<Known>;
  /**
   * Batches of one partition may be handed in before the one before has ended; they
   * commit in order. After any fault nothing more of that epoch is committed (later
   * batches throw RetryableFault `batch_ahead_failed`): take the partition over again,
   * which also ends whatever of the old epoch may still be under way, and go on from
   * the position it gives. What violates a constraint or changes a row that is not
   * there is a bug and is thrown as it is.
   */
  commit(batch: Batch): Promise<CommitOutcome>;
  /** Events from offsets at or above `fromOffset`, by sale in seq order, for a partition that was just taken over. */
  unpublished(partition: Partition, fromOffset: Offset): AsyncIterable<readonly OutboxEvent[]>;
}
