import type { Command } from '#schemas/command.ts';
import type { Offset, Partition, SaleId } from '#schemas/ids.ts';
import { EMPTY_HEAD } from '#shared/proof/seal.ts';
import { isAnswered } from '#shared/sale/learn.ts';
import { initialState, isSettled, seqOf, statusOf } from '#shared/sale/state.ts';
import { catchUp, forgetMuch, type HotSale, restoreHotSale } from './hot-sale.ts';
import { createKeyFilter } from './key-filter.ts';
import type { WriterPorts } from './ports.ts';

/** The sales of one partition that are in memory: those not settled, and settled ones that something on the line referred to not long ago. */
export interface HotSales {
  /**
   * Brings all that are not settled into memory: those that were followed by the events
   * since, those that were not, or differ from the ledger, as the ledger has them.
   * TerminalFault `ledger_inconsistent` where one of these breaks an invariant.
   */
  readonly loadUnsettled: (followed: readonly HotSale[]) => Promise<Loaded>;
  readonly get: (saleId: SaleId) => HotSale | undefined;
  /** Brings a sale into memory; undefined: this line has no such sale. Not for one that is in memory. */
  readonly load: (saleId: SaleId) => Promise<HotSale | undefined>;
  /** Whether the command's key was decided in another sale that is in memory: keys are one namespace, in the ledger too. */
  readonly hasKeyOfAnother: (own: HotSale, command: Command) => boolean;
  /** Where the line puts what belongs to no sale: the one that is scheduled and was never settled. */
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

/** How the sales that are not settled came into memory. */
export interface Loaded {
  /** Followed, and exactly as the ledger has them. */
  readonly warm: number;
  readonly cold: number;
  /** By which those that are warm were moved on last. */
  readonly caughtUpEvents: number;
  /** Of the newest record that was decided for any of the warm ones; -1 where that is not known. */
  readonly decidedOffset: Offset | -1;
}

/** Past sales that stay in memory, so that what still refers to them does not load them each time. */
export const settledSalesMax = 16;

/** Settled sales and sales without a schedule that may be in memory before it is tidied. */
const strayMax = 100;

export function createHotSales(
  partition: Partition,
  { ledger, schedule }: Pick<WriterPorts, 'ledger' | 'schedule'>,
  rememberedEventsMax: number,
): HotSales {
  const sales = new Map<SaleId, HotSale>();
  let used: HotSale | undefined;
  let uses = 0;

  function take(sale: HotSale): HotSale {
    sales.set(sale.saleId, sale);
    return sale;
  }

  const isStray = (sale: HotSale) => statusOf(sale.state) === null || isSettled(sale.state);

  return {
    async loadUnsettled(followed) {
      let caughtUpEvents = 0;
      let warm = 0;
      let cold = 0;
      let decidedOffset: Offset | -1 = -1;
      for (const head of await ledger.unsettledHeads([partition])) {
        const sale = followed.find(({ saleNo }) => saleNo === head.saleNo);
        const from = sale?.committedSeq ?? 0;
        if (sale !== undefined && (await catchUp(sale, head, ledger)) === 'there') {
          warm++;
          caughtUpEvents += head.seq - from;
          decidedOffset = Math.max(decidedOffset, sale.state.lastOffset) as Offset | -1;
          take(sale);
        } else {
          cold++;
          const loaded = await ledger.loadSale(partition, head.saleId);
          if (loaded?.kind === 'loaded') take(await restoreHotSale(partition, loaded, schedule));
        }
      }
      return { warm, cold, caughtUpEvents, decidedOffset };
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
      if (loaded.kind === 'loaded') return take(await restoreHotSale(partition, loaded, schedule));
      const unborn: HotSale = {
        saleNo: loaded.saleNo,
        saleId,
        state: initialState(saleId),
        head: EMPTY_HEAD,
        committedSeq: 0,
        remembered: 0,
        ids: createKeyFilter(),
        isPast: false,
        wasSettled: false,
        usedAt: 0,
      };
      return take(unborn);
    },
    hasKeyOfAnother(own, command) {
      // Nearly always there is one sale.
      if (sales.size === 1 || isAnswered(own.state, command)) return false;
      for (const sale of sales.values()) if (sale !== own && isAnswered(sale.state, command)) return true;
      return false;
    },
    active() {
      let newest: HotSale | undefined;
      for (const sale of sales.values())
        if (statusOf(sale.state) !== null && !sale.wasSettled && (newest === undefined || sale.saleNo > newest.saleNo)) newest = sale;
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
        } else {
          forgetMuch(sale, rememberedEventsMax);
        }
      }
    },
    count: () => sales.size,
  };
}
