import type { ClientConfig } from 'pg';
import type { Epoch, Offset, Partition } from '#schemas/ids.ts';
import { RetryableFault } from '#shared/faults/faults.ts';
import { batchStatements, preparations } from './batch-statements.ts';
import { ledgerFault, sqlStateOf } from './ledger-fault.ts';
import type { Batch, CommitOutcome } from './ledger.ts';
import { createPipeline } from './pipeline.ts';
import { FENCE_SQLSTATE } from './sql/fence.ts';

export interface Committer {
  commit(batch: Batch): Promise<CommitOutcome>;
  /** The partition was taken over: batches of this epoch may come, and their fences renew its lease by `leaseMs`. */
  taken(partition: Partition, epoch: Epoch, leaseMs: number): void;
  /** To be called now and then: connections that died while nothing was committed are found, not met. */
  lookAfter(): void;
  /** After the batches that were handed in. */
  close(): Promise<void>;
}

/** How a partition goes on: nothing of an epoch is committed once a batch of it was not. */
interface Standing {
  readonly epoch: Epoch;
  readonly leaseMs: number;
  ended: 'no' | 'fenced' | 'failed';
}

/**
 * Commits batches over a few pipelined connections, a partition always on the same
 * one, so that its batches stay in order. Once a batch is fenced or failed, those
 * behind it and all later ones of its epoch are refused: the writer has to take the
 * partition over again, which shows how far it got.
 */
export function createCommitter(config: ClientConfig, connections: number): Committer {
  const prepared = preparations();
  const pipelines = Array.from({ length: connections }, () => createPipeline(config, prepared));
  const standings = new Map<Partition, Standing>();

  return {
    async commit(batch) {
      const standing = standingOf(batch);
      if (standing.ended !== 'no') return refused(standing, batch.partition);
      // Nothing of the batch but its bytes is kept while it is under way: most of it is dead by then.
      let statements: ReturnType<typeof batchStatements>;
      try {
        statements = batchStatements(batch, standing.leaseMs);
      } catch (bug) {
        end(standing, 'failed');
        throw bug;
      }
      return committing(standing, batch.partition, batch.nextOffset, statements);
    },
    taken(partition, epoch, leaseMs) {
      standings.set(partition, { epoch, leaseMs, ended: 'no' });
      pipelines[partition % connections]!.prepare();
    },
    lookAfter() {
      for (const pipeline of pipelines) pipeline.lookAfter();
    },
    async close() {
      await Promise.all(pipelines.map((pipeline) => pipeline.close()));
    },
  };

  async function committing(
    standing: Standing,
    partition: Partition,
    nextOffset: Offset,
    statements: ReturnType<typeof batchStatements>,
  ): Promise<CommitOutcome> {
    try {
      const outcome = await pipelines[partition % connections]!.transact(statements);
      if (outcome.kind === 'committed') return outcome;
      if (outcome.index === 0 && sqlStateOf(outcome.error) === FENCE_SQLSTATE) {
        // Behind a batch that failed the fence raises because the offset did not move.
        end(standing, 'fenced');
        return refused(standing, partition);
      }
      throw outcome.error;
    } catch (error) {
      end(standing, 'failed');
      throw ledgerFault(error, `committing partition ${partition} up to offset ${nextOffset}`);
    }
  }

  function standingOf({ partition, epoch }: Batch): Standing {
    const standing = standings.get(partition);
    if (standing?.epoch === epoch) return standing;
    // Epochs only rise: one that was replaced here is fenced in the database too.
    const other: Standing = { epoch, leaseMs: 0, ended: standing !== undefined && epoch < standing.epoch ? 'fenced' : 'no' };
    if (other.ended === 'no') standings.set(partition, other);
    return other;
  }
}

/** The first end is the cause of those behind it. */
function end(standing: Standing, how: 'fenced' | 'failed'): void {
  if (standing.ended === 'no') standing.ended = how;
}

function refused(standing: Standing, partition: Partition): CommitOutcome {
  if (standing.ended === 'fenced') return { kind: 'fenced' };
  throw new RetryableFault(
    'batch_ahead_failed',
    `a batch of partition ${partition} was not committed, so none of its epoch ${standing.epoch} is any more: take the partition over again`,
  );
}
