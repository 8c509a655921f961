import type { SaleId } from '#schemas/ids.ts';
import { RetryableFault } from '#shared/faults/faults.ts';
import type { LogStanding } from '#shared/ledger/log/tree-store.ts';
import { shrunkLog, type LogFault } from './log-fault.ts';
import { openSaleLog, type SaleLog, type SaleLogPorts } from './sale-log.ts';

/**
 * Follows the logs of all sales, grows their trees and signs them. Modes: not leading
 * (another copy follows; nothing is kept in memory), leading (a pass over the sales that
 * have grown, then a pause). A sale whose log does not fit stops; the others go on.
 */
export interface Follower {
  /** Ends when `signal` is aborted and the pass under way is over. Throws on bugs only. */
  run(signal: AbortSignal): Promise<void>;
  /** Whether this copy follows and signs. */
  readonly leads: () => boolean;
  readonly faults: () => ReadonlyMap<SaleId, LogFault>;
  /** Events that were decided and not in their trees at the newest pass. */
  readonly behind: () => number;
}

export interface FollowerPorts extends SaleLogPorts {
  readonly holdsLeadership: () => Promise<boolean>;
  /** Resolves early when the signal is aborted. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<unknown>;
  readonly onFault: (error: unknown) => void;
}

const passEveryMs = 200;
const askToLeadEveryMs = 500;
const awayMs = 1_000;
/** Every sale there ever was is looked at this often, and logs that stopped are tried again. */
const fullPassEveryMs = 30_000;
const salesAtOnceMax = 4;

export function createFollower(ports: FollowerPorts): Follower {
  const { store, guards, now, log, holdsLeadership, sleep, onFault } = ports;
  const logs = new Map<SaleId, SaleLog>();
  const faults = new Map<SaleId, LogFault>();
  let leads = false;
  let behind = 0;
  let fullPassAt = -Infinity;

  function note(saleId: SaleId, fault: LogFault | null): void {
    const before = faults.get(saleId);
    if (fault === null) {
      if (faults.delete(saleId)) log.info({ sale_id: saleId, was: before?.code }, 'the log of this sale is followed and signed again');
      return;
    }
    faults.set(saleId, fault);
    if (before?.code !== fault.code || before.seq !== fault.seq)
      log.error({ sale_id: saleId, code: fault.code, seq: fault.seq }, `NOT SIGNED: ${fault.detail}`);
  }

  /** Whether there is more of it to read. */
  async function step(standing: LogStanding, full: boolean): Promise<boolean> {
    const { saleId } = standing;
    // A log that cannot be opened or does not fit stays so until someone mends it.
    if (full && faults.has(saleId)) logs.delete(saleId);
    let saleLog = logs.get(saleId);
    if (saleLog === undefined) {
      if (!full && faults.has(saleId)) return false;
      const opened = await openSaleLog(standing, ports);
      if ('code' in opened) {
        note(saleId, opened);
        return false;
      }
      saleLog = opened;
      logs.set(saleId, saleLog);
    }
    let advanced;
    try {
      advanced = await saleLog.advance(standing);
    } catch (error) {
      logs.delete(saleId);
      throw error;
    }
    if (advanced === 'stale') {
      logs.delete(saleId);
      return true;
    }
    note(saleId, saleLog.fault());
    if (saleLog.finished(standing)) {
      await store.finish(standing.saleNo, standing.seq);
      logs.delete(saleId);
    }
    return advanced === 'on';
  }

  /** Whether there is more to read. */
  async function pass(full: boolean): Promise<boolean> {
    const standings = await store.standings(full);
    behind = standings.reduce((sum, { seq, size }) => sum + Math.max(0, seq - size), 0);
    if (full) {
      for (const saleId of await store.unknownOf(await guards.saleIds())) {
        const read = await guards.read(saleId);
        note(saleId, shrunkLog(saleId, 0, read.kind === 'read' ? read.guard.size : 1));
      }
    }
    let more = false;
    const waiting = [...standings];
    await Promise.all(
      Array.from({ length: salesAtOnceMax }, async () => {
        for (let standing = waiting.shift(); standing !== undefined; standing = waiting.shift())
          if (await step(standing, full)) more = true;
      }),
    );
    return more;
  }

  /** Milliseconds until the next. */
  async function turn(): Promise<number> {
    if (!(await holdsLeadership())) {
      if (leads) log.info('another copy follows the logs from here on');
      leads = false;
      logs.clear();
      faults.clear();
      behind = 0;
      return askToLeadEveryMs;
    }
    if (!leads) {
      leads = true;
      fullPassAt = -Infinity;
      log.info('this copy follows the logs and signs them');
    }
    const full = now() - fullPassAt >= fullPassEveryMs;
    const more = await pass(full);
    if (full) fullPassAt = now();
    return more ? 0 : passEveryMs;
  }

  return {
    async run(signal) {
      while (!signal.aborted) {
        let pauseMs;
        try {
          pauseMs = await turn();
        } catch (error) {
          if (!(error instanceof RetryableFault)) throw error;
          onFault(error);
          pauseMs = awayMs;
        }
        await sleep(pauseMs, signal);
      }
    },
    leads: () => leads,
    faults: () => faults,
    behind: () => behind,
  };
}
