import type { Epoch, EpochMs, Partition } from '#schemas/ids.ts';
import { assert } from '#shared/faults/assert.ts';
import { RetryableFault, TerminalFault } from '#shared/faults/faults.ts';
import type { Position } from '#shared/ledger/ledger.ts';
import { createFollower, type FollowerFigures } from './follower.ts';
import { beginTenure, type End, type Figures, type Mode, type Tenure } from './loop.ts';
import type { Limits, WriterPorts } from './ports.ts';
import { assertSameCluster } from './position-check.ts';

/**
 * Which partitions this process owns. Each of those it was given is
 *
 *   standby   another owns it, or a pause after a fault is not over; asked for again at each poll, its sales followed (follower.ts)
 *   taking    its takeover is under way
 *   owned     a tenure runs (loop.ts says in which mode)
 *   halted    a person has to look; left alone until the process starts anew
 */
export interface Ownership {
  readonly start: () => void;
  /** Ends all tenures in order and releases their leases. */
  readonly stop: () => Promise<void>;
  /** Ends all tenures, because their source is gone; they are taken over again once `resume` is called. */
  readonly suspend: (why: string) => Promise<void>;
  readonly resume: () => void;
  readonly status: () => readonly PartitionStatus[];
  /** What is followed of the partitions in standby. */
  readonly following: () => FollowerFigures;
  /** When the ledger last answered; null before the first time. */
  readonly ledgerAnsweredAt: () => EpochMs | null;
}

export type PartitionStatus =
  | { readonly partition: Partition; readonly kind: 'standby' | 'taking' }
  | { readonly partition: Partition; readonly kind: 'owned'; readonly epoch: Epoch; readonly mode: Mode; readonly figures: Figures }
  | { readonly partition: Partition; readonly kind: 'halted'; readonly fault: TerminalFault };

export interface OwnershipOptions {
  readonly partitions: readonly Partition[];
  /** Names this process in the partitions' rows. */
  readonly owner: string;
  readonly clusterId: string;
  readonly ports: WriterPorts;
  readonly limits: Limits;
  readonly leases: Leases;
  /** Called on a bug; must end the process. */
  readonly crash: (error: unknown) => void;
}

export interface Leases {
  readonly leaseMs: number;
  readonly renewEveryMs: number;
  /** How often leases of others are looked at. */
  readonly pollEveryMs: number;
  /** Takeovers under way at once, each until its tenure decides. */
  readonly takeOversAtOnceMax: number;
  /** A tenure that loads for longer than this no longer keeps others waiting. */
  readonly loadPatienceMs: number;
  /** How much longer than its lease a renewal may hang: this process may have been too busy to read the answer. */
  readonly hangGraceMs: number;
  readonly backoffMsMin: number;
  readonly backoffMsMax: number;
}

export const DEFAULT_LEASES: Leases = {
  leaseMs: 2_000,
  renewEveryMs: 500,
  pollEveryMs: 100,
  takeOversAtOnceMax: 4,
  loadPatienceMs: 1_000,
  hangGraceMs: 100,
  backoffMsMin: 50,
  backoffMsMax: 5_000,
};

interface Held {
  readonly partition: Partition;
  kind: 'standby' | 'taking' | 'owned' | 'halted';
  tenure: Tenure | undefined;
  fault: TerminalFault | undefined;
  /** When the takeover or renewal that last succeeded was asked for: the lease counts from no earlier. */
  leasedAt: EpochMs;
  notBefore: EpochMs;
  backoffMs: number;
  committedAtStart: number;
}

export function createOwnership({ partitions, owner, clusterId, ports, limits, leases, crash }: OwnershipOptions): Ownership {
  const { ledger, log, observer, now, schedule } = ports;
  const held = partitions.map((partition): Held => ({
    partition,
    kind: 'standby',
    tenure: undefined,
    fault: undefined,
    leasedAt: 0 as EpochMs,
    notBefore: 0 as EpochMs,
    backoffMs: leases.backoffMsMin,
    committedAtStart: 0,
  }));
  const follower = createFollower(ports, limits);
  let paused = true;
  let stopping = false;
  let started = false;
  let renewing = false;
  let asking = false;
  let takeOversUnderWay = 0;
  let moreIsFree = false;
  let renewalAskedAt = 0 as EpochMs;
  let answeredAt: EpochMs | null = null;
  const waitingForEnd = new Set<() => void>();

  const answered = (): void => {
    answeredAt = now();
  };

  function later(ms: number, run: () => Promise<void>): void {
    schedule(ms, () => {
      run().catch(crash);
    });
  }

  async function poll(): Promise<void> {
    if (stopping) return;
    await takeNext();
    later(leases.pollEveryMs, poll);
  }

  async function follow(): Promise<void> {
    if (stopping) return;
    const others = held.filter(({ kind }) => kind === 'standby' || kind === 'taking');
    try {
      await follower.look(others.map(({ partition }) => partition));
    } catch (error) {
      // The ledger is closed once all has ended, also under a look.
      if (!isStopping()) throw error;
    }
    later(limits.followEveryMs, follow);
  }

  /**
   * Takes the first of what is free, as far as there is room. Asked anew whenever there is room again: the
   * lease of a sale that goes on was renewed by its last commit, so it runs out after those of lines on which
   * nothing moved, and then comes before them.
   */
  async function takeNext(): Promise<void> {
    const room = leases.takeOversAtOnceMax - takeOversUnderWay;
    const wanted = held.filter((entry) => entry.kind === 'standby' && entry.notBefore <= now());
    if (isIdle() || asking || room <= 0 || wanted.length === 0) return;
    asking = true;
    try {
      const free = await ledger.takeablePartitions(
        wanted.map(({ partition }) => partition),
        owner,
      );
      answered();
      moreIsFree = free.length > room;
      for (const partition of free.slice(0, room)) {
        const entry = wanted.find((one) => one.partition === partition);
        assert(entry !== undefined, 'the ledger names partitions that were asked for');
        takeAndOpen(entry).catch(crash);
      }
    } catch (error) {
      if (!(error instanceof RetryableFault)) throw error;
      log.warn({ code: error.code, err: error.message }, 'the ledger is away, waiting for it');
    } finally {
      asking = false;
    }
  }

  async function takeAndOpen(entry: Held): Promise<void> {
    takeOversUnderWay += 1;
    await takeOver(entry);
    if (entry.tenure !== undefined) await openedOrSlow(entry.tenure);
    takeOversUnderWay -= 1;
    if (moreIsFree) await takeNext();
  }

  function openedOrSlow(tenure: Tenure): Promise<void> {
    return new Promise((resolve) => {
      const callOff = schedule(leases.loadPatienceMs, resolve);
      void tenure.opened.then(() => {
        callOff();
        resolve();
      });
    });
  }

  // Functions, because the compiler would take what it knows of both across an await.
  const isStopping = () => stopping;
  const isIdle = () => paused || stopping;

  async function takeOver(entry: Held): Promise<void> {
    if (isIdle()) return;
    entry.kind = 'taking';
    const askedAt = now();
    try {
      const outcome = await ledger.takeOver(entry.partition, owner, leases.leaseMs, clusterId);
      answered();
      if (outcome.kind === 'leased_to_another') {
        entry.kind = 'standby';
        return;
      }
      if (isIdle()) {
        entry.kind = 'standby';
        await ledger.releaseLeases([{ partition: entry.partition, epoch: outcome.position.epoch }]);
        return;
      }
      assertSameCluster(outcome.position, clusterId);
      entry.leasedAt = askedAt;
      begin(entry, outcome.position);
    } catch (error) {
      if (error instanceof RetryableFault) pause(entry, error);
      else if (error instanceof TerminalFault) halt(entry, error);
      else throw error;
    }
  }

  function begin(entry: Held, position: Position): void {
    observer.tookOver(entry.partition, position.epoch, now());
    log.debug({ partition: entry.partition, epoch: position.epoch, next_offset: position.nextOffset }, 'took over');
    const tenure = beginTenure(position, ports, limits, follower.take(entry.partition));
    entry.kind = 'owned';
    entry.tenure = tenure;
    entry.committedAtStart = position.nextOffset;
    tenure.ended.then((end) => onEnd(entry, tenure, end)).catch(crash);
  }

  async function onEnd(entry: Held, tenure: Tenure, end: End): Promise<void> {
    const fields = { partition: entry.partition, epoch: tenure.epoch };
    observer.ended(entry.partition, end.kind);
    if (tenure.figures().committedOffset > entry.committedAtStart) entry.backoffMs = leases.backoffMsMin;
    entry.tenure = undefined;
    if (end.kind === 'reload') {
      log.warn({ ...fields, code: end.fault.code, err: end.fault.message }, 'memory may differ from the ledger: loading again');
      pause(entry, end.fault);
    } else if (end.kind === 'lost') {
      log.warn({ ...fields, why: end.why }, 'lost the partition: standing by');
      entry.kind = 'standby';
      entry.notBefore = (now() + leases.pollEveryMs) as EpochMs;
    } else {
      if (end.kind === 'halted') halt(entry, end.fault);
      else entry.kind = 'standby';
      try {
        await ledger.releaseLeases([fields]);
      } catch (error) {
        if (!(error instanceof RetryableFault)) throw error;
        // The lease runs out by itself.
      }
    }
    for (const resolve of waitingForEnd) resolve();
  }

  function pause(entry: Held, fault: RetryableFault): void {
    entry.kind = 'standby';
    entry.notBefore = (now() + entry.backoffMs) as EpochMs;
    log.debug({ partition: entry.partition, code: fault.code, wait_ms: entry.backoffMs }, 'takes over again after a pause');
    entry.backoffMs = Math.min(entry.backoffMs * 2, leases.backoffMsMax);
  }

  function halt(entry: Held, fault: TerminalFault): void {
    entry.kind = 'halted';
    entry.fault = fault;
    log.error({ partition: entry.partition, code: fault.code, err: fault.message }, 'halted: a person has to look');
  }

  async function renew(): Promise<void> {
    if (stopping) return;
    later(leases.renewEveryMs, renew);
    if (renewing) {
      const hanging = renewalAskedAt;
      if (now() - hanging >= leases.leaseMs) {
        schedule(leases.hangGraceMs, () => {
          if (renewing && renewalAskedAt === hanging) dropExpired();
        });
      }
      return;
    }
    const owned = held.flatMap((entry) => (entry.tenure === undefined ? [] : [{ entry, tenure: entry.tenure }]));
    if (owned.length === 0) return;
    renewing = true;
    const askedAt = now();
    renewalAskedAt = askedAt;
    try {
      const renewed = new Set(
        await ledger.renewLeases(
          owned.map(({ tenure }) => ({ partition: tenure.partition, epoch: tenure.epoch })),
          leases.leaseMs,
        ),
      );
      answered();
      for (const { entry, tenure } of owned) {
        if (entry.tenure !== tenure) continue;
        if (renewed.has(entry.partition)) entry.leasedAt = askedAt;
        else tenure.lose('its lease went to another');
      }
    } catch (error) {
      if (!(error instanceof RetryableFault)) throw error;
      log.warn({ code: error.code, err: error.message }, 'leases could not be renewed');
      dropExpired();
    } finally {
      renewing = false;
    }
  }

  /**
   * Another may own it by now: stop answering, although nothing has said so. Looked at when a renewal
   * fails or hangs, not when this process was merely too slow to ask: then the answer says who owns it,
   * and loading everything again would make a busy machine slower still. A committed
   * batch has renewed the lease as well.
   */
  function dropExpired(): void {
    for (const { tenure, leasedAt } of held) {
      if (tenure === undefined) continue;
      const renewedAt = Math.max(leasedAt, tenure.figures().lastCommitAt);
      if (now() - renewedAt >= leases.leaseMs) tenure.lose('its lease ran out unrenewed');
    }
  }

  async function endAll(finish: (tenure: Tenure) => void): Promise<void> {
    for (const entry of held) if (entry.tenure !== undefined) finish(entry.tenure);
    while (held.some((entry) => entry.kind === 'owned' || entry.kind === 'taking')) {
      await new Promise<void>((resolve) => {
        const done = (): void => {
          waitingForEnd.delete(done);
          callOff();
          resolve();
        };
        const callOff = schedule(leases.pollEveryMs, done);
        waitingForEnd.add(done);
      });
    }
  }

  return {
    start() {
      if (started) return;
      started = true;
      paused = false;
      poll().catch(crash);
      later(leases.renewEveryMs, renew);
      later(limits.followEveryMs, follow);
    },
    async stop() {
      stopping = true;
      follower.stop();
      await endAll((tenure) => {
        tenure.stop();
      });
    },
    async suspend(why) {
      paused = true;
      await endAll((tenure) => {
        tenure.lose(why);
      });
    },
    resume() {
      paused = false;
    },
    status: () =>
      held.map(({ partition, kind, tenure, fault }): PartitionStatus => {
        if (tenure !== undefined) return { partition, kind: 'owned', epoch: tenure.epoch, mode: tenure.mode(), figures: tenure.figures() };
        if (fault !== undefined) return { partition, kind: 'halted', fault };
        return { partition, kind: kind === 'taking' ? 'taking' : 'standby' };
      }),
    following: follower.figures,
    ledgerAnsweredAt: () => answeredAt,
  };
}
