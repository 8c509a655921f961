import type { OrderStatus } from '#schemas/event.ts';
import type { Partition } from '#schemas/ids.ts';
import type { PaymentBooks } from '../books.ts';
import type { DuePayment } from '../claim.ts';
import { firstCall, toEnroll, type PaymentRequested } from '../enroll.ts';
import { MANUAL_LIST_MAX } from '../list-manual.ts';
import type { RecordedFact, StateChange } from '../record-facts.ts';
import { RESTING_STATES, TRANSITIONS, type PaymentFact, type PaymentState } from '../states.ts';

/**
 * The books of payments in memory, each call atomic: what PostgreSQL would answer,
 * under a clock of the test's. tests/integration/payment-books.test.ts holds the two
 * against each other.
 */
export interface MemoryBooks extends PaymentBooks {
  /** By order. */
  rows(): ReadonlyMap<string, PaymentRow>;
}

export interface MemoryBooksOptions {
  /** The order as the ledger has it; null where it is not there. */
  readonly orderOf: (orderId: string) => { readonly status: OrderStatus; readonly paymentMethodId: string } | null;
  /** The sale's line; null where it has none. */
  readonly partitionOf: (saleId: string) => Partition | null;
  /** Milliseconds. */
  readonly now: () => number;
}

/** A row of `payments` with its rows of `payment_attempts`; times as `now` gives them. */
export interface PaymentRow {
  readonly orderId: string;
  readonly saleId: string;
  readonly reservationId: string;
  readonly state: PaymentState;
  readonly dueAt: number | null;
  readonly calls: number;
  readonly tries: number;
  readonly amount: number;
  readonly currency: string;
  readonly chargeId: string | null;
  readonly refundId: string | null;
  readonly failureReason: 'declined' | 'gave_up' | null;
  readonly lastOutcome: string | null;
  readonly requestId: string;
  readonly traceparent: string | null;
  readonly changedAt: number;
  readonly attempts: readonly PaymentAttempt[];
}

export interface PaymentAttempt {
  readonly call: number;
  readonly kind: 'charge' | 'refund';
  readonly finishedAt: number | null;
  readonly outcome: string | null;
}

/** The facts after which the same step is tried again. */
const TRY_AGAIN: Partial<Record<PaymentState, PaymentFact>> = { due: 'charge_unanswered', refund_due: 'refund_unanswered' };

/** The row once `fact` is known at `now`. */
function withFact(row: PaymentRow, { fact, delayMs, outcome, chargeId, refundId }: RecordedFact, now: number): PaymentRow {
  const state = TRANSITIONS[row.state][fact];
  const moved = state !== row.state;
  const fails = moved && state === 'declined';
  return {
    ...row,
    state,
    dueAt: RESTING_STATES.includes(state) ? null : moved || TRY_AGAIN[state] === fact ? now + delayMs : row.dueAt,
    tries: moved ? 0 : row.tries,
    chargeId: row.chargeId ?? chargeId ?? null,
    refundId: row.refundId ?? refundId ?? null,
    failureReason: !fails ? row.failureReason : fact === 'charge_declined' ? 'declined' : 'gave_up',
    lastOutcome: outcome ?? row.lastOutcome,
    changedAt: now,
  };
}

export function createMemoryBooks({ orderOf, partitionOf, now }: MemoryBooksOptions): MemoryBooks {
  const rows = new Map<string, PaymentRow>();

  function insert(events: readonly PaymentRequested[], state: 'due' | 'refund_due'): void {
    for (const event of events) {
      if (rows.has(event.order_id)) continue;
      rows.set(event.order_id, {
        orderId: event.order_id,
        saleId: event.sale_id,
        reservationId: event.reservation_id,
        state,
        dueAt: now(),
        calls: 0,
        tries: 0,
        amount: event.amount,
        currency: event.currency,
        chargeId: null,
        refundId: null,
        failureReason: null,
        lastOutcome: null,
        requestId: event.request_id,
        traceparent: event.traceparent ?? null,
        changedAt: now(),
        attempts: [],
      });
    }
  }

  function claim(row: PaymentRow, leaseMs: number, triesMax: number): DuePayment {
    const order = orderOf(row.orderId);
    const charging = row.state === 'due';
    const cameTooLate = charging && row.calls === 0 && order !== null && order.status !== 'pending';
    const calling = (charging || row.state === 'refund_due') && row.tries < triesMax && !cameTooLate;
    const calls = row.calls + Number(calling);
    const tries = row.tries + Number(calling);
    const attempt: PaymentAttempt = { call: calls, kind: charging ? 'charge' : 'refund', finishedAt: null, outcome: null };
    const attempts = calling ? [...row.attempts, attempt] : row.attempts;
    rows.set(row.orderId, { ...row, dueAt: now() + leaseMs, calls, tries, attempts });
    const { orderId, saleId, reservationId, state, amount, currency, chargeId, refundId, failureReason, requestId, traceparent } = row;
    return {
      ...{ orderId, saleId, reservationId, state, amount, currency, chargeId, refundId, failureReason, requestId, traceparent },
      call: calling ? calls : null,
      tries,
      cameTooLate,
      paymentMethodId: order?.paymentMethodId ?? null,
      partition: partitionOf(saleId),
    };
  }

  function record(facts: readonly RecordedFact[]): ReadonlyMap<string, StateChange> {
    const moved = new Map<string, StateChange>();
    for (const fact of facts) {
      const row = rows.get(fact.orderId);
      if (row === undefined) continue;
      const attempts = row.attempts.map((attempt) =>
        attempt.call === fact.call ? { ...attempt, finishedAt: now(), outcome: fact.outcome ?? null } : attempt,
      );
      // One statement changes a row once: of several facts about one order the others only close their attempts.
      const changed = moved.has(fact.orderId) ? row : withFact(row, fact, now());
      if (!moved.has(fact.orderId)) moved.set(fact.orderId, { before: row.state, after: changed.state });
      rows.set(fact.orderId, { ...changed, attempts });
    }
    return moved;
  }

  /** The longest due first; of equals the one that was enrolled first. */
  const waiting = () =>
    [...rows.values()].flatMap((row) => (row.dueAt === null ? [] : [{ row, dueAt: row.dueAt }])).sort((a, b) => a.dueAt - b.dueAt);

  const manual = () => [...rows.values()].filter(({ state }) => state === 'manual' || state === 'refund_manual');

  return {
    enroll(events, { limit, leaseMs }) {
      const { checkouts, refunds, requested } = toEnroll(events);
      insert(refunds, 'refund_due');
      const claimed = checkouts.flatMap((event, place) => {
        if (rows.has(event.order_id)) return [];
        insert([event], 'due');
        const order = orderOf(event.order_id);
        if (place >= limit || order?.status !== 'pending') return [];
        claim(rows.get(event.order_id)!, leaseMs, 1);
        return [firstCall(event, order.paymentMethodId, partitionOf(event.sale_id))];
      });
      record(requested);
      return Promise.resolve({ ours: checkouts.length + refunds.length, claimed });
    },
    claimDue(limit, leaseMs, triesMax) {
      const due = waiting().filter(({ dueAt }) => dueAt <= now());
      return Promise.resolve(due.slice(0, limit).map(({ row }) => claim(row, leaseMs, triesMax)));
    },
    recordFacts: (facts) => Promise.resolve(record(facts)),
    readBacklog() {
      const all = waiting();
      const overdueMs = Math.max(0, now() - (all[0]?.dueAt ?? now()));
      return Promise.resolve({ pending: all.length, manual: manual().length, overdueSeconds: overdueMs / 1_000 });
    },
    listManual() {
      const longestFirst = manual().sort((a, b) => a.changedAt - b.changedAt || (a.orderId < b.orderId ? -1 : 1));
      return Promise.resolve(
        longestFirst.slice(0, MANUAL_LIST_MAX).map((row) => ({
          order_id: row.orderId,
          sale_id: row.saleId,
          reservation_id: row.reservationId,
          kind: row.state === 'manual' ? ('charge' as const) : ('refund' as const),
          amount: row.amount,
          currency: row.currency,
          charge_id: row.chargeId,
          last_outcome: row.lastOutcome,
          calls: row.calls,
          since: new Date(row.changedAt).toISOString(),
        })),
      );
    },
    stateOf: (orderId) => Promise.resolve(rows.get(orderId)?.state ?? null),
    rows: () => rows,
  };
}
