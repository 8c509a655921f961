import type { SaleId } from '#schemas/ids.ts';
import type { Statement } from '../columns.ts';

export interface LineRow {
  readonly sale_no: number;
  readonly partition: number;
}

/** No row: the sale has a line, none is free, or another sale was faster with the one that was picked. */
export function takeFreeLine(saleId: SaleId, partitions: number): Statement {
  return { name: 'take_free_line', text: takeText, values: [saleId, partitions] };
}

const takeText = `
INSERT INTO sale_lines (sale_id, partition)
SELECT $1::text, free FROM generate_series(0, $2::integer - 1) AS free
WHERE NOT EXISTS (SELECT FROM sale_lines WHERE active AND partition = free)
  AND NOT EXISTS (SELECT FROM sale_lines WHERE sale_id = $1::text)
ORDER BY random() LIMIT 1
ON CONFLICT DO NOTHING
RETURNING sale_no, partition`;

export interface LineOfRow extends LineRow {
  /** Its creation was given up and the line released: it has none. */
  readonly released: boolean;
}

export function lineOf(saleId: SaleId): Statement {
  return { name: 'line_of', text: lineOfText, values: [saleId] };
}

const lineOfText = `
SELECT sale_no, partition, NOT active AND NOT EXISTS (SELECT FROM sales s WHERE s.sale_no = l.sale_no) AS released
FROM sale_lines l WHERE sale_id = $1::text`;

/**
 * Gives a sale whose line was released one again, the same where it is free. No row: none is free, or it has one by now.
 * Raises unique_violation where another sale was faster with the one that was picked.
 */
export function takeLineAgain(saleId: SaleId, partitions: number): Statement {
  return { name: 'take_line_again', text: takeAgainText, values: [saleId, partitions] };
}

const takeAgainText = `
UPDATE sale_lines l SET partition = picked.free, active = true, created_at = now()
FROM (
  SELECT free FROM generate_series(0, $2::integer - 1) AS free
  WHERE NOT EXISTS (SELECT FROM sale_lines WHERE active AND partition = free)
  ORDER BY free = (SELECT partition FROM sale_lines WHERE sale_id = $1::text) DESC, random() LIMIT 1
) AS picked
WHERE l.sale_id = $1::text AND NOT l.active AND NOT EXISTS (SELECT FROM sales s WHERE s.sale_no = l.sale_no)
RETURNING l.sale_no, l.partition`;

export interface BusyLinesRow {
  readonly busy: number;
}

export function busyLines(partitions: number): Statement {
  const text = 'SELECT count(*)::integer AS busy FROM sale_lines WHERE active AND partition < $1::integer';
  return { name: 'busy_lines', text, values: [partitions] };
}

export interface UnsettledSaleRow {
  readonly sale_no: number;
  readonly sale_id: string;
  readonly partition: number;
  readonly status: string;
  readonly starts_at: string;
  readonly ends_at: string;
}

export const unsettledSales: Statement = {
  name: 'unsettled_sales',
  text: `
SELECT sale_no, sale_id, partition, status, terms->>'starts_at' AS starts_at, terms->>'ends_at' AS ends_at
FROM sale_lines JOIN sales USING (sale_no) JOIN sale_terms USING (sale_no)
WHERE active AND NOT settled ORDER BY sale_no`,
  values: [],
};
