import type { SaleNo } from '#schemas/ids.ts';
import type { Outcome, Streamed } from '#shared/http/answer.ts';
import { encodeCursor } from '#shared/http/cursor.ts';
import { invalid } from '#shared/http/problem.ts';
import { numberAsked, pageAsked } from '#shared/http/query.ts';
import type { Exchange } from '#shared/http/route.ts';
import type { LogReads } from '#shared/ledger/log/log-reads.ts';
import { eventJson, pageJson } from './event-view.ts';
import { auditedSale, type AuditedSales } from './sales.ts';

/** Stands for the id in this list's cursors: an event's seq says it all. */
const CURSOR_ID = 'seq';
/** Of a streamed log, read and sent at once; the next is read when the client has taken this one. */
const streamedEventsMax = 1_000;

const NDJSON = 'application/x-ndjson';
const PRIVATE = { 'cache-control': 'private, no-store', vary: 'accept' };

/** `GET /v1/audit/sales/{sale_id}/events?from_seq=&limit=&cursor=`; the whole log from there as NDJSON where that is accepted. */
export function createEventsHandler(log: LogReads, sales: AuditedSales): (exchange: Exchange) => Promise<Outcome | Streamed> {
  return async (exchange) => {
    const { saleNo } = await auditedSale(exchange, sales);
    const fromSeq = numberAsked(exchange.query, 'from_seq', 1, Number.MAX_SAFE_INTEGER);
    const { limit, after } = pageAsked(exchange.query, (id) => id === CURSOR_ID);
    if (after !== null && fromSeq !== null) invalid('/from_seq', 'cannot stand beside a cursor: the cursor goes on where its page ended');
    const afterSeq = after?.ms ?? (fromSeq ?? 1) - 1;
    if (exchange.request.headers.accept?.includes(NDJSON) === true) {
      const chunks = linesOf(log, saleNo, afterSeq, await log.seqOf(saleNo));
      return { kind: 'stream', status: 200, contentType: NDJSON, headers: PRIVATE, chunks };
    }
    const rows = await log.events(saleNo, afterSeq, Number.MAX_SAFE_INTEGER, limit + 1);
    const page = rows.slice(0, limit);
    const next = rows.length > limit ? encodeCursor({ ms: page.at(-1)!.seq, id: CURSOR_ID }) : null;
    return {
      kind: 'answer',
      status: 200,
      headers: PRIVATE,
      body: pageJson(
        page.map((row) => eventJson(row)),
        next,
      ),
    };
  };
}

/** The log as it stood when it was asked for. */
async function* linesOf(log: LogReads, saleNo: SaleNo, fromSeq: number, throughSeq: number): AsyncGenerator<string> {
  for (let afterSeq = fromSeq; afterSeq < throughSeq;) {
    const rows = await log.events(saleNo, afterSeq, throughSeq, streamedEventsMax);
    if (rows.length === 0) return;
    afterSeq = rows.at(-1)!.seq;
    yield rows.map((row) => `${eventJson(row)}\n`).join('');
  }
}
