import type { Pool } from 'pg';
import type { Event } from '#schemas/event.ts';
import { withLedgerFaults } from '#shared/ledger/ledger-fault.ts';
import { readBacklog, type Backlog } from './backlog.ts';
import { claimDue, type DuePayment } from './claim.ts';
import { enroll, type ClaimOfNew, type Enrolled } from './enroll.ts';
import { listManual, type ManualPayment } from './list-manual.ts';
import { recordFacts, type RecordedFact, type StateChange } from './record-facts.ts';
import { stateOf } from './state-of.ts';
import type { PaymentState } from './states.ts';

/**
 * What is known about all payments, shared by every process of the service. Each
 * call is atomic, but `enroll`, which may be repeated. All throw RetryableFault
 * where the ledger is away.
 */
export interface PaymentBooks {
  /**
   * Puts what the line asks for into the books, once, however often the events come,
   * and claims what is new of it.
   */
  enroll(events: readonly Event[], claim: ClaimOfNew): Promise<Enrolled>;
  /** Claims at most `limit` due payments for `leaseMs`: a worker that dies frees them by that. */
  claimDue(limit: number, leaseMs: number, triesMax: number): Promise<readonly DuePayment[]>;
  /** Applies facts about distinct orders; orders that have no payment are absent from the answer. */
  recordFacts(facts: readonly RecordedFact[]): Promise<ReadonlyMap<string, StateChange>>;
  readBacklog(): Promise<Backlog>;
  /** The longest waiting first, at most MANUAL_LIST_MAX. */
  listManual(): Promise<readonly ManualPayment[]>;
  /** Null where no payment of that order is known. */
  stateOf(orderId: string): Promise<PaymentState | null>;
}

/** The books in PostgreSQL. */
export function createPaymentBooks(pool: Pick<Pool, 'query'>): PaymentBooks {
  return {
    enroll: (events, claim) => withLedgerFaults('taking payments in', () => enroll(pool, events, claim)),
    claimDue: (limit, leaseMs, triesMax) => withLedgerFaults('claiming due payments', () => claimDue(pool, limit, leaseMs, triesMax)),
    recordFacts: (facts) => withLedgerFaults('recording results of payments', () => recordFacts(pool, facts)),
    readBacklog: () => withLedgerFaults('counting the payments that wait', () => readBacklog(pool)),
    listManual: () => withLedgerFaults('listing payments for a person', () => listManual(pool)),
    stateOf: (orderId) => withLedgerFaults('looking up a payment', () => stateOf(pool, orderId)),
  };
}
