import type { Outcome } from '#shared/http/answer.ts';
import { problem } from '#shared/http/problem.ts';
import { param, type Exchange } from '#shared/http/route.ts';
import type { SaleReads } from '#shared/ledger/read/sales.ts';
import { SaleId } from '#schemas/ids.ts';
import { availabilityItem } from './sale-view.ts';

/** How old the figures may be that a crowd is shown; reads in that time share one query. */
const cachedMs = 50;
const salesCachedMax = 1_000;

interface Figures {
  readonly etag: string;
  readonly body: string;
}

/** `GET /v1/sales/{sale_id}/availability`. */
export function createAvailabilityHandler(sales: SaleReads, now: () => number): (exchange: Exchange) => Promise<Outcome> {
  const cache = new Map<string, { readonly at: number; readonly figures: Promise<Figures | null> }>();

  async function read(saleId: string): Promise<Figures | null> {
    const found = await sales.availability(saleId);
    if (found === null) return null;
    const body = JSON.stringify({ sale_id: saleId, status: found.status, as_of_seq: found.seq, items: found.items.map(availabilityItem) });
    return { etag: `"${found.seq}"`, body };
  }

  function figuresOf(saleId: string): Promise<Figures | null> {
    const known = cache.get(saleId);
    if (known !== undefined && now() - known.at < cachedMs) return known.figures;
    const figures = read(saleId);
    cache.delete(saleId);
    if (cache.size >= salesCachedMax) cache.delete(cache.keys().next().value!);
    const cached = { at: now(), figures };
    cache.set(saleId, cached);
    figures.catch(() => {
      // What failed is not kept.
      if (cache.get(saleId) === cached) cache.delete(saleId);
    });
    return figures;
  }

  return async (exchange) => {
    const saleId = param(exchange, 'saleId');
    const figures = SaleId.safeParse(saleId).success ? await figuresOf(saleId) : null;
    if (figures === null) return problem('sale_not_found', 'no sale has this id');
    const headers = { etag: figures.etag, 'cache-control': 'public, max-age=1' };
    const held = exchange.request.headers['if-none-match'];
    if (held !== undefined && matches(held, figures.etag)) return { kind: 'answer', status: 304, headers };
    return { kind: 'answer', status: 200, body: figures.body, headers };
  };
}

/** `If-None-Match` compares weakly (RFC 9110, 13.1.2). */
function matches(header: string, etag: string): boolean {
  return header.trim() === '*' || header.split(',').some((one) => one.trim().replace(/^W\//, '') === etag);
}
