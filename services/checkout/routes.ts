import type { Outcome } from '#shared/http/answer.ts';
import type { Exchange, Route } from '#shared/http/route.ts';
import type { createOrderReaders } from './orders.ts';

export interface CheckoutHandlers {
  readonly createOrder: (exchange: Exchange) => Promise<Outcome>;
  readonly orders: ReturnType<typeof createOrderReaders>;
}

export function checkoutRoutes({ createOrder, orders }: CheckoutHandlers): readonly Route[] {
  return [
    { method: 'POST', path: '/v1/orders', name: 'order_create', scopes: ['buyer'], handle: createOrder },
    { method: 'GET', path: '/v1/orders/:id', name: 'order_get', scopes: ['buyer'], handle: orders.get },
    { method: 'GET', path: '/v1/orders', name: 'order_list', scopes: ['buyer'], handle: orders.list },
  ];
}
