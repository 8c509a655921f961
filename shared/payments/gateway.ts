import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
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

export interface GatewayOptions {
  readonly baseUrl: string;
  /** From the call to the last byte of the answer. */
  readonly timeoutMs: number;
  /** Connections at once; calls beyond it wait within their time limit. */
  readonly connectionsMax: number;
}

const answerBytesMax = 256 * 1024;

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

type Answer =
  { readonly kind: 'answer'; readonly status: number; readonly body: unknown } | { readonly kind: 'none'; readonly why: Unanswered };

export function createGateway({ baseUrl, timeoutMs, connectionsMax }: GatewayOptions): PaymentGateway {
  const base = new URL(baseUrl.replace(/\/*$/, '/'));
  const secure = base.protocol === 'https:';
  const agentOptions = { keepAlive: true, maxSockets: connectionsMax, maxFreeSockets: connectionsMax, timeout: 30_000 };
  const agent = secure ? new HttpsAgent(agentOptions) : new HttpAgent(agentOptions);
  const send = secure ? httpsRequest : httpRequest;

  /** Never throws: what goes wrong on the way is an answer that did not come. */
  function call(method: 'GET' | 'POST', path: string, headers: Record<string, string>, body?: object): Promise<Answer> {
    return new Promise((resolve) => {
      const payload = body === undefined ? undefined : JSON.stringify(body);
      const request = send(new URL(path, base), {
        method,
        agent,
        headers:
          payload === undefined
            ? headers
            : { ...headers, 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) },
      });
      const end = (answer: Answer): void => {
        clearTimeout(timer);
        resolve(answer);
        if (answer.kind === 'none') request.destroy();
      };
      const timer = setTimeout(() => end({ kind: 'none', why: 'timeout' }), timeoutMs);
      request.on('error', () => end({ kind: 'none', why: 'network' }));
      request.on('response', (response) => {
        readAnswer(response).then(end, () => end({ kind: 'none', why: 'network' }));
      });
      request.end(payload);
    });
  }

  async function post(path: string, key: string, traceparent: string | undefined, body: object): Promise<Answer> {
    return call('POST', path, { 'idempotency-key': key, ...(traceparent === undefined ? {} : { traceparent }) }, body);
  }

  return {
    async charge({ orderId, amount, currency, paymentMethodId, traceparent }) {
      const answer = await post('v1/charges', orderId, traceparent, {
        amount,
        currency,
        payment_method_id: paymentMethodId,
        reference: orderId,
      });
      const failure = failureOf(answer);
      if (failure) return failure.kind === 'refused' && failure.status === 402 ? { kind: 'declined', code: failure.code } : failure;
      const charge = Charge.safeParse(answer.kind === 'answer' ? answer.body : undefined);
      if (!charge.success) return { kind: 'refused', code: 'unreadable_answer' };
      const asAsked = charge.data.reference === orderId && charge.data.amount === amount && charge.data.currency === currency;
      return asAsked ? { kind: 'captured', chargeId: charge.data.id } : { kind: 'refused', code: 'charged_something_else' };
    },

    async refund({ orderId, chargeId, traceparent }) {
      const answer = await post('v1/refunds', `refund:${orderId}`, traceparent, { charge_id: chargeId });
      const failure = failureOf(answer);
      if (failure) return failure;
      const refund = Refund.safeParse(answer.kind === 'answer' ? answer.body : undefined);
      return refund.success ? { kind: 'refunded', refundId: refund.data.id } : { kind: 'refused', code: 'unreadable_answer' };
    },

    async findCharge(orderId) {
      const answer = await call('GET', `v1/charges?reference=${encodeURIComponent(orderId)}`, {});
      const list = ChargeList.safeParse(answer.kind === 'answer' && answer.status === 200 ? answer.body : undefined);
      if (!list.success) {
        throw new RetryableFault(
          'gateway_unavailable',
          `the payment gateway did not list the charges of order ${orderId}; try again when it answers`,
        );
      }
      const charge = list.data.data[0];
      return charge ? { chargeId: charge.id, refundId: charge.refund_id } : null;
    },

    async answers() {
      const answer = await call('GET', 'v1/charges?limit=1', {});
      return answer.kind === 'answer' && answer.status < 500;
    },

    close: () => agent.destroy(),
  };
}

/** Null where the answer is a success. */
function failureOf(
  answer: Answer,
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

async function readAnswer(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > answerBytesMax) return { kind: 'none', why: 'network' };
    chunks.push(chunk);
  }
  let body: unknown;
  try {
    body = JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    body = undefined;
  }
  return { kind: 'answer', status: response.statusCode ?? 0, body };
}
