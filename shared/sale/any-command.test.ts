import fc from 'fast-check';
import { Command } from '#schemas/command.ts';
import type { EpochMs, Offset } from '#schemas/ids.ts';
import { CHAIN_START, verifyChain } from '#shared/proof/chain.ts';
import { EMPTY_HEAD, seal } from '#shared/proof/seal.ts';
import { advance } from './advance.ts';
import { initialState } from './state.ts';
import { SALE } from './testing/commands.ts';

/**
 * Anybody who may write to the line may write anything: what the schema lets through
 * must be decided and sealed, whatever it asks for, or one record stops the line for
 * good. Histories that make sense are in `model.test.ts`; here are those that do not.
 */

const digits = (length: number) =>
  fc.oneof(
    fc.constantFrom('0'.repeat(length), 'f'.repeat(length)),
    fc.array(fc.nat({ max: 15 }), { minLength: length, maxLength: length }).map((all) => all.map((digit) => digit.toString(16)).join('')),
  );
/** Few, so that commands refer to each other. */
const id = fc.nat({ max: 5 }).map((n) => `${n}1234567-89ab-8def-8123-456789abcdef`);
const text = (lengthMax: number) =>
  fc.oneof(
    fc.constantFrom('x', 'x'.repeat(lengthMax), '"\\\u2028\u0001\u007f', '😀', '__proto__'),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: Math.min(20, lengthMax) }).filter((said) => !said.includes('\0')),
  );
const int = (min: number, max: number) => fc.oneof(fc.constantFrom(min, max), fc.integer({ min, max }));
const endOfTimeMs = 253_402_300_799_999;
const time = fc.oneof(fc.constantFrom(0, endOfTimeMs), fc.nat({ max: 2_000_000_000 })).map((ms) => new Date(ms).toISOString());
const skus = ['a', '0', 'constructor', 'toString', 's'.repeat(64), '.'];
const sku = fc.constantFrom(...skus);

const envelope = {
  v: fc.constant(1),
  sale_id: fc.constant(SALE),
  request_id: text(200),
  traceparent: fc.option(
    fc.tuple(digits(32), digits(16), digits(2)).map((parts) => ['00', ...parts].join('-')),
    { nil: undefined },
  ),
};
const keyed = {
  ...envelope,
  fingerprint: fc.oneof({ weight: 3, arbitrary: fc.constant('c'.repeat(32)) }, digits(32)),
  accepted_at: int(0, endOfTimeMs),
  reply_to: fc.option(text(100), { nil: undefined }),
};
const about = { order_id: id, reservation_id: id };
const items = fc.array(fc.record({ sku, quantity: int(1, 100) }), { minLength: 1, maxLength: 20 });
const termsItem = fc.record({
  sku,
  name: text(200),
  image_url: fc.constantFrom(undefined, 'https://example.org/é'),
  unit_price: int(0, 1_000_000_000),
  currency: fc.oneof({ weight: 19, arbitrary: fc.constant('EUR') }, { weight: 1, arbitrary: fc.constant('USD') }),
  quantity: fc.oneof(int(0, 300), int(0, 100_000_000)),
});
const terms = fc.record({
  name: text(200),
  starts_at: time,
  ends_at: time,
  items: fc.oneof(
    { weight: 4, arbitrary: fc.uniqueArray(termsItem, { minLength: 1, maxLength: 6, selector: (one) => one.sku }) },
    { weight: 1, arbitrary: fc.array(termsItem, { minLength: 1, maxLength: 6 }) },
  ),
  per_user_limit: fc.option(int(1, Number.MAX_SAFE_INTEGER)),
  active_holds_per_user: fc.option(int(1, Number.MAX_SAFE_INTEGER)),
  hold_seconds: int(1, 3_600),
  payment_seconds: int(1, 86_400),
  waitlist_limit: int(0, 10_000_000),
  late_payment: fc.constantFrom('refund', 'reacquire'),
  on_payment_failure: fc.constantFrom('keep_hold', 'release'),
  retention_years: fc.option(int(1, 100), { nil: undefined }),
});

const of = (type: string, weight: number, fields: Record<string, fc.Arbitrary<unknown>>) => ({
  weight,
  arbitrary: fc.record<Record<string, unknown>>({ ...fields, type: fc.constant(type) }),
});
const scheduling = of('sale.schedule', 1, { ...keyed, key: id, terms });
const bool = fc.boolean();
const anything = fc.oneof(
  of('reservation.create', 8, { ...keyed, reservation_id: id, user: id, items, allow_partial: bool, respond_async: bool }),
  of('reservation.cancel', 3, { ...keyed, key: id, reservation_id: id, user: id }),
  of('checkout.request', 4, { ...keyed, ...about, user: id, payment_method_id: text(255), respond_async: bool }),
  of('payment.succeeded', 3, { ...envelope, ...about, charge_id: text(255) }),
  of('payment.failed', 2, { ...envelope, ...about, reason: fc.constantFrom('declined', 'gave_up') }),
  of('refund.completed', 2, { ...envelope, ...about, refund_id: text(255) }),
  of('stock.change', 2, { ...keyed, key: id, sku, delta: int(-100_000_000, 100_000_000) }),
  ...['sale.open', 'sale.open', 'sale.pause', 'sale.resume', 'sale.close'].map((type) => of(type, 1, { ...keyed, key: id })),
  scheduling,
  of('tick', 1, envelope),
);
const afterMs = fc.oneof(fc.constant(0), fc.constantFrom(1, 1_000, 3_600_000, 86_400_000));

const numRuns = fc.readConfigureGlobal().numRuns ?? 300;

test('whatever the schema takes is decided and sealed', () => {
  let scheduled = 0;
  fc.assert(
    fc.property(scheduling.arbitrary, fc.array(fc.tuple(afterMs, anything), { maxLength: 60, size: 'max' }), (first, rest) => {
      const state = initialState(SALE);
      let at = 0;
      let head = EMPTY_HEAD;
      const leaves: string[] = [];
      [[0, first] as const, ...rest].forEach(([after, content], offset) => {
        const command = Command.safeParse(content);
        at += after;
        if (!command.success) return;
        const { events } = advance(state, { at: at as EpochMs, offset: offset as Offset, command: command.data });
        const { sealed, head: next } = seal(events, head);
        head = next;
        leaves.push(...sealed.map(({ leaf }) => leaf));
      });
      expect(verifyChain(leaves, CHAIN_START)).toMatchObject({ kind: 'intact' });
      if (leaves.length > 0) scheduled += 1;
    }),
    { numRuns },
  );
  expect(scheduled).toBeGreaterThan(numRuns / 6);
});
