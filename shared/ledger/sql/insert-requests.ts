import { bare, type Statement } from '../columns.ts';
import type { RequestRow } from '../rows.ts';

export function insertRequests(rows: readonly RequestRow[]): Statement {
  return {
    name: 'insert_requests',
    text,
    values: [
      bare(rows.map((row) => row.key)),
      bare(rows.map((row) => row.saleNo)),
      bare(rows.map((row) => row.fingerprint)),
      bare(rows.map((row) => row.seq)),
    ],
  };
}

const text = `
INSERT INTO requests (key, sale_no, fingerprint, seq)
SELECT * FROM unnest($1::uuid[], $2::integer[], $3::uuid[], $4::bigint[])`;
