import type { Command } from '#schemas/command.ts';
import type { Partition, SaleId, SaleNo, Seq } from '#schemas/ids.ts';
import { TerminalFault } from '#shared/faults/faults.ts';
import type { LoadedSale, WriterLedger } from '#shared/ledger/ledger.ts';
import { EMPTY_HEAD } from '#shared/proof/seal.ts';
import { checkInvariants } from '#shared/sale/check-invariants.ts';
import { forget, isAnswered } from '#shared/sale/learn.ts';
import { restore } from '#shared/sale/restore.ts';
import { initialState, isSettled, seqOf, statusOf, type SaleState } from '#shared/sale/state.ts';
import { createKeyFilter, type KeyFilter } from './key-filter.ts';

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
  /** Rises with each use after the use of another sale. */
  usedAt: number;
}

/** The sales of one partition that are in memory: those not settled, and settled ones that something on the line referred to not long ago. */
export interface HotSales {
  /** Reads all that are not settled. TerminalFault `ledger_inconsistent` where one breaks an invariant. */
  readonly loadUnsettled: () => Promise<void>;
  readonly get: (saleId: SaleId) => HotSale | undefined;
  /** Brings a sale into memory; undefined: this line has no such sale. Not for one that is in memory. */
  readonly load: (saleId: SaleId) => Promise<HotSale | undefined>;
  /** Whether the command's key was decided in another sale that is in memory: keys are one namespace, in the ledger too. */
  readonly hasKeyOfAnother: (own: HotSale, command: Command) => boolean;
  /** Where the line puts what belongs to no sale: the newest that is scheduled and not settled. */
  readonly active: () => HotSale | undefined;
  /** So much is remembered that `forgetCommitted` should be called soon. */
  readonly crowded: () => boolean;
  /**
   * Forgets what the ledger can answer. Only while no record is taken and not yet
   * decided: the lookup of such a record left out what memory knew when it was made.
   */
  readonly forgetCommitted: () => void;
  readonly count: () => number;
}

/** Past sales that stay in memory, so that what still refers to them does not load them each time. */
export const settledSalesMax = 16;

/** Settled sales and sales without a schedule that may be in memory before it is tidied. */
const strayMax = 100;

export function createHotSales(partition: Partition, ledger: WriterLedger, rememberedEventsMax: number): HotSales {
  const sales = new Map<SaleId, HotSale>();
  let used: HotSale | undefined;
  let uses = 0;

  function take(loaded: LoadedSale): HotSale {
    const state = restore(loaded.snapshot);
    const violated = checkInvariants(state);
    if (violated.length > 0) {
      throw new TerminalFault(
        'ledger_inconsistent',
        `sale ${loaded.snapshot.saleId} on partition ${String(partition)} breaks its invariants as the ledger has it: ${violated.join('; ')}. ` +
          'Nothing more is decided on this line. See "A line that halted" in docs/OPERATIONS.md.',
      );
    }
    const sale: HotSale = {
      saleNo: loaded.saleNo,
      saleId: loaded.snapshot.saleId,
      state,
      head: loaded.head,
      committedSeq: loaded.snapshot.seq,
      remembered: 0,
      ids: null,
      isPast: isSettled(state),
      usedAt: 0,
    };
    sales.set(sale.saleId, sale);
    return sale;
  }

  const isStray = (sale: HotSale) => statusOf(sale.state) === null || isSettled(sale.state);

  return {
    async loadUnsettled() {
      for (const loaded of await ledger.loadUnsettledSales(partition)) take(loaded);
    },
    get(saleId) {
      const sale = sales.get(saleId);
      if (sale !== undefined && sale !== used) {
        used = sale;
        sale.usedAt = ++uses;
      }
      return sale;
    },
    async load(saleId) {
      const loaded = await ledger.loadSale(partition, saleId);
      if (loaded === null) return undefined;
      if (loaded.kind === 'loaded') return take(loaded);
      const unborn: HotSale = {
        saleNo: loaded.saleNo,
        saleId,
        state: initialState(saleId),
        head: EMPTY_HEAD,
        committedSeq: 0,
        remembered: 0,
        ids: createKeyFilter(),
        isPast: false,
        usedAt: 0,
      };
      sales.set(saleId, unborn);
      return unborn;
    },
    hasKeyOfAnother(own, command) {
      // Nearly always there is one sale.
      if (sales.size === 1 || isAnswered(own.state, command)) return false;
      for (const sale of sales.values()) if (sale !== own && isAnswered(sale.state, command)) return true;
      return false;
    },
    active() {
      let newest: HotSale | undefined;
      for (const sale of sales.values()) if (!isStray(sale) && (newest === undefined || sale.saleNo > newest.saleNo)) newest = sale;
      return newest;
    },
    crowded() {
      if (sales.size > strayMax) return true;
      for (const sale of sales.values()) if (sale.remembered > rememberedEventsMax) return true;
      return false;
    },
    forgetCommitted() {
      const isIdle = (sale: HotSale) => sale.committedSeq === seqOf(sale.state) && isStray(sale);
      const past = [...sales.values()].filter((sale) => sale.isPast && isIdle(sale)).sort((a, b) => b.usedAt - a.usedAt);
      const kept = new Set(past.slice(0, settledSalesMax));
      for (const sale of sales.values()) {
        if (isIdle(sale) && !kept.has(sale)) {
          sales.delete(sale.saleId);
        } else if (sale.remembered > rememberedEventsMax) {
          forget(sale.state, sale.committedSeq);
          sale.remembered = seqOf(sale.state) - sale.committedSeq;
        }
      }
    },
    count: () => sales.size,
  };
}
