import type { Partition, SaleId, SaleNo, Seq } from '#schemas/ids.ts';
import { TerminalFault } from '#shared/faults/faults.ts';
import type { LoadedSale, SaleHead, WriterLedger } from '#shared/ledger/ledger.ts';
import { hashLeaf } from '#shared/proof/leaf.ts';
import { readLeaf } from '#shared/proof/read-leaf.ts';
import { checkInvariants } from '#shared/sale/check-invariants.ts';
import { follow } from '#shared/sale/follow.ts';
import { forget } from '#shared/sale/learn.ts';
import { restoreInParts } from '#shared/sale/restore.ts';
import { isSettled, seqOf, type SaleState } from '#shared/sale/state.ts';
import type { KeyFilter } from './key-filter.ts';
import type { WriterPorts } from './ports.ts';

/** A sale in memory, ahead of the ledger by the batches under way. */
export interface HotSale {
  readonly saleNo: SaleNo;
  readonly saleId: SaleId;
  readonly state: SaleState;
  /** Hash of its newest event, hex. */
  head: string;
  /** Of the newest event that is committed. */
  committedSeq: Seq | 0;
  /** Decisions and answers of the ledger that memory took in since it last forgot. */
  remembered: number;
  /** Every id its log speaks of, where it was decided here from the beginning; a loaded sale has none and asks the ledger. */
  readonly ids: KeyFilter | null;
  /** It was settled when it was loaded: next to nothing in memory. */
  readonly isPast: boolean;
  /** It was settled once, and its line is another sale's from then on: a late payment may give it something to do again, but no stray record. */
  wasSettled: boolean;
  /** Rises with each use after the use of another sale. */
  usedAt: number;
}

/**
 * TerminalFault `ledger_inconsistent` where the sale breaks an invariant.
 *
 * @param schedule lets others go on in between: a million holds take seconds, and the leases of other partitions are to be renewed
 */
export async function restoreHotSale(partition: Partition, loaded: LoadedSale, schedule: WriterPorts['schedule']): Promise<HotSale> {
  const restoring = restoreInParts(loaded.snapshot);
  let part = restoring.next();
  for (; part.done !== true; part = restoring.next()) await new Promise<void>((resolve) => schedule(0, resolve));
  const state = part.value;
  const violated = checkInvariants(state);
  if (violated.length > 0) {
    throw new TerminalFault(
      'ledger_inconsistent',
      `sale ${loaded.snapshot.saleId} on partition ${String(partition)} breaks its invariants as the ledger has it: ${violated.join('; ')}. ` +
        'Nothing more is decided on this line. See "A line that halted" in docs/OPERATIONS.md.',
    );
  }
  return {
    saleNo: loaded.saleNo,
    saleId: loaded.snapshot.saleId,
    state,
    head: loaded.head,
    committedSeq: loaded.snapshot.seq,
    remembered: 0,
    ids: null,
    isPast: isSettled(state),
    wasSettled: loaded.wasSettled,
    usedAt: 0,
  };
}

/** Drops what memory holds behind the live state, once it is much; all that is dropped is committed. */
export function forgetMuch(sale: HotSale, rememberedEventsMax: number): void {
  if (sale.remembered <= rememberedEventsMax) return;
  forget(sale.state, sale.committedSeq);
  sale.remembered = seqOf(sale.state) - sale.committedSeq;
}

/** `there`: exactly what the ledger has. `differs`: the ledger's log does not lead from one to the other; the sale is of no use any more. */
export type CaughtUp = 'there' | 'behind' | 'differs';

/**
 * Moves a sale that nobody decides here on to where the ledger has it, by the events
 * committed since: each must be the next of the chain, byte for byte as its hash says.
 *
 * @param eventsMax about how many it may move on by
 * @param goesOn asked before each change: whether the sale is still the caller's to move
 */
export async function catchUp(
  sale: HotSale,
  to: SaleHead,
  ledger: Pick<WriterLedger, 'leavesAfter'>,
  eventsMax = Infinity,
  goesOn: () => boolean = () => true,
): Promise<CaughtUp> {
  const stopAt = sale.committedSeq + eventsMax;
  while (sale.committedSeq < to.seq) {
    if (sale.committedSeq >= stopAt) return 'behind';
    const leaves = await ledger.leavesAfter(sale.saleNo, sale.committedSeq, to.seq);
    if (!goesOn()) return 'behind';
    if (leaves.length === 0 || !apply(sale, leaves)) return 'differs';
  }
  return sale.committedSeq === to.seq && sale.head === to.head ? 'there' : 'differs';
}

function apply(sale: HotSale, leaves: readonly string[]): boolean {
  for (const leaf of leaves) {
    const event = readLeaf(leaf);
    if (event === null || event.prev !== sale.head || event.seq !== seqOf(sale.state) + 1) return false;
    follow(sale.state, event);
    sale.head = hashLeaf(leaf);
    sale.committedSeq = event.seq;
    sale.wasSettled ||= isSettled(sale.state);
  }
  sale.remembered += leaves.length;
  return true;
}
