import type { Partition, SaleNo } from '#schemas/ids.ts';
import { bare, type Statement } from '../columns.ts';

export interface UnsettledHeadRow {
  readonly partition: number;
  readonly sale_no: number;
  readonly sale_id: string;
  readonly seq: string;
  readonly head: string;
}

export function unsettledHeads(partitions: readonly Partition[]): Statement {
  return { name: 'unsettled_heads', text: headsText, values: [bare(partitions)] };
}

const headsText = `
SELECT partition, sale_no, sale_id, seq, encode(head, 'hex') AS head
FROM sale_lines JOIN sales USING (sale_no)
WHERE partition = ANY ($1::integer[]) AND active AND NOT settled
ORDER BY sale_no`;

export interface LeafPageRow {
  /** One on each line, in seq order; null where there is none. */
  readonly leaves: string | null;
}

/** One row for all: a row each would cost both sides more than the leaves. */
export function leafPage(saleNo: SaleNo, afterSeq: number, throughSeq: number, eventsMax: number): Statement {
  return { name: 'leaf_page', text: pageText, values: [saleNo, afterSeq, throughSeq, eventsMax] };
}

const pageText = `
SELECT convert_from(string_agg(leaf, '\\x0a'::bytea ORDER BY seq), 'UTF8') AS leaves
FROM (
  SELECT seq, leaf FROM events
  WHERE sale_no = $1::integer AND seq > $2::bigint AND seq <= $3::bigint
  ORDER BY seq LIMIT $4::integer
) AS page`;
