import { PAYMENT_FACTS, PAYMENT_STATES, RESTING_STATES, TRANSITIONS, type PaymentFact, type PaymentState } from './states.ts';

const pairs = PAYMENT_STATES.flatMap((state) => PAYMENT_FACTS.map((fact) => [state, fact] as const));

test('only these pairs change anything', () => {
  const changes = pairs
    .filter(([state, fact]) => TRANSITIONS[state][fact] !== state)
    .map(([state, fact]) => `${state} + ${fact} -> ${TRANSITIONS[state][fact]}`);
  expect(changes).toEqual([
    'due + charge_captured -> captured',
    'due + charge_declined -> declined',
    'due + charge_not_made -> declined',
    'due + charge_given_up -> manual',
    'due + refund_requested -> refund_due',
    'captured + refund_requested -> refund_due',
    'captured + success_reported -> succeeded',
    'declined + charge_captured -> manual',
    'declined + refund_requested -> refund_due',
    'declined + failure_reported -> failed',
    'manual + charge_captured -> captured',
    'manual + charge_declined -> declined',
    'manual + refund_requested -> refund_due',
    'manual + failure_reported -> refund_due',
    'manual + settled_succeeded -> captured',
    'manual + settled_failed -> declined',
    'manual + settled_retry -> due',
    'succeeded + refund_requested -> refund_due',
    'failed + charge_captured -> refund_due',
    'failed + refund_requested -> refund_due',
    'refund_due + refund_made -> refund_made',
    'refund_due + refund_given_up -> refund_manual',
    'refund_made + refund_reported -> refunded',
    'refund_manual + refund_made -> refund_made',
    'refund_manual + settled_succeeded -> refund_made',
    'refund_manual + settled_retry -> refund_due',
  ]);
});

test('a fact that arrives twice changes nothing the second time, unless the first made it news', () => {
  const news: readonly string[] = ['declined + charge_captured'];
  for (const [state, fact] of pairs) {
    const once = TRANSITIONS[state][fact];
    if (once !== state && !news.includes(`${state} + ${fact}`)) expect(TRANSITIONS[once][fact]).toBe(once);
  }
});

test('from every state the payment can come to rest for good', () => {
  const good: readonly PaymentState[] = ['succeeded', 'failed', 'refunded'];
  const reaches = (from: PaymentState, seen = new Set<PaymentState>()): boolean => {
    if (good.includes(from)) return true;
    if (seen.has(from)) return false;
    seen.add(from);
    return PAYMENT_FACTS.some((fact: PaymentFact) => reaches(TRANSITIONS[from][fact], seen));
  };
  for (const state of PAYMENT_STATES) expect([state, reaches(state)]).toEqual([state, true]);
  expect(RESTING_STATES).toEqual(expect.arrayContaining([...good]));
});

test('a captured payment ends reported as such or refunded, never failed (I9)', () => {
  const reachable = new Set<PaymentState>(['captured']);
  for (const state of reachable) for (const fact of PAYMENT_FACTS) reachable.add(TRANSITIONS[state][fact]);
  expect([...reachable].sort()).toEqual(['captured', 'refund_due', 'refund_made', 'refund_manual', 'refunded', 'succeeded']);
});
