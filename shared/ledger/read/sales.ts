import type { SaleStatus } from '#schemas/event.ts';
import type { SaleId, SaleNo, Sku } from '#schemas/ids.ts';
import type { SaleTerms } from '#schemas/terms.ts';
import type { ListPlace } from './list-place.ts';
import type { Rows, Statement } from './reads.ts';

export interface ItemCounts {
  readonly sku: Sku;
  readonly total: number;
  readonly held: number;
  readonly sold: number;
}

export interface SaleRow {
  readonly sale_no: SaleNo;
  readonly sale_id: SaleId;
  readonly status: SaleStatus;
  readonly seq: number;
  readonly terms: SaleTerms;
  readonly created_at_ms: number;
  /** As the seller listed them. */
  readonly items: readonly ItemCounts[];
}

/** A sale as one of a list. Where it has more than `listedItemsMax` items, neither its terms nor `items` hold them. */
export interface ListedSale extends SaleRow {
  readonly items_count: number;
}

/** A hundred sales may be listed at once, and a sale may have 10,000 items. */
export const listedItemsMax = 100;

const ITEMS_ONLY = `(SELECT json_agg(json_build_object('sku', i.sku, 'total', i.total, 'held', i.held, 'sold', i.sold) ORDER BY i.position)
  FROM items i WHERE i.sale_no = s.sale_no)`;
const ITEMS = `${ITEMS_ONLY} AS items`;

const SALE_BY_ID: Statement = {
  name: 'sale_by_id',
  text: `
    SELECT s.sale_no, l.sale_id, s.status, s.seq, t.terms, t.created_at_ms, ${ITEMS}
    FROM sale_lines l JOIN sales s USING (sale_no) JOIN sale_terms t USING (sale_no)
    WHERE l.sale_id = $1`,
};

/** Sales of the newest numbers first: numbers are given in the order of creation. */
const SALES_LISTED: Statement = {
  name: 'sales_listed',
  text: `
    SELECT s.sale_no, l.sale_id, s.status, s.seq, t.created_at_ms, n.items_count,
      CASE WHEN n.items_count <= ${listedItemsMax} THEN t.terms ELSE jsonb_set(t.terms, '{items}', '[]') END AS terms,
      CASE WHEN n.items_count <= ${listedItemsMax} THEN ${ITEMS_ONLY} ELSE '[]' END AS items
    FROM sales s JOIN sale_lines l USING (sale_no) JOIN sale_terms t USING (sale_no)
      CROSS JOIN LATERAL (SELECT count(*)::integer AS items_count FROM items i WHERE i.sale_no = s.sale_no) n
    WHERE ($1::text IS NULL OR s.status = $1) AND s.sale_no < $2
    ORDER BY s.sale_no DESC LIMIT $3`,
};

const AVAILABILITY: Statement = {
  name: 'availability',
  text: `SELECT s.status, s.seq, ${ITEMS} FROM sale_lines l JOIN sales s USING (sale_no) WHERE l.sale_id = $1`,
};

const saleNoMax = 2_147_483_647;

export interface Availability {
  readonly status: SaleStatus;
  readonly seq: number;
  readonly items: readonly ItemCounts[];
}

export interface SaleReads {
  byId(saleId: string): Promise<SaleRow | null>;
  /** Newest first; one row more than `limit` where there is more. A place's `ms` is the sale's number. */
  list(status: SaleStatus | null, after: ListPlace | null, limit: number): Promise<readonly ListedSale[]>;
  availability(saleId: string): Promise<Availability | null>;
}

export function createSaleReads(reads: Rows): SaleReads {
  return {
    byId: async (saleId) => (await reads.rows<SaleRow>(SALE_BY_ID, [saleId]))[0] ?? null,
    list: (status, after, limit) =>
      reads.rows<ListedSale>(SALES_LISTED, [status, after === null ? saleNoMax : Math.min(after.ms, saleNoMax), limit + 1]),
    availability: async (saleId) => (await reads.rows<Availability>(AVAILABILITY, [saleId]))[0] ?? null,
  };
}
