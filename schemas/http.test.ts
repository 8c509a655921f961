import fc from 'fast-check';
import type { z } from 'zod';
import { CreateReservation, RequestCheckout, ScheduleSale } from './command.ts';
import { OneItemReservationRequest, OrderRequest, ReservationRequest, SaleRequest, StockRequest } from './http.ts';

const sale = {
  name: 'Spring',
  starts_at: '2026-11-20T12:00:00Z',
  ends_at: '2026-11-20T14:00:00+01:00',
  items: [{ sku: 'a', name: 'A', unit_price: 100, currency: 'EUR', quantity: 5 }],
};
const item = sale.items[0]!;

test('a sale gets its defaults, its times are UTC with milliseconds', () => {
  const { idempotency_key: _, ...terms } = SaleRequest.parse(sale);
  expect(terms).toEqual({
    ...sale,
    starts_at: '2026-11-20T12:00:00.000Z',
    ends_at: '2026-11-20T13:00:00.000Z',
    per_user_limit: null,
    active_holds_per_user: null,
    hold_seconds: 120,
    payment_seconds: 900,
    waitlist_limit: 0,
    late_payment: 'refund',
    on_payment_failure: 'keep_hold',
  });
  expect(ScheduleSale.shape.terms.parse(terms)).toEqual(terms);
});

test.each([[1], [7], [100]])('a sale may be kept for %i years, and its terms say so', (retention_years) => {
  const { idempotency_key: _, ...terms } = SaleRequest.parse({ ...sale, retention_years });
  expect(ScheduleSale.shape.terms.parse(terms).retention_years).toBe(retention_years);
});

const bad: [string, z.ZodType, unknown, string][] = [
  ['sale without a name', SaleRequest, { ...sale, name: undefined }, 'name'],
  ['sale with an empty name', SaleRequest, { ...sale, name: '' }, 'name'],
  ['sale that ends before it starts', SaleRequest, { ...sale, ends_at: sale.starts_at }, 'ends_at'],
  ['time without zone', SaleRequest, { ...sale, starts_at: '2026-11-20T12:00:00' }, 'starts_at'],
  ['time before 1970', SaleRequest, { ...sale, starts_at: '1969-11-20T12:00:00Z' }, 'starts_at'],
  ['sku twice', SaleRequest, { ...sale, items: [item, item] }, 'items.1.sku'],
  ['two currencies', SaleRequest, { ...sale, items: [item, { ...item, sku: 'b', currency: 'USD' }] }, 'items.1.currency'],
  ['image that is no web address', SaleRequest, { ...sale, items: [{ ...item, image_url: 'javascript:alert(1)' }] }, 'items.0.image_url'],
  ['no items', SaleRequest, { ...sale, items: [] }, 'items'],
  ['unknown field', SaleRequest, { ...sale, colour: 'red' }, ''],
  ['hold of no time', SaleRequest, { ...sale, hold_seconds: 0 }, 'hold_seconds'],
  ['hold too long', SaleRequest, { ...sale, hold_seconds: 3_601 }, 'hold_seconds'],
  ['payment too long', SaleRequest, { ...sale, payment_seconds: 86_401 }, 'payment_seconds'],
  ['kept for no time', SaleRequest, { ...sale, retention_years: 0 }, 'retention_years'],
  ['kept for 101 years', SaleRequest, { ...sale, retention_years: 101 }, 'retention_years'],
  ['kept for half a year', SaleRequest, { ...sale, retention_years: 0.5 }, 'retention_years'],
  ['limit of none', SaleRequest, { ...sale, per_user_limit: 0 }, 'per_user_limit'],
  ['quantity 0', OneItemReservationRequest, { sku: 'a', quantity: 0 }, 'quantity'],
  ['quantity 101', OneItemReservationRequest, { sku: 'a', quantity: 101 }, 'quantity'],
  ['quantity 1.5', OneItemReservationRequest, { sku: 'a', quantity: 1.5 }, 'quantity'],
  ['quantity as text', OneItemReservationRequest, { sku: 'a', quantity: '1' }, 'quantity'],
  ['sku with a space', OneItemReservationRequest, { sku: 'a b', quantity: 1 }, 'sku'],
  ['both forms', ReservationRequest, { sku: 'a', quantity: 1, items: [{ sku: 'a', quantity: 1 }] }, ''],
  ['21 items', ReservationRequest, { items: Array.from({ length: 21 }, (_, i) => ({ sku: `s${i}`, quantity: 1 })) }, 'items'],
  [
    'the same sku twice',
    ReservationRequest,
    {
      items: [
        { sku: 'a', quantity: 1 },
        { sku: 'a', quantity: 1 },
      ],
    },
    'items.1.sku',
  ],
  ['unknown field in an item', ReservationRequest, { items: [{ sku: 'a', quantity: 1, price: 1 }] }, 'items.0'],
  ['delta 0', StockRequest, { sku: 'a', delta: 0 }, 'delta'],
  ['empty payment method', OrderRequest, { reservation_id: 'r', payment_method_id: '' }, 'payment_method_id'],
];
test.each(bad)('refused: %s', (_name, schema, body, path) => {
  const parsed = schema.safeParse(body);
  expect(parsed.error?.issues.map((issue) => issue.path.join('.'))).toContain(path);
});

test('whatever passes at the edge passes on the line', () => {
  const body = fc.record(
    { sku: fc.string({ unit: 'binary', maxLength: 70 }), quantity: fc.oneof(fc.integer(), fc.double()), allow_partial: fc.boolean() },
    { requiredKeys: ['sku', 'quantity'] },
  );
  const items = CreateReservation.shape.items;
  fc.assert(
    fc.property(body, (one) => {
      const parsed = OneItemReservationRequest.safeParse(one);
      return !parsed.success || items.safeParse([{ sku: parsed.data.sku, quantity: parsed.data.quantity }]).success;
    }),
  );
  const method = RequestCheckout.shape.payment_method_id;
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 260 }), (text) => {
      const parsed = OrderRequest.safeParse({ reservation_id: 'r', payment_method_id: text });
      return !parsed.success || method.safeParse(text).success;
    }),
  );
});
