import type { Epoch, Offset, Partition } from '#schemas/ids.ts';
import type { createWriterLedger } from '#shared/ledger/writer-ledger.ts';

/** Takes over a partition of a database that nothing was decided in yet. */
export async function takeOver(ledger: ReturnType<typeof createWriterLedger>, partition: Partition, leaseMs: number): Promise<Epoch> {
  const outcome = await ledger.takeOver(partition, 'bench', leaseMs, 'bench');
  if (outcome.kind !== 'taken') throw new Error(`partition ${partition} is leased to ${outcome.owner}`);
  if (outcome.position.nextOffset !== (0 as Offset)) throw new Error('the bench needs an empty database');
  return outcome.position.epoch;
}
