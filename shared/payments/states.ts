/**
 * The life of a payment: a charge, and where the line asks for it, its refund.
 * Facts arrive from workers, from the line and from operators, late and repeated;
 * the table says what each changes, so that none of them has to arrive in order.
 */

export const PAYMENT_STATES = [
  /** To be charged. */
  'due',
  /** Charged; the line does not know yet. */
  'captured',
  /** Will not be charged; the line does not know yet. */
  'declined',
  /** Whether it was charged is unknown and tries are used up: a person looks. */
  'manual',
  /** The line knows that it was charged. */
  'succeeded',
  /** The line knows that it will not be charged. */
  'failed',
  'refund_due',
  /** Refunded; the line does not know yet. */
  'refund_made',
  'refund_manual',
  'refunded',
] as const;
export type PaymentState = (typeof PAYMENT_STATES)[number];

export const PAYMENT_FACTS = [
  'charge_captured',
  'charge_declined',
  /** The gateway was never called: the order had failed before the first call. */
  'charge_not_made',
  /** No answer, or one that says to try again. */
  'charge_unanswered',
  /** Tries are used up, or the gateway refused what it was asked. */
  'charge_given_up',
  'refund_requested',
  'refund_made',
  'refund_unanswered',
  'refund_given_up',
  /** The result stands on the line. */
  'success_reported',
  'failure_reported',
  'refund_reported',
  /** An operator knows how it ended, or wants it tried again. */
  'settled_succeeded',
  'settled_failed',
  'settled_retry',
] as const;
export type PaymentFact = (typeof PAYMENT_FACTS)[number];

/** States in which nothing is to be done until a fact arrives. */
export const RESTING_STATES: readonly PaymentState[] = ['manual', 'succeeded', 'failed', 'refund_manual', 'refunded'];

/** What each fact makes of each state. The state itself: nothing changes. */
export const TRANSITIONS: Record<PaymentState, Record<PaymentFact, PaymentState>> = {
  due: {
    charge_captured: 'captured',
    charge_declined: 'declined',
    charge_not_made: 'declined',
    charge_unanswered: 'due',
    charge_given_up: 'manual',
    // The line knows of a charge that these books do not: it is looked up at the gateway.
    refund_requested: 'refund_due',
    refund_made: 'due',
    refund_unanswered: 'due',
    refund_given_up: 'due',
    success_reported: 'due',
    failure_reported: 'due',
    refund_reported: 'due',
    settled_succeeded: 'due',
    settled_failed: 'due',
    settled_retry: 'due',
  },
  captured: {
    charge_captured: 'captured',
    charge_declined: 'captured',
    charge_not_made: 'captured',
    charge_unanswered: 'captured',
    charge_given_up: 'captured',
    // The report arrived, its acknowledgement did not.
    refund_requested: 'refund_due',
    refund_made: 'captured',
    refund_unanswered: 'captured',
    refund_given_up: 'captured',
    success_reported: 'succeeded',
    failure_reported: 'captured',
    refund_reported: 'captured',
    settled_succeeded: 'captured',
    settled_failed: 'captured',
    settled_retry: 'captured',
  },
  declined: {
    // A worker thought lost brings a charge after an operator had settled it as failed: they contradict each other.
    charge_captured: 'manual',
    charge_declined: 'declined',
    charge_not_made: 'declined',
    charge_unanswered: 'declined',
    charge_given_up: 'declined',
    refund_requested: 'refund_due',
    refund_made: 'declined',
    refund_unanswered: 'declined',
    refund_given_up: 'declined',
    success_reported: 'declined',
    failure_reported: 'failed',
    refund_reported: 'declined',
    settled_succeeded: 'declined',
    settled_failed: 'declined',
    settled_retry: 'declined',
  },
  manual: {
    charge_captured: 'captured',
    charge_declined: 'declined',
    charge_not_made: 'manual',
    charge_unanswered: 'manual',
    charge_given_up: 'manual',
    refund_requested: 'refund_due',
    refund_made: 'manual',
    refund_unanswered: 'manual',
    refund_given_up: 'manual',
    success_reported: 'manual',
    // A charge turned up while the line was told that there was none: it has had that word, so the money goes back (I9).
    failure_reported: 'refund_due',
    refund_reported: 'manual',
    settled_succeeded: 'captured',
    settled_failed: 'declined',
    settled_retry: 'due',
  },
  succeeded: {
    charge_captured: 'succeeded',
    charge_declined: 'succeeded',
    charge_not_made: 'succeeded',
    charge_unanswered: 'succeeded',
    charge_given_up: 'succeeded',
    refund_requested: 'refund_due',
    refund_made: 'succeeded',
    refund_unanswered: 'succeeded',
    refund_given_up: 'succeeded',
    success_reported: 'succeeded',
    failure_reported: 'succeeded',
    refund_reported: 'succeeded',
    settled_succeeded: 'succeeded',
    settled_failed: 'succeeded',
    settled_retry: 'succeeded',
  },
  failed: {
    // The line has had its last word, so the money goes back (I9).
    charge_captured: 'refund_due',
    charge_declined: 'failed',
    charge_not_made: 'failed',
    charge_unanswered: 'failed',
    charge_given_up: 'failed',
    refund_requested: 'refund_due',
    refund_made: 'failed',
    refund_unanswered: 'failed',
    refund_given_up: 'failed',
    success_reported: 'failed',
    failure_reported: 'failed',
    refund_reported: 'failed',
    settled_succeeded: 'failed',
    settled_failed: 'failed',
    settled_retry: 'failed',
  },
  refund_due: {
    charge_captured: 'refund_due',
    charge_declined: 'refund_due',
    charge_not_made: 'refund_due',
    charge_unanswered: 'refund_due',
    charge_given_up: 'refund_due',
    refund_requested: 'refund_due',
    refund_made: 'refund_made',
    refund_unanswered: 'refund_due',
    refund_given_up: 'refund_manual',
    success_reported: 'refund_due',
    failure_reported: 'refund_due',
    refund_reported: 'refund_due',
    settled_succeeded: 'refund_due',
    settled_failed: 'refund_due',
    settled_retry: 'refund_due',
  },
  refund_made: {
    charge_captured: 'refund_made',
    charge_declined: 'refund_made',
    charge_not_made: 'refund_made',
    charge_unanswered: 'refund_made',
    charge_given_up: 'refund_made',
    refund_requested: 'refund_made',
    refund_made: 'refund_made',
    refund_unanswered: 'refund_made',
    refund_given_up: 'refund_made',
    success_reported: 'refund_made',
    failure_reported: 'refund_made',
    refund_reported: 'refunded',
    settled_succeeded: 'refund_made',
    settled_failed: 'refund_made',
    settled_retry: 'refund_made',
  },
  refund_manual: {
    charge_captured: 'refund_manual',
    charge_declined: 'refund_manual',
    charge_not_made: 'refund_manual',
    charge_unanswered: 'refund_manual',
    charge_given_up: 'refund_manual',
    refund_requested: 'refund_manual',
    refund_made: 'refund_made',
    refund_unanswered: 'refund_manual',
    refund_given_up: 'refund_manual',
    success_reported: 'refund_manual',
    failure_reported: 'refund_manual',
    refund_reported: 'refund_manual',
    settled_succeeded: 'refund_made',
    // A refund that is owed cannot fail: it is made, by the gateway or by hand.
    settled_failed: 'refund_manual',
    settled_retry: 'refund_due',
  },
  refunded: {
    charge_captured: 'refunded',
    charge_declined: 'refunded',
    charge_not_made: 'refunded',
    charge_unanswered: 'refunded',
    charge_given_up: 'refunded',
    refund_requested: 'refunded',
    refund_made: 'refunded',
    refund_unanswered: 'refunded',
    refund_given_up: 'refunded',
    success_reported: 'refunded',
    failure_reported: 'refunded',
    refund_reported: 'refunded',
    settled_succeeded: 'refunded',
    settled_failed: 'refunded',
    settled_retry: 'refunded',
  },
};
