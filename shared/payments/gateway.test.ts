import { chargeOutcomeOf, foundChargeIn, refundOutcomeOf, type GatewayAnswer } from './gateway.ts';

const order = { orderId: 'order-1', amount: 4_900, currency: 'EUR' };
const charge = { id: 'ch_1', reference: 'order-1', amount: 4_900, currency: 'EUR', status: 'succeeded', refund_id: null };
const problem = (code: string) => ({ error: { code, message: 'as said' } });
const answer = (status: number, body?: unknown): GatewayAnswer => ({ kind: 'answer', status, body });

/** The outcome in two words: what it is, and the id, code or reason with it. */
function shown(outcome: object): string {
  return Object.values(outcome)
    .filter((value) => typeof value === 'string')
    .join(' ');
}

const FAILURES: [answer: GatewayAnswer, outcome: string][] = [
  [{ kind: 'none', why: 'timeout' }, 'unanswered timeout'],
  [{ kind: 'none', why: 'network' }, 'unanswered network'],
  [answer(429, problem('slow_down')), 'unanswered rate_limited'],
  [answer(408), 'unanswered in_progress'],
  [answer(425), 'unanswered in_progress'],
  [answer(409, problem('key_in_use')), 'unanswered in_progress'],
  [answer(502), 'unanswered unavailable'],
  [answer(503), 'unanswered unavailable'],
  [answer(504), 'unanswered unavailable'],
  [answer(500, problem('internal_error')), 'unanswered server_error'],
  [answer(507, problem('books_full')), 'unanswered server_error'],
  [answer(201, 'neither'), 'refused unreadable_answer'],
];

test.each(FAILURES)('%j is %s, of a charge and of a refund', (given, outcome) => {
  expect(shown(chargeOutcomeOf(given, order))).toBe(outcome);
  expect(shown(refundOutcomeOf(given))).toBe(outcome);
});

const CHARGES: [answer: GatewayAnswer, outcome: object][] = [
  [answer(201, charge), { kind: 'captured', chargeId: 'ch_1' }],
  [answer(200, { ...charge, status: 'refunded', refund_id: 're_1' }), { kind: 'captured', chargeId: 'ch_1' }],
  [answer(201, { ...charge, amount: 4_901 }), { kind: 'refused', code: 'charged_something_else' }],
  [answer(201, { ...charge, currency: 'USD' }), { kind: 'refused', code: 'charged_something_else' }],
  [answer(201, { ...charge, reference: 'order-2' }), { kind: 'refused', code: 'charged_something_else' }],
  [answer(402, problem('card_declined')), { kind: 'declined', code: 'card_declined' }],
];

test.each(CHARGES)('of a charge %j is %j', (given, outcome) => {
  expect(chargeOutcomeOf(given, order)).toEqual(outcome);
});

test('a code is kept only where it is one: prose may quote what must not be logged', () => {
  expect(shown(chargeOutcomeOf(answer(402, problem('Card 4242 was declined')), order))).toBe('declined http_402');
});

const REFUNDS: [answer: GatewayAnswer, outcome: string][] = [
  [answer(201, { id: 're_1', status: 'succeeded' }), 'refunded re_1'],
  [answer(409, problem('charge_already_refunded')), 'refused charge_already_refunded'],
  [answer(404, problem('charge_not_found')), 'refused charge_not_found'],
];

test.each(REFUNDS)('of a refund %j is %s', (given, outcome) => {
  expect(shown(refundOutcomeOf(given))).toBe(outcome);
});

test('the charge of an order, that there is none, or that it could not be found out', () => {
  expect(foundChargeIn(answer(200, { data: [charge] }), 'order-1')).toEqual({ chargeId: 'ch_1', refundId: null });
  expect(foundChargeIn(answer(200, { data: [] }), 'order-1')).toBeNull();
  for (const given of [answer(503), answer(200, {}), { kind: 'none', why: 'timeout' }] as const) {
    expect(() => foundChargeIn(given, 'order-1')).toThrow('try again');
  }
});
