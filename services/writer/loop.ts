import type { EpochMs, Offset, Partition } from '#schemas/ids.ts';
import { assert } from '#shared/faults/assert.ts';
import { RetryableFault, TerminalFault } from '#shared/faults/faults.ts';
import type { CommitOutcome, Position, SaleAfter } from '#shared/ledger/ledger.ts';
import type { LineRecord } from '#shared/line/line.ts';
import { contradiction } from '#shared/sale/learn.ts';
import { decideBatch, type DecidedBatch, type LinePosition } from './decide-batch.ts';
import type { HotSale } from './hot-sale.ts';
import { createOutbox, type Outbox, type PublishableSale } from './outbox.ts';
import { lookUpPart, parsePart, type Part } from './part.ts';
import type { Limits, WriterPorts } from './ports.ts';
import { checkPosition, clockAhead } from './position-check.ts';
import { createRecordQueue } from './record-queue.ts';
import { createHotSales, type Loaded } from './sales.ts';

/**
 * One tenure: the loop of one partition under one epoch, from the takeover to its
 * end. The modes, changed in `enter` only:
 *
 *   checking    is this still the line the ledger knows? (position-check.ts)
 *   loading     unsettled sales come into memory, or those that were followed catch up; what an earlier owner left is being published from here on
 *   deciding    records are taken, looked up, decided, committed; then told and published
 *   draining    no record is taken any more; what is under way is committed, told, published
 *   ended       nothing is committed, told or published any more
 *
 * It ends in one of four ways, and never comes back: a new tenure begins with a new
 * takeover, which raises the epoch, so that nothing of this one can still be
 * committed behind its back.
 */
export type Mode = 'checking' | 'loading' | 'deciding' | 'draining' | 'ended';

export type End =
  /** Another owns the partition, or may by now: tell nobody anything. */
  | { readonly kind: 'lost'; readonly why: string }
  /** Memory may differ from the ledger: take over again and load. */
  | { readonly kind: 'reload'; readonly fault: RetryableFault }
  /** Going on would be a guess: a person has to look. */
  | { readonly kind: 'halted'; readonly fault: TerminalFault }
  | { readonly kind: 'stopped' };

export interface Tenure {
  readonly partition: Partition;
  readonly epoch: Position['epoch'];
  readonly mode: () => Mode;
  /** Resolves once it decides, or has ended before. */
  readonly opened: Promise<void>;
  /** Resolves once no commit of this tenure is under way. Rejects on a bug: then the process must crash. */
  readonly ended: Promise<End>;
  readonly lose: (why: string) => void;
  /** Finishes what is under way, then ends as `stopped`. */
  readonly stop: () => void;
  readonly figures: () => Figures;
}

export interface Figures {
  readonly queueRecords: number;
  readonly unpublishedFull: boolean;
  /** Decided, and committed or about to be. */
  readonly nextOffset: Offset;
  readonly committedOffset: Offset;
  /** When the batch committed last was handed in: its fence renewed the lease no earlier. */
  readonly lastCommitAt: EpochMs;
  readonly hotSales: number;
}

/** What is told of a batch once it is committed: its leaves, and nothing else of its events, which are dead once they are handed in. */
interface Untold extends Omit<DecidedBatch, 'sales'> {
  readonly seqs: readonly SaleAfter['seq'][];
  readonly published: readonly PublishableSale[];
}

/** A batch on its way through the ledger, or one without events that only waits for its turn to be told. */
interface UnderWay {
  readonly batch: Untold;
  readonly handedInAt: EpochMs;
  readonly isCommit: boolean;
  outcome: CommitOutcome | { readonly kind: 'failed'; readonly error: unknown } | undefined;
}

/** @param followed sales of the partition as they were before the takeover, or earlier */
export function beginTenure(position: Position, ports: WriterPorts, limits: Limits, followed: Promise<readonly HotSale[]>): Tenure {
  const { partition, epoch } = position;
  const { ledger, line } = ports;
  const sales = createHotSales(partition, ports, limits.rememberedEventsMax);
  const queue = createRecordQueue(
    { recordsMax: limits.queueRecordsMax, bytesMax: limits.queueBytesMax },
    {
      pause: () => {
        line.pause(partition);
      },
      resume: () => {
        line.resume(partition);
      },
    },
  );
  const ended = Promise.withResolvers<End>();
  const opening = Promise.withResolvers<undefined>();
  const underWay: UnderWay[] = [];
  const parts: Part[] = [];
  let mode: Mode = 'checking';
  let end: End | { readonly kind: 'bug'; readonly error: unknown } | undefined;
  /** What draining leads to. */
  let drainTo: End = { kind: 'stopped' };
  let outbox: Outbox | undefined;
  let opened = false;
  let partRecords = 0;
  let lookingUp = false;
  let stepping = false;
  let commitsUnderWay = 0;
  let callOffLazyCommit: (() => void) | undefined;
  let callOffDrain: (() => void) | undefined;
  /** Decided in memory; handed to the ledger; committed. */
  let decided: LinePosition = position;
  let handedIn: LinePosition = position;
  let committedOffset = position.nextOffset;
  let lastCommitAt = 0 as EpochMs;
  let offsetAsked = position.nextOffset;

  function enter(next: Mode): void {
    assert(mode !== 'ended', 'a tenure that has ended does not come back');
    ports.log.debug({ partition, epoch, from: mode, to: next }, 'mode');
    mode = next;
  }

  /** The first end counts. `ended` waits for the commits under way, so that a reload cannot overtake them. */
  function finish(how: End | { readonly kind: 'bug'; readonly error: unknown }): void {
    if (end !== undefined) return;
    end = how;
    enter('ended');
    opening.resolve(undefined);
    callOffLazyCommit?.();
    callOffDrain?.();
    outbox?.stop();
    if (opened) line.close(partition);
    settleEnd();
  }

  function settleEnd(): void {
    if (end === undefined || commitsUnderWay > 0) return;
    if (end.kind === 'bug') ended.reject(end.error);
    else ended.resolve(end);
  }

  /** A fault of whatever was asked of a port. */
  function fail(error: unknown): void {
    if (error instanceof RetryableFault) finish({ kind: 'reload', fault: error });
    else if (error instanceof TerminalFault) finish({ kind: 'halted', fault: error });
    else finish({ kind: 'bug', error });
  }

  function guarded(run: () => void): void {
    try {
      run();
    } catch (error) {
      fail(error);
    }
  }

  async function begin(): Promise<void> {
    await checkPosition(position, line, { now: ports.now(), clockAheadMsMax: limits.clockAheadMsMax });
    if (hasEnded()) return;
    enter('loading');
    const begun = ports.now();
    const loaded = await sales.loadUnsettled(await followed);
    if (hasEnded()) return;
    if (loaded.decidedOffset >= position.nextOffset) {
      // The lease ran out while this loaded, by the ledger's clock at least.
      const what = `offset ${String(loaded.decidedOffset)} is decided, this tenure began at ${String(position.nextOffset)}`;
      finish({ kind: 'reload', fault: new RetryableFault('ledger_ahead', `${what}: another has decided since`) });
      return;
    }
    tellLoaded(loaded, ports.now() - begun);
    ports.startPublishing(partition);
    outbox = createOutbox({
      partition,
      publishedOffset: position.publishedOffset,
      nextOffset: position.nextOffset,
      unpublished: (of, from) => ledger.unpublished(of, from),
      publish: ports.publish,
      schedule: ports.schedule,
      onChange: wake,
      onFault: fail,
      onRetry: (fault, waitMs) => {
        ports.log.warn(
          { partition, code: fault.code, wait_ms: waitMs, err: fault.message },
          'publishing waits: Kafka or the ledger is away',
        );
      },
      unpublishedEventsMax: limits.unpublishedEventsMax,
      unpublishedBatchesMax: limits.unpublishedBatchesMax,
    });
    enter('deciding');
    opened = true;
    opening.resolve(undefined);
    line.open(partition, position.nextOffset, (records) => {
      guarded(() => {
        receive(records);
      });
    });
    wake();
  }

  function tellLoaded({ warm, cold, caughtUpEvents }: Loaded, ms: number): void {
    if (warm + cold === 0) return;
    ports.log.info({ partition, epoch, warm, cold, caught_up_events: caughtUpEvents, ms }, 'sales are in memory: deciding');
  }

  // A function, because the compiler would take what it knows of `mode` across an await.
  function hasEnded(): boolean {
    return mode === 'ended';
  }

  function receive(records: readonly LineRecord[]): void {
    if (hasEnded() || records.length === 0) return;
    for (const record of records) {
      if (record.offset !== offsetAsked) {
        throw new TerminalFault(
          'line_hole',
          `partition ${String(partition)} of sale.commands gave offset ${String(record.offset)} where ${String(offsetAsked)} is next: records are missing or out of order. ` +
            'Look at the topic (was it altered or made anew?), restore it, and restart the writer.',
        );
      }
      offsetAsked = (offsetAsked + 1) as Offset;
    }
    queue.push(records);
    wake();
  }

  /** Does everything that can be done now. Called whenever something has changed. */
  function wake(): void {
    if (stepping) return;
    stepping = true;
    guarded(() => {
      while (step());
    });
    stepping = false;
  }

  /** One thing that can be done now; false where there is none. */
  function step(): boolean {
    if (mode === 'deciding' && mayTake()) {
      takePart();
      return true;
    }
    if (mode === 'deciding' && mayDecide()) {
      decideAndHandIn();
      return true;
    }
    if (mode === 'draining') drain();
    return false;
  }

  /** One lookup at a time: while it is under way the next part grows. */
  function mayTake(): boolean {
    const next = queue.peek();
    if (lookingUp || next === undefined) return false;
    if (parts.length > 1 && partRecords >= limits.batchRecordsMax) return false;
    // What stands before it is decided first; then the line halts.
    if (isAhead(next) && parts.length > 0) return false;
    if (sales.crowded()) {
      // Forgetting needs a moment in which no record is taken and undecided.
      if (parts.length > 0) return false;
      sales.forgetCommitted();
    }
    return true;
  }

  function isAhead(record: LineRecord): boolean {
    return record.timestamp > ports.now() + limits.clockAheadMsMax;
  }

  function takePart(): void {
    const usualMax = queue.size() > limits.batchRecordsMax ? limits.backlogBatchRecordsMax : limits.batchRecordsMax;
    const batchMax = queue.peek()?.offset === position.nextOffset ? Math.min(usualMax, limits.firstBatchRecordsMax) : usualMax;
    const records: LineRecord[] = [];
    for (let record = queue.peek(); record !== undefined && records.length < batchMax; record = queue.peek()) {
      if (isAhead(record)) {
        if (records.length > 0) break;
        startDraining({
          kind: 'halted',
          fault: clockAhead(`partition ${String(partition)} of sale.commands`, record.timestamp, ports.now()),
        });
        return;
      }
      records.push(record);
      queue.shift();
    }
    const part = parsePart(records, ports.parse);
    parts.push(part);
    partRecords += records.length;
    const lookup = lookUpPart(part, sales, ledger);
    if (lookup === null) {
      part.ready = true;
      return;
    }
    lookingUp = true;
    lookup.then(
      () => {
        part.ready = true;
        lookingUp = false;
        wake();
      },
      (error: unknown) => {
        lookingUp = false;
        fail(error);
      },
    );
  }

  function mayDecide(): boolean {
    if (parts[0]?.ready !== true || outbox?.full() !== false) return false;
    if (commitsUnderWay >= limits.commitsInFlightMax) return false;
    return commitsUnderWay === 0 || partRecords + queue.size() >= limits.overlapRecordsMin;
  }

  function decideAndHandIn(): void {
    const ready: Part[] = [];
    for (const part of parts) {
      if (!part.ready) break;
      ready.push(part);
    }
    const contradicted = contradictionIn(ready);
    if (contradicted !== null) {
      // A process that stood still past its lease, and asked before anything told it so.
      finish({ kind: 'reload', fault: new RetryableFault('ledger_ahead', `${contradicted}: another has decided since`) });
      return;
    }
    const batch = decideBatch(ready, decided, sales, { recordsMax: limits.backlogBatchRecordsMax, eventsMax: limits.batchEventsMax });
    assert(batch.records > 0, 'a batch decides at least one record');
    while (parts[0] !== undefined && parts[0].decided === parts[0].records.length) parts.shift();
    partRecords -= batch.records;
    decided = batch.position;
    for (const { offset, sha256, requestId } of batch.passed) {
      ports.observer.passed(partition);
      ports.log.warn(
        { partition, offset, record_sha256: sha256, request_id: requestId },
        'passed a record that belongs to no sale: the line has none that is active',
      );
    }
    if (batch.sales.length > 0) {
      commit(batch);
    } else {
      // Nothing changed: deciding it again would give the same. The offset moves with the next batch that has events.
      underWay.push({ batch: untold(batch), handedInAt: ports.now(), isCommit: false, outcome: { kind: 'committed' } });
      settle();
      callOffLazyCommit ??= ports.schedule(limits.lazyCommitMs, () => {
        callOffLazyCommit = undefined;
        // A batch that is under way may be the one that takes the offset along; if it is not, the next one does.
        if (commitsUnderWay < limits.commitsInFlightMax) guarded(commitOffset);
      });
    }
  }

  function commitOffset(): void {
    if (hasEnded() || handedIn.nextOffset === decided.nextOffset) return;
    commit({
      position: decided,
      records: 0,
      sales: [],
      hot: [],
      announcement: { replies: [], settledOrders: [] },
      outcomes: new Map(),
      passed: [],
    });
  }

  function commit(batch: DecidedBatch): void {
    assert(batch.position.nextOffset > handedIn.nextOffset, 'the offset moves forward');
    assert(outbox !== undefined, 'nothing is committed before the outbox stands');
    callOffLazyCommit?.();
    callOffLazyCommit = undefined;
    const entry: UnderWay = { batch: untold(batch), handedInAt: ports.now(), isCommit: true, outcome: undefined };
    const expectedNextOffset = handedIn.nextOffset;
    handedIn = batch.position;
    underWay.push(entry);
    commitsUnderWay++;
    ledger
      .commit({
        partition,
        epoch,
        expectedNextOffset,
        nextOffset: batch.position.nextOffset,
        lastAt: batch.position.lastAt,
        lastRecordSha256: batch.position.lastRecordSha256,
        publishedOffset: outbox.publishedOffset(),
        sales: batch.sales,
      })
      .then(
        (outcome) => {
          entry.outcome = outcome;
        },
        (error: unknown) => {
          entry.outcome = { kind: 'failed', error };
        },
      )
      .then(() => {
        commitsUnderWay--;
        guarded(settle);
        settleEnd();
        wake();
      }, fail);
  }

  /** Tells what is committed, in the order of the line, and only that. */
  function settle(): void {
    while (underWay[0]?.outcome !== undefined && !hasEnded()) {
      const entry = underWay.shift();
      const outcome = entry?.outcome;
      if (entry === undefined || outcome === undefined) return;
      if (outcome.kind === 'committed') tell(entry);
      else if (outcome.kind === 'fenced') finish({ kind: 'lost', why: 'another epoch owns the partition, or its offset moved' });
      else fail(outcome.error);
    }
    if (underWay.length === 0 && parts.length === 0) sales.forgetCommitted();
  }

  function tell({ batch, handedInAt, isCommit }: UnderWay): void {
    assert(outbox !== undefined, 'nothing is told before the outbox stands');
    for (let index = 0; index < batch.hot.length; index++) {
      const sale = batch.hot[index];
      const seq = batch.seqs[index];
      assert(
        sale !== undefined && seq !== undefined && sale.saleId === batch.published[index]?.saleId,
        'a batch names its sales in one order',
      );
      assert(seq > sale.committedSeq, 'the committed seq moves forward');
      sale.committedSeq = seq;
    }
    if (batch.announcement.replies.length > 0 || batch.announcement.settledOrders.length > 0)
      ports.announce(batch.announcement).catch(fail);
    if (isCommit) {
      committedOffset = batch.position.nextOffset;
      lastCommitAt = handedInAt;
      outbox.add(committedOffset, batch.published);
    }
    ports.observer.committed({
      partition,
      records: batch.records,
      outcomes: batch.outcomes,
      commitMs: isCommit ? ports.now() - handedInAt : 0,
    });
  }

  function startDraining(to: End): void {
    if (mode === 'ended' || mode === 'draining') return;
    drainTo = to;
    enter('draining');
    callOffDrain = ports.schedule(drainMsMax, () => {
      finish(drainTo);
    });
    wake();
  }

  /** Ends once nothing is under way; the last commit notes how far publishing got, so that the next owner need not repeat it. */
  function drain(): void {
    if (underWay.length > 0) return;
    if (outbox?.isEmpty() === false) return;
    if (outbox !== undefined && handedIn.nextOffset < decided.nextOffset) commitOffset();
    else finish(drainTo);
  }

  begin().catch(fail);

  return {
    partition,
    epoch,
    mode: () => mode,
    opened: opening.promise,
    ended: ended.promise,
    lose: (why) => {
      finish({ kind: 'lost', why });
    },
    stop: () => {
      startDraining({ kind: 'stopped' });
    },
    figures: () => ({
      queueRecords: queue.size() + partRecords,
      unpublishedFull: outbox?.full() ?? false,
      nextOffset: decided.nextOffset,
      committedOffset,
      lastCommitAt,
      hotSales: sales.count(),
    }),
  };
}

/** What the ledger answered cannot be of the past of what is in memory; null: nothing. */
function contradictionIn(parts: readonly Part[]): string | null {
  for (const { known, decided } of parts) {
    if (decided > 0) continue;
    for (const { sale, known: answered } of known) {
      const found = contradiction(sale.state, answered);
      if (found !== null) return found;
    }
  }
  return null;
}

/** How long draining may wait for Kafka and PostgreSQL. */
const drainMsMax = 4_000;

function untold({ sales, ...batch }: DecidedBatch): Untold {
  return {
    ...batch,
    seqs: sales.map(({ seq }) => seq),
    published: sales.map(({ saleId, events }) => ({ saleId, events: events.map(({ event, leaf }) => ({ seq: event.seq, leaf })) })),
  };
}
