import { bare, lines, type Statement } from '../columns.ts';
import type { EventRow } from '../rows.ts';

export function insertEvents(rows: readonly EventRow[]): Statement {
  return {
    name: 'insert_events',
    text,
    values: [
      bare(rows.map((row) => row.saleNo)),
      bare(rows.map((row) => row.sealed.event.seq)),
      bare(rows.map((row) => row.sealed.event.offset)),
      lines(rows.map((row) => row.sealed.leaf)),
      bare(rows.map((row) => row.sealed.hash)),
    ],
  };
}

const text = `
INSERT INTO events (sale_no, seq, command_offset, leaf, hash)
SELECT sale_no, seq, command_offset, convert_to(leaf, 'UTF8'), decode(hash, 'hex')
FROM unnest($1::integer[], $2::bigint[], $3::bigint[], string_to_array($4::text, E'\\n', ''), $5::text[])
  AS row (sale_no, seq, command_offset, leaf, hash)`;
