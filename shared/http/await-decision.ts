import type { Event } from '#schemas/event.ts';
import type { EpochMs, Fingerprint, SaleNo, Seq } from '#schemas/ids.ts';
import type { DecisionKey, FoundDecision } from '#shared/ledger/read/decisions.ts';
import type { Place } from '#shared/line/line.ts';
import { utcTime } from '#shared/proof/utc.ts';
import type { Reply, ReplyListener } from '#shared/replies/replies.ts';
import { everyInBackground, type Every } from './every.ts';

/**
 * Waiting for the decision of a request that stands in the line. The reply comes
 * by Redis; whoever waits longer than that should take is looked up in the ledger,
 * all of them in one query. So a lost reply costs time and nothing else.
 */

/** `conflict`: the key was used for a request with another fingerprint. `replayed`: another attempt with the key was decided. */
export type Awaited =
  | { readonly kind: 'decided'; readonly event: Event; readonly replayed: boolean }
  | { readonly kind: 'conflict' }
  | { readonly kind: 'unknown_sale' }
  | { readonly kind: 'undecided'; readonly place: Place };

export interface ExpectedDecision extends DecisionKey {
  readonly saleNo: SaleNo;
  readonly fingerprint: Fingerprint;
}

/**
 * What of an attempt stands in the event that decided it. A record may stand in the line
 * twice and its place may be unknown, so the place does not tell whose decision it was.
 * These tell unless a client gives two attempts, received in the same millisecond, the same
 * X-Request-Id and the same traceparent: then neither answer is marked as replayed.
 */
export interface Attempt {
  readonly request_id: string;
  readonly traceparent?: string | undefined;
  readonly accepted_at: EpochMs;
}

export interface DecisionWaiterOptions {
  readonly replies: Pick<ReplyListener, 'newReplyTo' | 'waitFor' | 'forget' | 'connected'>;
  /** Decisions by key, of those keys that have one. */
  readonly findDecisions: (keys: readonly DecisionKey[]) => Promise<ReadonlyMap<string, FoundDecision>>;
  /** The leaf of one event; null where there is none. */
  readonly readLeaf: (saleNo: SaleNo, seq: Seq) => Promise<string | null>;
  /** Told of a sweep that failed; the waiters are swept again. */
  readonly onFault: (error: unknown) => void;
  readonly now?: () => number;
  readonly every?: Every;
}

export interface DecisionWait {
  readonly replyTo: string;
  /** Ends by the decision or, at the latest, when the wait is over and the request is in the line. Rejects where it could not be put there. */
  until(deadlineMs: number, attempt: Attempt, enqueued: Promise<Place>): Promise<Awaited>;
}

export interface DecisionWaiter {
  expect(decision: ExpectedDecision): DecisionWait;
  waiting(): number;
  /** Ends every wait at once as undecided. */
  stop(): void;
}

/** How long a reply may take before the ledger is asked. */
const sweepAfterMs = 300;
const sweepAfterMsWithoutReplies = 25;
/** A waiter that was looked up in vain is looked up again after this, twice as late each time. */
const sweepAgainMsMax = 2_000;
const sweepAgainMsMaxWithoutReplies = 100;
const sweptAtOnceMax = 1_000;
/** The record may be put in the line only after the client's wait is over; its reply is still taken then. */
const replyGraceMs = 1_000;
const beatMs = 25;

interface Waiter {
  readonly id: string;
  readonly expected: ExpectedDecision;
  readonly since: number;
  deadline: number;
  attempt: Attempt | null;
  place: Place | null;
  sweepAt: number;
  sweepGap: number;
  settle: ((outcome: Awaited) => void) | null;
}

export function createDecisionWaiter(options: DecisionWaiterOptions): DecisionWaiter {
  const { replies, findDecisions, readLeaf, onFault, now = Date.now, every = everyInBackground } = options;
  /** In the order in which they began to wait, so the oldest come first. */
  const waiters = new Map<string, Waiter>();
  let sweeping = false;
  let stopped = false;

  function settle(waiter: Waiter, outcome: Awaited): void {
    const { settle: tell } = waiter;
    if (forget(waiter)) tell?.(outcome);
  }

  /** false where it was forgotten before. What it knows of its request goes with it: see docs/decisions/0010. */
  function forget(waiter: Waiter): boolean {
    if (!waiters.delete(waiter.id)) return false;
    replies.forget(waiter.id);
    waiter.attempt = null;
    waiter.settle = null;
    return true;
  }

  function decide(waiter: Waiter, leaf: string): void {
    const event = JSON.parse(leaf) as Event;
    settle(waiter, { kind: 'decided', event, replayed: waiter.attempt === null || !isOf(waiter.attempt, event) });
  }

  async function repeat(waiter: Waiter, seq: Seq): Promise<void> {
    try {
      const leaf = await readLeaf(waiter.expected.saleNo, seq);
      // Where it cannot be read the sweep goes on looking.
      if (leaf !== null) decide(waiter, leaf);
    } catch (error) {
      onFault(error);
    }
  }

  async function sweep(due: readonly Waiter[]): Promise<void> {
    sweeping = true;
    try {
      const found = await findDecisions(due.map(({ expected }) => ({ kind: expected.kind, key: expected.key })));
      for (const waiter of due) {
        const decision = found.get(waiter.expected.key);
        if (decision === undefined) continue;
        if (decision.fingerprint !== waiter.expected.fingerprint) settle(waiter, { kind: 'conflict' });
        else decide(waiter, decision.leaf);
      }
    } catch (error) {
      onFault(error);
    } finally {
      sweeping = false;
    }
  }

  function receive(waiter: Waiter, reply: Reply | null): void {
    // Nothing came in time, or the listener is full: the sweep goes on looking.
    if (reply === null || !waiters.has(waiter.id)) return;
    switch (reply.kind) {
      case 'decided':
        decide(waiter, reply.leaf);
        break;
      case 'repeated':
        void repeat(waiter, reply.seq);
        break;
      case 'unknown_sale':
        settle(waiter, { kind: 'unknown_sale' });
        break;
    }
  }

  function beat(): void {
    if (waiters.size === 0) return;
    const at = now();
    const arrive = replies.connected();
    const youngest = at - (arrive ? sweepAfterMs : sweepAfterMsWithoutReplies);
    const gapMax = arrive ? sweepAgainMsMax : sweepAgainMsMaxWithoutReplies;
    const due: Waiter[] = [];
    for (const waiter of waiters.values()) {
      if (waiter.place !== null && waiter.deadline <= at) {
        settle(waiter, { kind: 'undecided', place: waiter.place });
      } else if (!sweeping && waiter.since <= youngest && waiter.sweepAt <= at && due.length < sweptAtOnceMax) {
        waiter.sweepGap = Math.min(waiter.sweepGap * 2, gapMax);
        waiter.sweepAt = at + waiter.sweepGap;
        due.push(waiter);
      }
    }
    if (due.length > 0) void sweep(due);
  }
  const stopBeating = every(beatMs, beat);

  return {
    expect(expected) {
      const at = now();
      const waiter: Waiter = {
        id: replies.newReplyTo(),
        expected,
        since: at,
        deadline: Infinity,
        attempt: null,
        place: null,
        sweepAt: 0,
        sweepGap: beatMs * 2,
        settle: null,
      };
      return {
        replyTo: waiter.id,
        until: (deadlineMs, attempt, enqueued) =>
          new Promise<Awaited>((resolve, reject) => {
            waiter.deadline = deadlineMs;
            waiter.attempt = attempt;
            waiter.settle = resolve;
            waiters.set(waiter.id, waiter);
            void replies.waitFor(waiter.id, Math.max(0, deadlineMs - now()) + replyGraceMs).then((reply) => receive(waiter, reply));
            enqueued.then(
              (place) => {
                waiter.place = place;
                if (stopped || waiter.deadline <= now()) settle(waiter, { kind: 'undecided', place });
              },
              (fault: unknown) => {
                if (!forget(waiter)) return;
                reject(fault instanceof Error ? fault : new Error(String(fault)));
              },
            );
          }),
      };
    },
    waiting: () => waiters.size,
    stop() {
      stopped = true;
      stopBeating();
      for (const waiter of [...waiters.values()]) if (waiter.place !== null) settle(waiter, { kind: 'undecided', place: waiter.place });
    },
  };
}

function isOf(attempt: Attempt, event: Event): boolean {
  return (
    event.request_id === attempt.request_id &&
    event.traceparent === attempt.traceparent &&
    'accepted_at' in event &&
    event.accepted_at !== undefined &&
    event.accepted_at === utcTime(attempt.accepted_at)
  );
}
