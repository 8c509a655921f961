import type { Offset, Partition, SaleNo } from '#schemas/ids.ts';
import type { Statement } from '../columns.ts';

export interface SaleWithNewsRow {
  readonly sale_no: number;
  readonly sale_id: string;
  readonly seq: string;
  /** The newest event that came from an offset below; 0 where all are news. */
  readonly seq_before: string;
}

/** Walks each sale's log backwards from its newest event, so that the cost is that of the events found. */
export function salesWithNews(partition: Partition, fromOffset: Offset): Statement {
  return { name: 'sales_with_news', text: newsText, values: [partition, fromOffset] };
}

const newsText = `
SELECT sale_no, sale_id, sales.seq, COALESCE((
    SELECT events.seq FROM events
    WHERE events.sale_no = sales.sale_no AND events.command_offset < $2::bigint
    ORDER BY events.seq DESC LIMIT 1), 0) AS seq_before
FROM sale_lines JOIN sales USING (sale_no)
WHERE sale_lines.partition = $1::integer AND sales.last_offset >= $2::bigint
ORDER BY sale_no`;

export interface LeafRow {
  readonly seq: string;
  readonly command_offset: string;
  readonly leaf: string;
}

/** Events after `afterSeq` up to and with `throughSeq`, at most `rowsMax`. */
export function leavesAfter(saleNo: SaleNo, afterSeq: number, throughSeq: number, rowsMax: number): Statement {
  return { name: 'leaves_after', text: leavesText, values: [saleNo, afterSeq, throughSeq, rowsMax] };
}

const leavesText = `
SELECT seq, command_offset, convert_from(leaf, 'UTF8') AS leaf FROM events
WHERE sale_no = $1::integer AND seq > $2::bigint AND seq <= $3::bigint
ORDER BY seq LIMIT $4::integer`;
