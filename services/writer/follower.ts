import type { Partition, SaleNo, Seq } from '#schemas/ids.ts';
import { RetryableFault, TerminalFault } from '#shared/faults/faults.ts';
import type { SaleHead } from '#shared/ledger/ledger.ts';
import { catchUp, forgetMuch, type HotSale, restoreHotSale } from './hot-sale.ts';
import type { Limits, WriterPorts } from './ports.ts';

/**
 * Keeps the unsettled sales of partitions that others own in memory, so that taking
 * one over takes the events since the last look and not the whole sale. Nothing is
 * decided or told from what is followed here: it becomes a tenure's only after it has
 * caught up with the ledger under that tenure's epoch (`HotSales.loadUnsettled`).
 */
export interface Follower {
  /**
   * One look at the partitions, those left out being followed no more: sales that are new are loaded, others moved on at
   * an even pace, or left behind by a bounded number of events while they are in a rush. Not to be called before the last
   * look has ended. Faults of the ledger are waited out; a bug throws.
   */
  readonly look: (partitions: readonly Partition[]) => Promise<void>;
  /** Hands over what is followed of a partition, also what is just being loaded. */
  readonly take: (partition: Partition) => Promise<readonly HotSale[]>;
  /** Nothing more is asked of the ledger, but for what is under way. */
  readonly stop: () => void;
  readonly figures: () => FollowerFigures;
}

export interface FollowerFigures {
  readonly sales: number;
  /** Committed and not followed yet, at the last look; all of them while a sale is being loaded. */
  readonly lagEvents: number;
}

interface Followed {
  readonly partition: Partition;
  /** Rejects with what its load met; undefined where it was gone meanwhile. */
  readonly loading: Promise<HotSale | undefined>;
  lagEvents: number;
  /** Of the newest event at the last look. */
  seenSeq: Seq;
  /** Looks since its last rush; one just loaded counts as calm. */
  calmLooks: number;
  /** Looks since its last event. */
  stillLooks: number;
}

export function createFollower({ ledger, log, schedule }: Pick<WriterPorts, 'ledger' | 'log' | 'schedule'>, limits: Limits): Follower {
  const followed = new Map<SaleNo, Followed>();
  /** Sales that cannot be followed: whoever takes one over says why, and halts where it has to. */
  const refused = new Set<SaleNo>();
  /** Of the look that is under way, but for those that were taken since it began. */
  let wanted = new Set<Partition>();

  async function lookAt(head: SaleHead): Promise<void> {
    const { partition, saleNo } = head;
    const known = followed.get(saleNo);
    if (refused.has(saleNo) || !wanted.has(partition)) return;
    if (known === undefined) return load(head);
    const sale = await known.loading;
    if (sale === undefined) return;
    const isMine = () => followed.get(saleNo) === known;
    known.lagEvents = head.seq - sale.committedSeq;
    const arrived = head.seq - known.seenSeq;
    known.seenSeq = head.seq;
    known.calmLooks = arrived >= limits.rushEventsMin ? 0 : known.calmLooks + 1;
    known.stillLooks = arrived > 0 ? 0 : known.stillLooks + 1;
    const eventsMax = Math.min(limits.followEventsMax, Math.max(paceOf(known, limits), known.lagEvents - limits.followLagEventsMax));
    const caughtUp = await catchUp(sale, head, ledger, eventsMax, isMine);
    if (!isMine()) return;
    known.lagEvents = head.seq - sale.committedSeq;
    forgetMuch(sale, limits.rememberedEventsMax);
    if (caughtUp !== 'differs') return;
    followed.delete(saleNo);
    log.warn(
      { partition, sale_id: head.saleId, seq: sale.committedSeq, ledger_seq: head.seq },
      'a followed sale differs: loading it again',
    );
  }

  async function load({ partition, saleNo, saleId, seq }: SaleHead): Promise<void> {
    const loading = ledger
      .loadSale(partition, saleId)
      .then((loaded) => (loaded?.kind === 'loaded' ? restoreHotSale(partition, loaded, schedule) : undefined));
    const entry: Followed = { partition, loading, lagEvents: seq, seenSeq: seq, calmLooks: limits.calmLooksMin, stillLooks: 0 };
    followed.set(saleNo, entry);
    try {
      const sale = await loading;
      entry.lagEvents = 0;
      if (sale !== undefined && !sale.isPast) return;
      if (followed.get(saleNo) === entry) followed.delete(saleNo);
    } catch (error) {
      if (followed.get(saleNo) === entry) followed.delete(saleNo);
      if (error instanceof TerminalFault) refused.add(saleNo);
      throw error;
    }
  }

  function drop(heads: readonly SaleHead[]): void {
    const unsettled = new Set(heads.map(({ saleNo }) => saleNo));
    for (const saleNo of followed.keys()) if (!unsettled.has(saleNo)) followed.delete(saleNo);
    for (const saleNo of refused) if (!unsettled.has(saleNo)) refused.delete(saleNo);
  }

  return {
    async look(partitions) {
      wanted = new Set(partitions);
      try {
        const heads = partitions.length === 0 ? [] : await ledger.unsettledHeads(partitions);
        drop(heads);
        for (const head of heads) await lookAt(head);
      } catch (error) {
        if (!(error instanceof RetryableFault || error instanceof TerminalFault)) throw error;
        log.warn({ code: error.code, err: error.message }, 'following waits: the ledger is away, or a sale in it is not right');
      }
    },
    async take(partition) {
      wanted.delete(partition);
      const taken = [...followed].filter(([, entry]) => entry.partition === partition);
      for (const [saleNo] of taken) followed.delete(saleNo);
      // What went wrong with a load is the look's to tell; whoever takes the sale over loads it himself.
      const sales = await Promise.all(taken.map(([, { loading }]) => loading.catch(() => undefined)));
      return sales.filter((sale) => sale !== undefined);
    },
    stop() {
      wanted.clear();
      followed.clear();
    },
    figures() {
      let lagEvents = 0;
      for (const entry of followed.values()) lagEvents += entry.lagEvents;
      return { sales: followed.size, lagEvents };
    },
  };
}

/** Events of a look. A rush that stops for a moment, because its owner has to wait, is not over: to catch up right then would make it wait longer. */
function paceOf({ calmLooks, stillLooks }: Followed, limits: Limits): number {
  // Nothing comes at all: the owner is idle, or gone, and its lease runs out.
  if (stillLooks >= limits.stillLooksMin) return limits.followEventsMax;
  return calmLooks >= limits.calmLooksMin ? limits.followEventsPace : 0;
}
