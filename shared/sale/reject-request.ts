import type { CancelReservation, ChangeSaleStatus, ChangeStock, RequestCheckout, ScheduleSale } from '#schemas/command.ts';
import { type DecidedEvent, REQUEST_REFUSALS, type RequestRefusal } from '#schemas/event.ts';
import type { OrderId, RequestKey } from '#schemas/ids.ts';
import { assert } from '#shared/faults/assert.ts';
import { answerEnvelope, type Occasion } from './occasion.ts';
import type { SaleState } from './state.ts';
import type { ReservationOutcome, ReservationState } from './transitions.ts';

export type Request = ScheduleSale | ChangeSaleStatus | ChangeStock | CancelReservation | RequestCheckout;

/** Refuses a request other than a reservation. `reservation`: as it stands, where the request is about one that its user may know of. */
export function rejectRequest(
  state: SaleState,
  command: Request,
  key: RequestKey | OrderId,
  occasion: Occasion,
  reason: RequestRefusal | ReservationOutcome,
  reservation: ReservationState = 'none',
): DecidedEvent {
  assert(isRefusal(reason), `${reason} is no refusal of ${command.type}`);
  return {
    ...answerEnvelope(state, occasion, command),
    type: 'request.rejected',
    request: command.type,
    // The schema has one type for the key of any request; an order's id is the key of its checkout.
    key: key as RequestKey,
    ...('user' in command && { user: command.user, reservation_id: command.reservation_id }),
    ...(reservation !== 'none' && { reservation_status: reservation }),
    ...('respond_async' in command && { respond_async: command.respond_async }),
    reason,
  };
}

function isRefusal(reason: RequestRefusal | ReservationOutcome): reason is RequestRefusal {
  return (REQUEST_REFUSALS as readonly string[]).includes(reason);
}
