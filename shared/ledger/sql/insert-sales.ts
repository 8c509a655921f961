import { canonicalJson } from '#shared/proof/canonical.ts';
import { bare, lines, type Statement, texts } from '../columns.ts';
import type { ItemRow, SaleRow, TermsRow } from '../rows.ts';

export function insertSales(rows: readonly SaleRow[]): Statement {
  return {
    name: 'insert_sales',
    text: salesText,
    values: [
      bare(rows.map((row) => row.saleNo)),
      bare(rows.map((row) => row.status)),
      bare(rows.map((row) => row.seq)),
      bare(rows.map((row) => row.head)),
      bare(rows.map((row) => row.lastOffset)),
      bare(rows.map((row) => row.settled)),
    ],
  };
}

const salesText = `
INSERT INTO sales (sale_no, status, seq, head, last_offset, settled)
SELECT sale_no, status, seq, decode(head, 'hex'), last_offset, settled
FROM unnest($1::integer[], $2::text[], $3::bigint[], $4::text[], $5::bigint[], $6::boolean[])
  AS row (sale_no, status, seq, head, last_offset, settled)`;

export function insertTerms(rows: readonly TermsRow[]): Statement {
  return {
    name: 'insert_terms',
    text: termsText,
    values: [
      bare(rows.map((row) => row.saleNo)),
      lines(rows.map((row) => canonicalJson(row.terms))),
      bare(rows.map((row) => row.createdAt)),
    ],
  };
}

const termsText = `
INSERT INTO sale_terms (sale_no, terms, created_at_ms)
SELECT sale_no, terms::jsonb, created_at_ms
FROM unnest($1::integer[], string_to_array($2::text, E'\\n', ''), $3::bigint[]) AS row (sale_no, terms, created_at_ms)`;

export function insertItems(rows: readonly ItemRow[]): Statement {
  return {
    name: 'insert_items',
    text: itemsText,
    values: [
      bare(rows.map((row) => row.saleNo)),
      texts(rows.map((row) => row.sku)),
      bare(rows.map((row) => row.position)),
      bare(rows.map((row) => row.total)),
      bare(rows.map((row) => row.held)),
      bare(rows.map((row) => row.sold)),
    ],
  };
}

const itemsText = `
INSERT INTO items (sale_no, sku, position, total, held, sold)
SELECT * FROM unnest($1::integer[], $2::text[], $3::integer[], $4::bigint[], $5::bigint[], $6::bigint[])`;
