import type { Route } from './route.ts';
import { createUsualRoutes } from './usual-route.ts';

const route = (method: Route['method'], path: string): Route => ({
  method,
  path,
  name: `${method} ${path}`,
  scopes: [],
  handle: () => ({ kind: 'answer', status: 204 }),
});
const find = createUsualRoutes([
  route('POST', '/v1/sales/:saleId/reservations'),
  route('GET', '/v1/sales/:saleId'),
  route('GET', '/v1/sales'),
  route('GET', '/v1/{either/}or'),
  route('GET', '/v1/behind'),
]);

test.each<[string, string, string | null, object | null]>([
  ['POST', '/v1/sales/sale_1/reservations', 'POST /v1/sales/:saleId/reservations', { saleId: 'sale_1' }],
  ['GET', '/v1/sales/a-B_9', 'GET /v1/sales/:saleId', { saleId: 'a-B_9' }],
  ['GET', '/v1/sales', 'GET /v1/sales', {}],
  // For Express to look at.
  ['GET', '/v1/sales/', null, null],
  ['GET', '/V1/sales', null, null],
  ['GET', '/v1/sales?limit=1', null, null],
  ['GET', '/v1/sales/%41', null, null],
  ['GET', '/v1/sales/..', null, null],
  ['HEAD', '/v1/sales', null, null],
  ['GET', '/v1/sales/1/reservations', null, null],
  ['GET', '/v1/behind', null, null],
])('%s %s', (method, url, name, params) => {
  const found = find(method, url);
  expect(found?.route.name ?? null).toBe(name);
  expect(found?.params ?? null).toEqual(params);
});
