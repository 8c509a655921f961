import type { Command } from '#schemas/command.ts';
import type { Event } from '#schemas/event.ts';
import type { Partition } from '#schemas/ids.ts';
import type { PaymentBooks } from '#shared/payments/books.ts';
import type { DuePayment } from '#shared/payments/claim.ts';
import type { PaymentGateway } from '#shared/payments/gateway.ts';
import type { RecordedFact } from '#shared/payments/record-facts.ts';
import { settleManual } from '#shared/payments/settle-manual.ts';
import type { PaymentState } from '#shared/payments/states.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { nextAttempt, RETRY_POLICY } from './backoff.ts';
import { BREAKER_FAILURES_MAX, createBreaker } from './breaker.ts';
import type { Clock } from './clock.ts';
import { gather } from './gather.ts';
import type { PaymentMetrics } from './metrics.ts';
import type { ManualPorts } from './operator-routes.ts';
import { takeStep } from './step.ts';
import { startWorkPool } from './work.ts';

/**
 * Everything of the payment service but its connections, its clock and its chance, so that it runs
 * against a line that is not Kafka, and in memory under virtual time, too.
 */
export interface PaymentService extends ManualPorts {
  /** Takes in events of a sale; resolves once they are in the books. Throws RetryableFault where the ledger is away. */
  readonly takeIn: (events: readonly Event[]) => Promise<void>;
  /** Whether the gateway is spared at present. */
  readonly gatewayAway: () => boolean;
  /** Takes no new step and waits for those under way, at most `waitMsMax`. */
  readonly stop: (waitMsMax: number) => Promise<void>;
}

export interface PaymentServiceOptions {
  readonly books: PaymentBooks;
  readonly gateway: PaymentGateway;
  readonly enqueue: (partition: Partition, command: Command) => Promise<unknown>;
  readonly metrics: PaymentMetrics;
  readonly log: Log;
  readonly callsMax: number;
  readonly leaseMs: number;
  readonly retryBaseMs: number;
  readonly triesMax: number;
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
}

/** Facts in one statement. */
const factsMax = 500;
/** So long after the start of a statement with so many results the next ones gather: each costs a transaction, whatever is in it. */
const busyFacts = 4;
const busyGatherMs = 12;
/** Until the notes that results were reported are written: scores in one statement. Their steps end only then. */
const reportedGatherMs = 100;
const pollMs = 250;
const backlogEveryMs = 5_000;

export function startPaymentService(options: PaymentServiceOptions): PaymentService {
  const { books, gateway, metrics, log, clock } = options;
  const policy = { ...RETRY_POLICY, baseMs: options.retryBaseMs, triesMax: options.triesMax };

  const recordFacts = async (facts: readonly RecordedFact[]): Promise<readonly (PaymentState | null)[]> => {
    const moved = await books.recordFacts(facts);
    for (const { orderId, call, outcome } of facts) {
      const after = moved.get(orderId)?.after;
      if (after !== 'manual' && after !== 'refund_manual') continue;
      log.warn({ order_id: orderId, state: after, call, outcome }, 'a payment needs a person: see GET /v1/manual');
    }
    return facts.map((fact) => moved.get(fact.orderId)?.after ?? null);
  };
  const pause = (ms: number): Promise<void> => new Promise((resolve) => void clock.schedule(ms, resolve));
  let gathersUntilMs = -Infinity;
  const record = gather(
    factsMax,
    (facts: readonly RecordedFact[]) => {
      gathersUntilMs = facts.length < busyFacts ? -Infinity : clock.nowMs() + busyGatherMs;
      return recordFacts(facts);
    },
    () => (gathersUntilMs <= clock.nowMs() ? Promise.resolve() : pause(gathersUntilMs - clock.nowMs())),
  );
  // Its buyer waits for what a call brought, and nobody for the note that it was told.
  const recordReported = gather(factsMax, recordFacts, () => pause(reportedGatherMs));

  const breaker = createBreaker({
    failuresMax: BREAKER_FAILURES_MAX,
    answers: () => gateway.answers(),
    onOpened() {
      metrics.setGatewayAway(true);
      log.warn('the payment gateway does not answer: new calls wait until it does; check PAYMENT_GATEWAY_URL');
    },
    onClosed() {
      metrics.setGatewayAway(false);
      log.info('the payment gateway answers: calls go on');
      work.wake();
    },
    schedule: clock.schedule,
  });

  const step = (payment: DuePayment): Promise<void> =>
    takeStep(payment, {
      gateway,
      record,
      recordReported,
      async enqueue(partition, command) {
        await options.enqueue(partition, command);
        metrics.observeReport(command.type);
      },
      nextAttempt: (tries) => nextAttempt(tries, options.random(), policy),
      leaseMs: options.leaseMs,
      observeCall(kind, outcome, why, seconds) {
        breaker.observe(why);
        metrics.observeCall(kind, outcome, seconds);
      },
      nowMs: clock.nowMs,
    });

  const work = startWorkPool({
    claim: (limit) => books.claimDue(limit, options.leaseMs, options.triesMax),
    step,
    mayCall: breaker.closed,
    stepsMax: options.callsMax,
    pollMs,
    schedule: clock.schedule,
    onClaimFailed: (error) => log.warn({ err: error }, 'due payments could not be claimed; trying again'),
    onStepFailed: (payment, error) =>
      log.warn({ err: error, order_id: payment.orderId, request_id: payment.requestId }, 'a payment was left to the end of its lease'),
  });

  function showBacklogLater(): () => void {
    return clock.schedule(backlogEveryMs, () => {
      callOffBacklog = showBacklogLater();
      metrics.setInFlight(work.inFlight());
      books.readBacklog().then(metrics.setBacklog, (error: unknown) => log.debug({ err: error }, 'the backlog of payments is unknown'));
    });
  }
  let callOffBacklog = showBacklogLater();

  return {
    async takeIn(events) {
      await work.takeIn(async (limit) => {
        const { ours, claimed } = await books.enroll(events, { limit, leaseMs: options.leaseMs });
        // The rest is due, whether it was more than there is room for, something else than a first call, or there before.
        if (claimed.length < ours) work.wake();
        return claimed;
      });
    },
    gatewayAway: () => !breaker.closed(),
    list: () => books.listManual(),
    async settle(orderId, settlement) {
      const outcome = await settleManual(books, (order) => gateway.findCharge(order), orderId, settlement);
      log.info({ order_id: orderId, as: settlement.as, outcome: outcome.kind }, 'an operator settled a payment');
      work.wake();
      return outcome;
    },
    async stop(waitMsMax) {
      callOffBacklog();
      breaker.stop();
      await work.stop(waitMsMax);
    },
  };
}
