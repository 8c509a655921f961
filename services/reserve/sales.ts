import { randomBytes } from 'node:crypto';
import { COMMAND_VERSION } from '#schemas/command.ts';
import { SALE_STATUSES, type Event } from '#schemas/event.ts';
import { SaleRequest, StockRequest, TransitionRequest } from '#schemas/http.ts';
import { SaleId, type Fingerprint, type Partition, type RequestKey, type SaleNo } from '#schemas/ids.ts';
import { fingerprint, requestKey } from '#shared/ids/derive.ts';
import { json, withHeaders, type Outcome } from '#shared/http/answer.ts';
import { pageOf } from '#shared/http/cursor.ts';
import { idempotencyKeyOf, requiredIdempotencyKey } from '#shared/http/idempotency.ts';
import { preferenceOf } from '#shared/http/prefer.ts';
import { problem } from '#shared/http/problem.ts';
import { oneOf, pageAsked } from '#shared/http/query.ts';
import { keyReused, requestRefused } from '#shared/http/refusals.ts';
import { retryAfterOf } from '#shared/http/retry-after.ts';
import { callerOf, param, type Exchange } from '#shared/http/route.ts';
import type { KeyedCommand, LineOfSale, Submit } from '#shared/http/submit.ts';
import { validated } from '#shared/http/validate.ts';
import type { createProgress, LinePlace } from '#shared/ledger/read/progress.ts';
import type { SaleCards } from '#shared/ledger/read/sale-card.ts';
import type { SaleReads } from '#shared/ledger/read/sales.ts';
import { STATUS_AFTER } from '#shared/sale/transitions.ts';
import { availabilityItem, saleListView, saleView } from './sale-view.ts';

export type AllocatedLine = { readonly saleNo: SaleNo; readonly partition: Partition };

export interface SalePorts {
  readonly cards: SaleCards;
  readonly sales: SaleReads;
  readonly submit: Submit;
  readonly progress: ReturnType<typeof createProgress>;
  /** A line of its own for a new sale, the same one for the same id; null where all are taken. */
  readonly allocateLine: (saleId: SaleId) => Promise<AllocatedLine | null>;
}

const TRANSITIONS = { open: 'sale.open', pause: 'sale.pause', resume: 'sale.resume', close: 'sale.close' } as const;
export type Transition = keyof typeof TRANSITIONS;

const NO_SALE = problem('sale_not_found', 'no sale has this id');

/** The calls on sales: anyone reads, operators write. */
export function createSaleHandlers({ cards, sales, submit, progress, allocateLine }: SalePorts) {
  /** Puts an operator's request in the line and renders its decision by `answerOf`. */
  async function decide(
    exchange: Exchange,
    line: LineOfSale,
    key: RequestKey,
    print: Fingerprint,
    command: (replyTo: string) => KeyedCommand,
    answerOf: (event: Event) => Promise<Outcome> | Outcome,
    undecided: (queue: LinePlace) => Promise<Outcome> | Outcome,
  ): Promise<Outcome> {
    const preference = preferenceOf(exchange.request.headers['prefer']);
    const awaited = await submit.andWait(
      line,
      { kind: 'request', key, fingerprint: print },
      exchange.receivedAt + preference.waitMs,
      command,
      null,
    );
    const applied: Record<string, string> = preference.applied === null ? {} : { 'preference-applied': preference.applied };
    switch (awaited.kind) {
      case 'conflict':
        return keyReused();
      case 'unknown_sale':
        return NO_SALE;
      case 'undecided': {
        const queue = await progress(awaited.place.partition, awaited.place.offset);
        return withHeaders(await undecided(queue), { 'retry-after': retryAfterOf(queue), ...applied });
      }
      case 'decided': {
        const { event } = awaited;
        const outcome = event.type === 'request.rejected' ? requestRefused(event) : await answerOf(event);
        return withHeaders(outcome, awaited.replayed ? { ...applied, 'idempotent-replayed': 'true' } : applied);
      }
    }
  }

  /** Fields that every operator's command has. */
  function envelope(exchange: Exchange, saleId: SaleId, key: RequestKey, print: Fingerprint, replyTo: string) {
    return {
      v: COMMAND_VERSION as typeof COMMAND_VERSION,
      sale_id: saleId,
      request_id: exchange.requestId,
      traceparent: exchange.traceparent,
      fingerprint: print,
      accepted_at: exchange.receivedAt,
      reply_to: replyTo,
      key,
    };
  }

  /** `POST /v1/sales`. */
  async function create(exchange: Exchange): Promise<Outcome> {
    const operator = callerOf(exchange);
    const idempotencyKey = idempotencyKeyOf(exchange.request.headers, exchange.body['idempotency_key']) ?? randomKey();
    const { idempotency_key: _, ...terms } = validated(SaleRequest, exchange.body);
    const key = requestKey(operator.ref, '/v1/sales', idempotencyKey);
    const saleId = saleIdOf(key);
    const print = fingerprint(['sale.schedule', terms]);
    const line = await allocateLine(saleId);
    if (line === null) return problem('no_free_line', 'every line has an active sale', { headers: { 'retry-after': '5' } });
    const location = { location: `/v1/sales/${saleId}` };
    return decide(
      exchange,
      line,
      key,
      print,
      (replyTo) => ({ ...envelope(exchange, saleId, key, print, replyTo), type: 'sale.schedule', terms }),
      (event) => {
        if (event.type !== 'sale.scheduled') return unexpected(event);
        // A sale whose start has passed opens in the same breath, by an event of its own.
        const status = Date.parse(event.terms.starts_at) <= Date.parse(event.at) ? 'open' : 'scheduled';
        const facts = { sale_id: saleId, status, seq: event.seq, terms: event.terms, created_at_ms: Date.parse(event.at) } as const;
        return json(201, saleView(facts, null), location);
      },
      (queue) => {
        const facts = { sale_id: saleId, status: 'scheduled', seq: 0, terms, created_at_ms: exchange.receivedAt } as const;
        return json(202, { ...saleView(facts, null), queue }, location);
      },
    );
  }

  /** `POST /v1/sales/{sale_id}/open`, `/pause`, `/resume`, `/close`. */
  async function change(exchange: Exchange, transition: Transition): Promise<Outcome> {
    const operator = callerOf(exchange);
    const idempotencyKey = idempotencyKeyOf(exchange.request.headers, exchange.body['idempotency_key']) ?? randomKey();
    validated(TransitionRequest, exchange.body);
    const card = await cards.find(param(exchange, 'saleId'));
    if (card === null) return NO_SALE;
    const key = requestKey(operator.ref, `/v1/sales/${card.saleId}/${transition}`, idempotencyKey);
    const print = fingerprint([TRANSITIONS[transition]]);
    return decide(
      exchange,
      card,
      key,
      print,
      (replyTo) => ({ ...envelope(exchange, card.saleId, key, print, replyTo), type: TRANSITIONS[transition] }),
      async (event) => {
        const status = STATUS_AFTER[event.type];
        if (status === undefined) return unexpected(event);
        const sale = await sales.byId(card.saleId);
        return sale === null ? NO_SALE : json(200, saleView({ ...sale, status, seq: event.seq }, sale.items));
      },
      async (queue) => {
        const sale = await sales.byId(card.saleId);
        if (sale === null) return NO_SALE;
        return json(202, { ...saleView(sale, sale.items), queue }, { location: `/v1/sales/${card.saleId}` });
      },
    );
  }

  /** `POST /v1/sales/{sale_id}/stock`. */
  async function stock(exchange: Exchange): Promise<Outcome> {
    const operator = callerOf(exchange);
    const idempotencyKey = requiredIdempotencyKey(exchange.request.headers, exchange.body['idempotency_key']);
    const { sku, delta } = validated(StockRequest, exchange.body);
    const card = await cards.find(param(exchange, 'saleId'));
    if (card === null) return NO_SALE;
    const key = requestKey(operator.ref, `/v1/sales/${card.saleId}/stock`, idempotencyKey);
    const print = fingerprint(['stock.change', sku, delta]);
    return decide(
      exchange,
      card,
      key,
      print,
      (replyTo) => ({ ...envelope(exchange, card.saleId, key, print, replyTo), type: 'stock.change', sku, delta }),
      (event) => {
        if (event.type !== 'stock.changed') return unexpected(event);
        const counts = event.counts[event.sku]!;
        return json(200, { sale_id: card.saleId, delta, seq: event.seq, ...availabilityItem({ sku, ...counts }) });
      },
      (queue) =>
        json(202, { sale_id: card.saleId, sku, delta, status: 'queued', queue }, { location: `/v1/sales/${card.saleId}/availability` }),
    );
  }

  /** `GET /v1/sales/{sale_id}`. */
  async function get(exchange: Exchange): Promise<Outcome> {
    const saleId = param(exchange, 'saleId');
    const sale = SaleId.safeParse(saleId).success ? await sales.byId(saleId) : null;
    return sale === null ? NO_SALE : json(200, saleView(sale, sale.items), PUBLIC);
  }

  /** `GET /v1/sales?status=&limit=&cursor=`, newest first. */
  async function list(exchange: Exchange): Promise<Outcome> {
    const status = oneOf(exchange.query, 'status', SALE_STATUSES);
    const { limit, after } = pageAsked(exchange.query, (id) => id === CURSOR_ID);
    const rows = await sales.list(status, after, limit);
    const { page, nextCursor } = pageOf(rows, limit, (row) => ({ ms: row.sale_no, id: CURSOR_ID }));
    return json(200, { data: page.map(saleListView), next_cursor: nextCursor }, PUBLIC);
  }

  return { create, change, stock, get, list };
}

/** Stands for the id in this list's cursors: a sale's number says it all. */
const CURSOR_ID = 'sale';

const PUBLIC = { 'cache-control': 'public, max-age=1' };

/** For requests of operators who gave no key: each is one of its own. */
const randomKey = (): string => randomBytes(18).toString('base64url');

/** Twenty characters of Crockford's alphabet out of the request's key, so that a retry names the same sale. */
function saleIdOf(key: RequestKey): SaleId {
  let bits = BigInt(`0x${key.replaceAll('-', '')}`) >> 20n;
  let text = '';
  for (let i = 0; i < 20; i++) {
    text = '0123456789abcdefghjkmnpqrstvwxyz'[Number(bits & 31n)]! + text;
    bits >>= 5n;
  }
  return SaleId.parse(`sale_${text}`);
}

function unexpected(event: Event): never {
  throw new Error(`an operator's request was answered by the event ${event.type}, seq ${event.seq} of sale ${event.sale_id}`);
}
