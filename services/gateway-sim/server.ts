import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { z } from 'zod';
import { apply, judgeCharge, judgeRefund, listCharges, problem, type Answer, type Book, type Judgement } from './book.ts';
import type { Journal } from './journal.ts';

/** The gateway's HTTP face: charges and refunds with an Idempotency-Key, and the list of charges for reconciliation. */

const bodyBytesMax = 64 * 1024;
const connectionsMax = 4_096;
/** Calls left without an answer at once; beyond it the connection is cut, which a client cannot tell from silence for long. */
const silentCallsMax = 2_048;
/** A client that never hangs up is cut off after this. */
const silenceMsMax = 120_000;
/** Longer than a client keeps an idle connection, so that it is the client who closes it. */
const keepAliveMs = 65_000;

/** More than the dearest order there can be: 20 lines of 100 units at 1,000,000,000 each. */
const amountMax = 1_000_000_000_000_000;

const ChargeBody = z.strictObject({
  amount: z.int().min(1).max(amountMax),
  currency: z.string().regex(/^[A-Z]{3}$/),
  payment_method_id: z.string().min(1).max(255),
  reference: z.string().min(1).max(255),
});
const RefundBody = z.strictObject({ charge_id: z.string().min(1).max(255) });
const ListQuery = z.object({
  reference: z.string().min(1).max(255).optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
  cursor: z.coerce.number().int().min(0).default(0),
});

export interface Gateway {
  readonly book: Book;
  readonly journal: Journal;
  readonly now: () => Date;
}

export function createGatewayServer(gateway: Gateway): Server {
  let silentCalls = 0;

  function send(response: ServerResponse, status: number, body: unknown): void {
    const text = JSON.stringify(body);
    response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
    response.end(text);
  }

  /** Never answers. The connection ends with its client, or after the bound. */
  function staySilent(response: ServerResponse): void {
    if (silentCalls >= silentCallsMax) {
      response.destroy();
      return;
    }
    silentCalls += 1;
    const timer = setTimeout(() => response.destroy(), silenceMsMax);
    response.once('close', () => {
      clearTimeout(timer);
      silentCalls -= 1;
    });
  }

  function deliver(response: ServerResponse, answer: Answer): void {
    if (answer.kind === 'silence') staySilent(response);
    else if (answer.afterMs === 0) send(response, answer.status, answer.body);
    else {
      const timer = setTimeout(() => {
        send(response, answer.status, answer.body);
      }, answer.afterMs);
      response.once('close', () => {
        clearTimeout(timer);
      });
    }
  }

  /** The judgement is in the books before anything else is judged, and in the journal before it is told. */
  async function carryOut(judgement: Judgement): Promise<Answer> {
    if (judgement.entry === null) await gateway.journal.settled();
    else {
      apply(gateway.book, judgement.entry);
      await gateway.journal.append(judgement.entry);
    }
    return judgement.answer;
  }

  async function post<Body>(
    request: IncomingMessage,
    schema: z.ZodType<Body>,
    judge: (key: string, body: Body, at: string) => Judgement,
  ): Promise<Answer> {
    const key = request.headers['idempotency-key'];
    if (typeof key !== 'string' || !/^[\x20-\x7e]{1,255}$/.test(key)) {
      return problem(400, 'idempotency_key_required', 'send an Idempotency-Key of 1 to 255 printable ASCII characters');
    }
    const body = schema.safeParse(await readJson(request));
    if (!body.success) return problem(400, 'invalid_request', z.prettifyError(body.error));
    return carryOut(judge(key, body.data, gateway.now().toISOString()));
  }

  async function route(request: IncomingMessage): Promise<Answer> {
    const url = new URL(request.url ?? '/', 'http://gateway');
    switch (`${request.method ?? ''} ${url.pathname}`) {
      case 'POST /v1/charges':
        return post(request, ChargeBody, (key, body, at) => judgeCharge(gateway.book, key, body, at));
      case 'POST /v1/refunds':
        return post(request, RefundBody, (key, body, at) => judgeRefund(gateway.book, key, body.charge_id, at));
      case 'GET /v1/charges': {
        const query = ListQuery.safeParse(Object.fromEntries(url.searchParams));
        if (!query.success) return problem(400, 'invalid_request', z.prettifyError(query.error));
        return { kind: 'answer', status: 200, body: listCharges(gateway.book, query.data), afterMs: 0 };
      }
      case 'GET /livez':
      case 'GET /readyz':
        return { kind: 'answer', status: 200, body: { status: 'ok' }, afterMs: 0 };
      default:
        return problem(404, 'not_found', 'the simulated gateway has POST and GET /v1/charges and POST /v1/refunds');
    }
  }

  const server = createServer({ keepAliveTimeout: keepAliveMs, requestTimeout: 30_000 }, (request, response) => {
    route(request).then(
      (answer) => {
        deliver(response, answer);
      },
      (error: unknown) => {
        if (!response.headersSent) send(response, 500, { error: { code: 'internal_error', message: String(error) } });
      },
    );
  });
  server.maxConnections = connectionsMax;
  return server;
}

/** The body as JSON; undefined where it is none or is too large. */
async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bodyBytesMax) return undefined;
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    return undefined;
  }
}
