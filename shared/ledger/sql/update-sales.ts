import type { SaleNo } from '#schemas/ids.ts';
import { bare, type Statement, texts } from '../columns.ts';
import type { ItemRow, SaleRow } from '../rows.ts';

/** Raises division_by_zero where a row does not stand at the seq and the head right before the batch's first event. */
export function updateSales(rows: readonly SaleRow[]): Statement {
  return {
    name: 'update_sales',
    text: salesText,
    values: [
      bare(rows.map((row) => row.saleNo)),
      bare(rows.map((row) => row.status)),
      bare(rows.map((row) => row.seq)),
      bare(rows.map((row) => row.seq - row.eventsCount)),
      bare(rows.map((row) => row.head)),
      bare(rows.map((row) => row.headBefore)),
      bare(rows.map((row) => row.lastOffset)),
      bare(rows.map((row) => row.settled)),
    ],
  };
}

const salesText = `
WITH changed AS (
  UPDATE sales SET
    status = row.status, seq = row.seq, head = decode(row.head, 'hex'), last_offset = row.last_offset, settled = row.settled
  FROM unnest($1::integer[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::bigint[], $8::boolean[])
    AS row (sale_no, status, seq, seq_before, head, head_before, last_offset, settled)
  WHERE sales.sale_no = row.sale_no AND sales.seq = row.seq_before AND sales.head = decode(row.head_before, 'hex')
  RETURNING 1
)
SELECT 1 / (count(*) = cardinality($1::integer[]))::integer FROM changed`;

/** Raises division_by_zero where an item is not there, and a check violation where I1 would not hold. */
export function updateItems(rows: readonly Omit<ItemRow, 'position'>[]): Statement {
  return {
    name: 'update_items',
    text: itemsText,
    values: [
      bare(rows.map((row) => row.saleNo)),
      texts(rows.map((row) => row.sku)),
      bare(rows.map((row) => row.total)),
      bare(rows.map((row) => row.held)),
      bare(rows.map((row) => row.sold)),
    ],
  };
}

const itemsText = `
WITH changed AS (
  UPDATE items SET total = row.total, held = row.held, sold = row.sold
  FROM unnest($1::integer[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[]) AS row (sale_no, sku, total, held, sold)
  WHERE items.sale_no = row.sale_no AND items.sku = row.sku
  RETURNING 1
)
SELECT 1 / (count(*) = cardinality($1::integer[]))::integer FROM changed`;

/** The lines of settled sales are free for others. */
export function freeLines(saleNos: readonly SaleNo[]): Statement {
  return {
    name: 'free_lines',
    text: 'UPDATE sale_lines SET active = false WHERE sale_no = ANY ($1::integer[]) AND active',
    values: [bare(saleNos)],
  };
}
