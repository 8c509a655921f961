import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { chargeOutcomeOf, foundChargeIn, refundOutcomeOf, type GatewayAnswer, type PaymentGateway } from './gateway.ts';

export interface GatewayOptions {
  readonly baseUrl: string;
  /** From the call to the last byte of the answer. */
  readonly timeoutMs: number;
  /** Connections at once; calls beyond it wait within their time limit. */
  readonly connectionsMax: number;
}

const answerBytesMax = 256 * 1024;

/** The payment gateway behind its HTTP API. */
export function createGateway({ baseUrl, timeoutMs, connectionsMax }: GatewayOptions): PaymentGateway {
  const base = new URL(baseUrl.replace(/\/*$/, '/'));
  const secure = base.protocol === 'https:';
  const agentOptions = { keepAlive: true, maxSockets: connectionsMax, maxFreeSockets: connectionsMax, timeout: 30_000 };
  const agent = secure ? new HttpsAgent(agentOptions) : new HttpAgent(agentOptions);
  const send = secure ? httpsRequest : httpRequest;

  /** Never throws: what goes wrong on the way is an answer that did not come. */
  function call(method: 'GET' | 'POST', path: string, headers: Record<string, string>, body?: object): Promise<GatewayAnswer> {
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
      const end = (answer: GatewayAnswer): void => {
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

  async function post(path: string, key: string, traceparent: string | undefined, body: object): Promise<GatewayAnswer> {
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
      return chargeOutcomeOf(answer, { orderId, amount, currency });
    },

    async refund({ orderId, chargeId, traceparent }) {
      return refundOutcomeOf(await post('v1/refunds', `refund:${orderId}`, traceparent, { charge_id: chargeId }));
    },

    async findCharge(orderId) {
      return foundChargeIn(await call('GET', `v1/charges?reference=${encodeURIComponent(orderId)}`, {}), orderId);
    },

    async answers() {
      const answer = await call('GET', 'v1/charges?limit=1', {});
      return answer.kind === 'answer' && answer.status < 500;
    },

    close: () => agent.destroy(),
  };
}

async function readAnswer(response: IncomingMessage): Promise<GatewayAnswer> {
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
