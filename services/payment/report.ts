import type { Command } from '#schemas/command.ts';
import { COMMAND_VERSION } from '#schemas/command.ts';
import type { OrderId, ReservationId, SaleId } from '#schemas/ids.ts';
import type { PaymentFact, PaymentState } from '#shared/payments/states.ts';
import type { DuePayment } from '#shared/payments/claim.ts';

/** The result as a command for the sale's line, and the fact that holds once it stands there; null where there is nothing to tell. */
export function reportOf(
  payment: Pick<
    DuePayment,
    'orderId' | 'saleId' | 'reservationId' | 'chargeId' | 'refundId' | 'failureReason' | 'requestId' | 'traceparent'
  >,
  state: PaymentState,
): { readonly command: Command; readonly fact: PaymentFact } | null {
  const envelope = {
    v: COMMAND_VERSION,
    sale_id: payment.saleId as SaleId,
    request_id: payment.requestId,
    ...(payment.traceparent === null ? {} : { traceparent: payment.traceparent }),
    order_id: payment.orderId as OrderId,
    reservation_id: payment.reservationId as ReservationId,
  } as const;
  if (state === 'captured' && payment.chargeId !== null) {
    return { command: { ...envelope, type: 'payment.succeeded', charge_id: payment.chargeId }, fact: 'success_reported' };
  }
  if (state === 'declined') {
    return { command: { ...envelope, type: 'payment.failed', reason: payment.failureReason ?? 'declined' }, fact: 'failure_reported' };
  }
  if (state === 'refund_made' && payment.refundId !== null) {
    return { command: { ...envelope, type: 'refund.completed', refund_id: payment.refundId }, fact: 'refund_reported' };
  }
  return null;
}
