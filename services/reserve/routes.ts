import type { createReservationHandlers } from './reservations.ts';
import type { createSaleHandlers, Transition } from './sales.ts';
import type { Exchange, Route } from '#shared/http/route.ts';
import type { Outcome } from '#shared/http/answer.ts';
import { errorPage } from './error-page.ts';
import { waitingRoom } from './waiting-room.ts';

type Handle = (exchange: Exchange) => Promise<Outcome>;

export interface ReserveHandlers {
  readonly createReservation: Handle;
  readonly availability: Handle;
  readonly report: Handle;
  readonly reservations: ReturnType<typeof createReservationHandlers>;
  readonly sales: ReturnType<typeof createSaleHandlers>;
}

/** The reserve service's paths; the busiest first, because they are tried in this order. */
export function reserveRoutes({ createReservation, availability, report, reservations, sales }: ReserveHandlers): readonly Route[] {
  const transition = (to: Transition): Route => ({
    method: 'POST',
    path: `/v1/sales/:saleId/${to}`,
    name: `sale_${to}`,
    scopes: ['operator'],
    handle: (exchange) => sales.change(exchange, to),
  });
  return [
    { method: 'POST', path: '/v1/sales/:saleId/reservations', name: 'reservation_create', scopes: ['buyer'], handle: createReservation },
    { method: 'GET', path: '/v1/sales/:saleId/availability', name: 'availability', scopes: [], handle: availability },
    { method: 'GET', path: '/v1/reservations/:id', name: 'reservation_get', scopes: ['buyer'], handle: reservations.get },
    { method: 'POST', path: '/v1/reservations/:id/cancel', name: 'reservation_cancel', scopes: ['buyer'], handle: reservations.cancel },
    { method: 'GET', path: '/v1/reservations', name: 'reservation_list', scopes: ['buyer'], handle: reservations.list },
    { method: 'GET', path: '/v1/sales/:saleId', name: 'sale_get', scopes: [], handle: sales.get },
    { method: 'GET', path: '/v1/sales', name: 'sale_list', scopes: [], handle: sales.list },
    { method: 'POST', path: '/v1/sales', name: 'sale_create', scopes: ['operator'], handle: sales.create },
    transition('open'),
    transition('pause'),
    transition('resume'),
    transition('close'),
    { method: 'POST', path: '/v1/sales/:saleId/stock', name: 'sale_stock', scopes: ['operator'], handle: sales.stock },
    { method: 'GET', path: '/v1/sales/:saleId/report', name: 'sale_report', scopes: ['operator', 'auditor'], handle: report },
    { method: 'GET', path: '/waiting-room', name: 'waiting_room', scopes: [], handle: waitingRoom },
    { method: 'GET', path: '/errors/:code', name: 'error_page', scopes: [], handle: errorPage },
  ];
}
