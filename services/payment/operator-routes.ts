import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { OrderId } from '#schemas/ids.ts';
import { RetryableFault } from '#shared/faults/faults.ts';
import type { ManualPayment } from '#shared/payments/list-manual.ts';
import type { SettleOutcome, Settlement } from '#shared/payments/settle-manual.ts';

/**
 * `GET /v1/manual` and `POST /v1/manual/{order_id}/settle` on the operators' port,
 * which is not reachable from outside. A settlement must come as JSON, which a page
 * in an operator's browser cannot send here without asking first.
 */

const bodyBytesMax = 4_096;

const Body = z.discriminatedUnion('as', [
  z.strictObject({ as: z.literal('succeeded'), gateway_id: z.string().min(1).max(255).optional() }),
  z.strictObject({ as: z.literal('failed') }),
  z.strictObject({ as: z.literal('retry') }),
]);

export interface ManualPorts {
  readonly list: () => Promise<readonly ManualPayment[]>;
  readonly settle: (orderId: string, settlement: Settlement) => Promise<SettleOutcome>;
}

/** What each outcome is told as. */
function told(outcome: SettleOutcome): { readonly status: number; readonly body: object } {
  const refused = (status: number, code: string, detail: string) => ({ status, body: { code, detail } });
  switch (outcome.kind) {
    case 'settled':
      return { status: 200, body: { state: outcome.state } };
    case 'not_found':
      return refused(404, 'not_found', 'no payment of that order is known; see GET /v1/manual for the list');
    case 'not_manual':
      return refused(409, 'not_manual', `the payment is ${outcome.state}: there is nothing to settle`);
    case 'charge_exists':
      return refused(409, 'charge_exists', `the gateway has captured charge ${outcome.chargeId}; settle it as succeeded`);
    case 'nothing_found':
      return refused(409, 'nothing_found', 'the gateway knows no such charge or refund; give its gateway_id, or settle as retry');
    case 'refund_is_owed':
      return refused(
        409,
        'refund_is_owed',
        'a refund cannot be settled as failed: settle as retry, or make it by hand and settle as succeeded',
      );
  }
}

/** Answers these paths; false: it is none of them. */
export async function answerManual(ports: ManualPorts, request: IncomingMessage, response: ServerResponse): Promise<boolean> {
  const path = (request.url ?? '/').split('?')[0] ?? '/';
  const send = (status: number, body: object): true => {
    const later: Record<string, string> = status === 503 ? { 'retry-after': '1' } : {};
    response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', ...later });
    response.end(JSON.stringify(body));
    return true;
  };
  /** 503 where what is needed is away. */
  const sendResult = async (work: () => Promise<{ readonly status: number; readonly body: object }>): Promise<true> => {
    try {
      const { status, body } = await work();
      return send(status, body);
    } catch (error) {
      if (error instanceof RetryableFault) return send(503, { code: error.code, detail: error.message });
      throw error;
    }
  };
  if (path === '/v1/manual' && request.method === 'GET') {
    return sendResult(async () => ({ status: 200, body: { data: await ports.list() } }));
  }

  const orderId = OrderId.safeParse(/^\/v1\/manual\/([^/]+)\/settle$/.exec(path)?.[1]);
  if (!orderId.success || request.method !== 'POST') return false;
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) {
    return send(415, { code: 'unsupported_media_type', detail: 'send application/json' });
  }
  const body = Body.safeParse(await readJson(request));
  if (!body.success) return send(400, { code: 'invalid_request', detail: z.prettifyError(body.error) });
  const settlement: Settlement =
    body.data.as === 'succeeded' && body.data.gateway_id !== undefined
      ? { as: 'succeeded', gatewayId: body.data.gateway_id }
      : { as: body.data.as };
  return sendResult(async () => told(await ports.settle(orderId.data, settlement)));
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const chunk of request as AsyncIterable<Buffer>) {
    text += chunk.toString();
    if (text.length > bodyBytesMax) return undefined;
  }
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
