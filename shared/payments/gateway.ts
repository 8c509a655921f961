import { z } from 'zod';
import { RetryableFault } from '#shared/faults/faults.ts';

/**
 * The payment gateway as the payment service calls it. What a call brought is a
 * value, a missing answer too: whether money moved is then unknown, and the same
 * key asks again.
 */

/** Why there was no result. `network`, `timeout` and `unavailable` say that the gateway may be away; the others that it is there. */
export type Unanswered = 'timeout' | 'network' | 'unavailable' | 'server_error' | 'rate_limited' | 'in_progress';

export type ChargeOutcome =
  | { readonly kind: 'captured'; readonly chargeId: string }
  | { readonly kind: 'declined'; readonly code: string }
  | { readonly kind: 'unanswered'; readonly why: Unanswered }
  /** It will not do this however often it is asked: a person has to look. */
  | { readonly kind: 'refused'; readonly code: string };

export type RefundOutcome =
  | { readonly kind: 'refunded'; readonly refundId: string }
  | { readonly kind: 'unanswered'; readonly why: Unanswered }
  | { readonly kind: 'refused'; readonly code: string };

export interface ChargeOrder {
  /** The order's id: idempotency key and reference. */
  readonly orderId: string;
  /** Minor units. */
  readonly amount: number;
  readonly currency: string;
  readonly paymentMethodId: string;
  readonly traceparent?: string;
}

export interface FoundCharge {
  readonly chargeId: string;
  readonly refundId: string | null;
}

export interface PaymentGateway {
  charge(order: ChargeOrder): Promise<ChargeOutcome>;
  /** The key is `refund:<order id>`. */
  refund(order: { readonly orderId: string; readonly chargeId: string; readonly traceparent?: string }): Promise<RefundOutcome>;
  /** The charge of an order, as the gateway has it; null where there is none. Throws RetryableFault `gateway_unavailable`. */
  findCharge(orderId: string): Promise<FoundCharge | null>;
  /** Whether it answers a cheap question at all. Never throws. */
  answers(): Promise<boolean>;
  close(): void;
}

const Charge = z.object({
  id: z.string().min(1).max(255),
  reference: z.string(),
  amount: z.int(),
  currency: z.string(),
  status: z.enum(['succeeded', 'refunded']),
  refund_id: z.string().min(1).max(255).nullable(),
});
const ChargeList = z.object({ data: z.array(Charge) });
const Refund = z.object({ id: z.string().min(1).max(255), status: z.literal('succeeded') });
/** A gateway's code is kept, its prose is not: it may quote what must not be logged. */
const Problem = z.object({ error: z.object({ code: z.string().regex(/^[a-z0-9_]{1,50}$/) }) });

/** What a call over HTTP brought: an answer with its body as JSON, or none. */
export type GatewayAnswer =
  { readonly kind: 'answer'; readonly status: number; readonly body: unknown } | { readonly kind: 'none'; readonly why: Unanswered };

/** What an answer to `POST /v1/charges` says of the charge of `order`. */
export function chargeOutcomeOf(answer: GatewayAnswer, order: Pick<ChargeOrder, 'orderId' | 'amount' | 'currency'>): ChargeOutcome {
  const failure = failureOf(answer);
  if (failure) return failure.kind === 'refused' && failure.status === 402 ? { kind: 'declined', code: failure.code } : failure;
  const charge = Charge.safeParse(answer.kind === 'answer' ? answer.body : undefined);
  if (!charge.success) return { kind: 'refused', code: 'unreadable_answer' };
  const { id, reference, amount, currency } = charge.data;
  const asAsked = reference === order.orderId && amount === order.amount && currency === order.currency;
  return asAsked ? { kind: 'captured', chargeId: id } : { kind: 'refused', code: 'charged_something_else' };
}

/** What an answer to `POST /v1/refunds` says. */
export function refundOutcomeOf(answer: GatewayAnswer): RefundOutcome {
  const failure = failureOf(answer);
  if (failure) return failure;
  const refund = Refund.safeParse(answer.kind === 'answer' ? answer.body : undefined);
  return refund.success ? { kind: 'refunded', refundId: refund.data.id } : { kind: 'refused', code: 'unreadable_answer' };
}

/** The charge in an answer to `GET /v1/charges?reference=<order id>`. Throws RetryableFault `gateway_unavailable`. */
export function foundChargeIn(answer: GatewayAnswer, orderId: string): FoundCharge | null {
  const list = ChargeList.safeParse(answer.kind === 'answer' && answer.status === 200 ? answer.body : undefined);
  if (!list.success) {
    throw new RetryableFault(
      'gateway_unavailable',
      `the payment gateway did not list the charges of order ${orderId}; try again when it answers`,
    );
  }
  const charge = list.data.data[0];
  return charge ? { chargeId: charge.id, refundId: charge.refund_id } : null;
}

/** Null where the answer is a success. */
function failureOf(
  answer: GatewayAnswer,
):
  | { readonly kind: 'unanswered'; readonly why: Unanswered }
  | { readonly kind: 'refused'; readonly status: number; readonly code: string }
  | null {
  if (answer.kind === 'none') return { kind: 'unanswered', why: answer.why };
  const { status } = answer;
  if (status === 200 || status === 201) return null;
  const problem = Problem.safeParse(answer.body);
  const code = problem.success ? problem.data.error.code : `http_${status}`;
  if (status === 429) return { kind: 'unanswered', why: 'rate_limited' };
  if (status === 408 || status === 425 || (status === 409 && code !== 'charge_already_refunded'))
    return { kind: 'unanswered', why: 'in_progress' };
  if (status === 502 || status === 503 || status === 504) return { kind: 'unanswered', why: 'unavailable' };
  if (status >= 500) return { kind: 'unanswered', why: 'server_error' };
  return { kind: 'refused', status, code };
}
