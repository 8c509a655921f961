import type { Command } from '#schemas/command.ts';
import type { Partition } from '#schemas/ids.ts';
import type { ChargeOutcome, PaymentGateway, RefundOutcome, Unanswered } from '#shared/payments/gateway.ts';
import type { RecordedFact } from '#shared/payments/record-facts.ts';
import type { PaymentState } from '#shared/payments/states.ts';
import type { DuePayment } from '#shared/payments/claim.ts';
import { reportOf } from './report.ts';

/** What a step needs of the world. */
export interface StepPorts {
  readonly gateway: Pick<PaymentGateway, 'charge' | 'refund' | 'findCharge'>;
  /** Applies one fact; gives the payment's state after it, null where there is no such payment. */
  readonly record: (fact: RecordedFact) => Promise<PaymentState | null>;
  /** The same, a moment later and with many others: for what nobody waits for. */
  readonly recordReported: (fact: RecordedFact) => Promise<PaymentState | null>;
  /** Puts a command on a line; resolves once it is durable. */
  readonly enqueue: (partition: Partition, command: Command) => Promise<unknown>;
  /** The wait after that many tries, null where there is no further one. */
  readonly nextAttempt: (tries: number) => number | null;
  /** How long a result may wait for its report before another worker takes it up. */
  readonly leaseMs: number;
  readonly observeCall: (kind: 'charge' | 'refund', outcome: string, why: Unanswered | null, seconds: number) => void;
  readonly nowMs: () => number;
}

/**
 * Takes one step of a claimed payment: the call that is due, its result into the
 * books, its report onto the line, and that it was reported into the books. A crash
 * between any two of them repeats the earlier one with the same key or the same
 * command, which changes nothing. Throws what the ports throw; then the lease ends
 * and the step is taken again.
 */
export async function takeStep(payment: DuePayment, ports: StepPorts): Promise<void> {
  const fact = await call(payment, ports);
  const state = fact === null ? payment.state : await ports.record(fact);
  if (state === null) return;

  const known = {
    ...payment,
    chargeId: payment.chargeId ?? fact?.chargeId ?? null,
    refundId: payment.refundId ?? fact?.refundId ?? null,
    failureReason: payment.failureReason ?? reasonOf(fact),
  };
  const report = reportOf(known, state);
  if (report === null) return;
  if (payment.partition === null)
    throw new Error(`sale ${payment.saleId} has no line to report order ${payment.orderId} on; restore its row of sale_lines`);
  await ports.enqueue(payment.partition, report.command);
  await ports.recordReported({ orderId: payment.orderId, fact: report.fact, delayMs: 0 });
}

function reasonOf(fact: RecordedFact | null): DuePayment['failureReason'] {
  if (fact?.fact === 'charge_declined') return 'declined';
  return fact?.fact === 'charge_not_made' ? 'gave_up' : null;
}

/** Makes the call that is due and gives the fact that came of it; null where no call is due. */
async function call(payment: DuePayment, ports: StepPorts): Promise<RecordedFact | null> {
  const { orderId, state } = payment;
  if (state !== 'due' && state !== 'refund_due') return null;
  if (payment.cameTooLate) return tooLate(payment, ports);
  const kind = state === 'due' ? 'charge' : 'refund';
  if (payment.call === null) return { orderId, fact: `${kind}_given_up`, delayMs: 0 };

  const startedMs = ports.nowMs();
  const outcome = kind === 'charge' ? await charge(payment, ports.gateway) : await refund(payment, ports.gateway);
  const name = outcome.kind === 'unanswered' ? outcome.why : outcome.kind;
  ports.observeCall(kind, name, outcome.kind === 'unanswered' ? outcome.why : null, (ports.nowMs() - startedMs) / 1_000);

  const closed = { orderId, call: payment.call, delayMs: ports.leaseMs };
  switch (outcome.kind) {
    case 'captured':
      return { ...closed, fact: 'charge_captured', outcome: name, chargeId: outcome.chargeId };
    case 'declined':
      return { ...closed, fact: 'charge_declined', outcome: `declined: ${outcome.code}` };
    case 'refunded':
      return {
        ...closed,
        fact: 'refund_made',
        outcome: name,
        ...(outcome.chargeId === undefined ? {} : { chargeId: outcome.chargeId }),
        refundId: outcome.refundId,
      };
    case 'refused':
      return { ...closed, fact: `${kind}_given_up`, outcome: `refused: ${outcome.code}` };
    case 'unanswered': {
      const delayMs = ports.nextAttempt(payment.tries);
      if (delayMs === null) return { ...closed, fact: `${kind}_given_up`, outcome: name };
      return { ...closed, delayMs, fact: `${kind}_unanswered`, outcome: name };
    }
  }
}

/** Books that were restored from a backup may have forgotten a call: that there was none, the gateway has to confirm (I9). */
async function tooLate({ orderId, amount }: DuePayment, { gateway, leaseMs }: StepPorts): Promise<RecordedFact> {
  const found = amount === 0 ? null : await gateway.findCharge(orderId);
  if (found === null) return { orderId, fact: 'charge_not_made', delayMs: leaseMs, outcome: 'order_failed_before' };
  return { orderId, fact: 'charge_captured', delayMs: leaseMs, outcome: 'found', chargeId: found.chargeId };
}

async function charge(payment: DuePayment, gateway: StepPorts['gateway']): Promise<ChargeOutcome> {
  const { orderId, amount, currency, paymentMethodId, traceparent } = payment;
  if (amount === 0) return { kind: 'captured', chargeId: freeOf(orderId) };
  if (paymentMethodId === null) return { kind: 'refused', code: 'order_not_in_ledger' };
  return gateway.charge({ orderId, amount, currency, paymentMethodId, ...(traceparent === null ? {} : { traceparent }) });
}

async function refund(payment: DuePayment, gateway: StepPorts['gateway']): Promise<RefundOutcome & { readonly chargeId?: string }> {
  const { orderId, traceparent } = payment;
  if (payment.amount === 0) return { kind: 'refunded', refundId: freeOf(orderId) };
  let chargeId = payment.chargeId;
  if (chargeId === null) {
    try {
      chargeId = (await gateway.findCharge(orderId))?.chargeId ?? null;
    } catch {
      return { kind: 'unanswered', why: 'unavailable' };
    }
    if (chargeId === null) return { kind: 'refused', code: 'charge_not_found' };
  }
  return { ...(await gateway.refund({ orderId, chargeId, ...(traceparent === null ? {} : { traceparent }) })), chargeId };
}

/** Gateways refuse to charge nothing, and need not be asked: an order that costs nothing is paid. */
function freeOf(orderId: string): string {
  return `free:${orderId}`;
}
