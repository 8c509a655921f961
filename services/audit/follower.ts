import type { SaleId } from '#schemas/ids.ts';
import { RetryableFault } from '#shared/faults/faults.ts';
import type { LogStanding } from '#shared/ledger/log/tree-store.ts';
import { guardOf, openFollowedLog, type FollowedLog, type FollowedLogPorts } from './followed-log.ts';
import { shrunkLog, unusableGuard, type LogFault } from './log-fault.ts';

/**
 * Follows the logs of all sales, grows their trees and signs them. Modes: not leading
 * (another copy follows; what it signs is remembered on disk, nothing is kept in memory), leading (a pass over the sales that
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

export interface FollowerPorts extends FollowedLogPorts {
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
/** While another copy leads. */
const rememberEveryMs = 2_000;

export function createFollower(ports: FollowerPorts): Follower {
  const { store, guards, now, log, holdsLeadership, sleep, onFault } = ports;
  const logs = new Map<SaleId, FollowedLog>();
  const faults = new Map<SaleId, LogFault>();
  let leads = false;
  let behind = 0;
  let fullPassAt = -Infinity;
  let rememberedAt = -Infinity;

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
    let followed = logs.get(saleId);
    if (followed === undefined) {
      if (!full && faults.has(saleId)) return false;
      const opened = await openFollowedLog(standing, ports);
      if ('code' in opened) {
        note(saleId, opened);
        return false;
      }
      followed = opened;
      logs.set(saleId, followed);
    }
    let advanced;
    try {
      advanced = await followed.advance(standing);
    } catch (error) {
      logs.delete(saleId);
      throw error;
    }
    if (advanced === 'stale') {
      logs.delete(saleId);
      return true;
    }
    note(saleId, followed.fault());
    if (followed.finished(standing)) {
      await store.finish(standing.saleNo, standing.seq);
      logs.delete(saleId);
    }
    return advanced === 'on';
  }

  /** Whether there is more to read. */
  async function pass(full: boolean): Promise<boolean> {
    const standings = await store.standings(full);
    behind = standings.reduce((sum, { seq, size }) => sum + Math.max(0, seq - size), 0);
    if (full) await lookAtRest(standings);
    let more = false;
    const waiting = [...standings];
    // All of them are over before the next pass begins, also where one fails: two would grow the same tree.
    const ended = await Promise.allSettled(
      Array.from({ length: salesAtOnceMax }, async () => {
        for (let standing = waiting.shift(); standing !== undefined; standing = waiting.shift())
          if (await step(standing, full)) more = true;
      }),
    );
    const failed = ended.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return more;
  }

  /** Sales of which there is nothing to follow: those that the ledger no longer knows, and those that stand right again. */
  async function lookAtRest(standings: readonly LogStanding[]): Promise<void> {
    const unknown = await store.unknownOf(await guards.saleIds());
    for (const saleId of unknown) {
      const read = await guards.read(saleId);
      if (read.kind === 'read') note(saleId, shrunkLog(saleId, 0, read.guard.size));
      if (read.kind === 'unreadable') note(saleId, unusableGuard(saleId, 'guard_unreadable', read.why));
    }
    const amiss = new Set([...unknown, ...standings.map(({ saleId }) => saleId)]);
    for (const saleId of faults.keys()) {
      if (amiss.has(saleId)) continue;
      logs.delete(saleId);
      note(saleId, null);
    }
  }

  /**
   * What another copy signs is remembered here too, as far as it is seen: if this one comes to lead over a ledger that
   * was replaced meanwhile, it is not without a memory.
   */
  async function remember(): Promise<void> {
    if (now() - rememberedAt < rememberEveryMs) return;
    rememberedAt = now();
    for (const standing of await store.standings(false)) await guardOf(standing, ports);
  }

  /** Milliseconds until the next. */
  async function turn(): Promise<number> {
    if (!(await holdsLeadership())) {
      if (leads) log.info('another copy follows the logs from here on');
      leads = false;
      logs.clear();
      faults.clear();
      behind = 0;
      await remember();
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
