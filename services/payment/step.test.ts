import type { Partition } from '#schemas/ids.ts';
import type { ChargeOutcome, RefundOutcome } from '#shared/payments/gateway.ts';
import type { RecordedFact } from '#shared/payments/record-facts.ts';
import { TRANSITIONS, type PaymentState } from '#shared/payments/states.ts';
import type { DuePayment } from '#shared/payments/claim.ts';
import { takeStep } from './step.ts';

const due: DuePayment = {
  orderId: '00000000-0000-8000-8000-000000000001',
  saleId: 'sale',
  reservationId: '00000000-0000-8000-8000-000000000002',
  state: 'due',
  call: 1,
  tries: 1,
  amount: 4900,
  currency: 'EUR',
  chargeId: null,
  refundId: null,
  failureReason: null,
  requestId: 'request',
  traceparent: null,
  paymentMethodId: 'pm_ok',
  cameTooLate: false,
  partition: 3 as Partition,
};

const refundDue: DuePayment = { ...due, state: 'refund_due', chargeId: 'ch_1' };

interface Case {
  name: string;
  payment: DuePayment;
  charge?: ChargeOutcome;
  refund?: RefundOutcome;
  /** The gateway knows of no charge. */
  chargeless?: boolean;
  /** What happened, in order. */
  expected: string[];
}

const CASES: Case[] = [
  {
    name: 'captured',
    payment: due,
    charge: { kind: 'captured', chargeId: 'ch_1' },
    expected: ['charge', 'record charge_captured', 'enqueue payment.succeeded ch_1', 'record success_reported'],
  },
  {
    name: 'declined',
    payment: due,
    charge: { kind: 'declined', code: 'card_declined' },
    expected: ['charge', 'record charge_declined', 'enqueue payment.failed declined', 'record failure_reported'],
  },
  { name: 'unanswered', payment: due, charge: { kind: 'unanswered', why: 'timeout' }, expected: ['charge', 'record charge_unanswered'] },
  {
    name: 'unanswered, and no try is left',
    payment: { ...due, tries: 10 },
    charge: { kind: 'unanswered', why: 'timeout' },
    expected: ['charge', 'record charge_given_up'],
  },
  { name: 'refused', payment: due, charge: { kind: 'refused', code: 'http_404' }, expected: ['charge', 'record charge_given_up'] },
  { name: 'the last try ended with its process', payment: { ...due, call: null, tries: 10 }, expected: ['record charge_given_up'] },
  {
    name: 'nothing to pay',
    payment: { ...due, amount: 0 },
    expected: ['record charge_captured', `enqueue payment.succeeded free:${due.orderId}`, 'record success_reported'],
  },
  {
    name: 'nothing to pay back',
    payment: { ...refundDue, amount: 0, chargeId: `free:${due.orderId}` },
    expected: ['record refund_made', `enqueue refund.completed free:${due.orderId}`, 'record refund_reported'],
  },
  {
    name: 'its order had failed before the first call',
    payment: { ...due, call: null, tries: 0, cameTooLate: true },
    chargeless: true,
    expected: ['find', 'record charge_not_made', 'enqueue payment.failed gave_up', 'record failure_reported'],
  },
  {
    name: 'its order had failed before the first call that these books know of, and the gateway knows of another',
    payment: { ...due, call: null, tries: 0, cameTooLate: true },
    expected: ['find', 'record charge_captured', 'enqueue payment.succeeded ch_found', 'record success_reported'],
  },
  {
    name: 'its order had failed before there was anything to pay',
    payment: { ...due, amount: 0, call: null, tries: 0, cameTooLate: true },
    expected: ['record charge_not_made', 'enqueue payment.failed gave_up', 'record failure_reported'],
  },
  { name: 'without a payment method', payment: { ...due, paymentMethodId: null }, expected: ['record charge_given_up'] },
  {
    name: 'captured but not reported',
    payment: { ...due, state: 'captured', call: null, chargeId: 'ch_1' },
    expected: ['enqueue payment.succeeded ch_1', 'record success_reported'],
  },
  {
    name: 'settled as failed by an operator, not reported',
    payment: { ...due, state: 'declined', call: null, failureReason: 'gave_up' },
    expected: ['enqueue payment.failed gave_up', 'record failure_reported'],
  },
  {
    name: 'refund',
    payment: refundDue,
    refund: { kind: 'refunded', refundId: 're_1' },
    expected: ['refund ch_1', 'record refund_made', 'enqueue refund.completed re_1', 'record refund_reported'],
  },
  {
    name: 'refund of a charge the books do not have',
    payment: { ...refundDue, chargeId: null },
    refund: { kind: 'refunded', refundId: 're_1' },
    expected: ['find', 'refund ch_found', 'record refund_made', 'enqueue refund.completed re_1', 'record refund_reported'],
  },
  {
    name: 'refund unanswered',
    payment: refundDue,
    refund: { kind: 'unanswered', why: 'network' },
    expected: ['refund ch_1', 'record refund_unanswered'],
  },
  {
    name: 'refund refused',
    payment: refundDue,
    refund: { kind: 'refused', code: 'charge_not_found' },
    expected: ['refund ch_1', 'record refund_given_up'],
  },
];

async function play(
  { payment, charge, refund, chargeless }: Case,
  stateNow: PaymentState = payment.state,
): Promise<{ log: string[]; facts: RecordedFact[] }> {
  const log: string[] = [];
  const facts: RecordedFact[] = [];
  let state = stateNow;
  const record = (fact: RecordedFact): Promise<PaymentState> => {
    log.push(`record ${fact.fact}`);
    facts.push(fact);
    state = TRANSITIONS[state][fact.fact];
    return Promise.resolve(state);
  };
  await takeStep(payment, {
    gateway: {
      charge: () => (log.push('charge'), Promise.resolve(charge!)),
      refund: ({ chargeId }) => (log.push(`refund ${chargeId}`), Promise.resolve(refund!)),
      findCharge: () => (log.push('find'), Promise.resolve(chargeless === true ? null : { chargeId: 'ch_found', refundId: null })),
    },
    record,
    recordReported: record,
    enqueue(partition, command) {
      expect(partition).toBe(3);
      const detail =
        'charge_id' in command ? command.charge_id : 'refund_id' in command ? command.refund_id : 'reason' in command ? command.reason : '';
      log.push(`enqueue ${command.type} ${detail}`);
      return Promise.resolve();
    },
    nextAttempt: (tries) => (tries >= 10 ? null : 123),
    leaseMs: 10_000,
    observeCall: () => undefined,
    nowMs: () => 0,
  });
  return { log, facts };
}

test.each(CASES)('$name', async (each) => {
  expect((await play(each)).log).toEqual(each.expected);
});

test('a call that brought nothing is due again after its backoff, a result before the end of the lease is not', async () => {
  const [unanswered] = (await play(CASES.find((each) => each.name === 'unanswered')!)).facts;
  expect(unanswered).toMatchObject({ delayMs: 123, call: 1, outcome: 'timeout' });
  const [captured] = (await play(CASES[0]!)).facts;
  expect(captured).toMatchObject({ delayMs: 10_000, call: 1, chargeId: 'ch_1' });
});

test('a worker that was overtaken reports nothing: who overtook it does', async () => {
  const each = { ...CASES[0]! };
  expect((await play(each, 'succeeded')).log).toEqual(['charge', 'record charge_captured']);
  expect((await play(each, 'refund_due')).log).toEqual(['charge', 'record charge_captured']);
});
