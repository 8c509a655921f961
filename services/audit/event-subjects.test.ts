import type { Event } from '#schemas/event.ts';
import { subjectsOf } from './event-subjects.ts';

const user = '00000002-0000-8000-8000-000000000001';

test.each<[string, object, string | null, string[]]>([
  ['counts', { user, counts: { a: {}, b: {} } }, user, ['a', 'b']],
  ['items asked for', { user, items: [{ sku: 'a' }, { sku: 'b' }] }, user, ['a', 'b']],
  ['what was not granted', { user, items: [{ sku: 'a' }], counts: { a: {} }, not_granted: [{ sku: 'c' }] }, user, ['a', 'c']],
  ['a change of stock', { sku: 'a', counts: { a: {} } }, null, ['a']],
  ['terms', { terms: { items: [{ sku: 'a' }, { sku: 'b' }] } }, null, ['a', 'b']],
  ['an order', { user, order_id: 'o' }, user, []],
  ['a malformed record', { record_sha256: 'x' }, null, []],
])('%s', (_what, event, of, skus) => {
  const subjects = subjectsOf(event as Event);
  expect(subjects.user).toBe(of);
  expect([...subjects.skus]).toEqual(skus);
});
