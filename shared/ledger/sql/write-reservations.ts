import { itemsJson, notGrantedJson } from '#shared/proof/leaf-pieces.ts';
import { bare, lines, type Statement } from '../columns.ts';
import { type Copy, CopyRows } from '../copy-rows.ts';
import type { ReservationChange, ReservationRow } from '../rows.ts';
import { DECIDED_COLUMNS, decidedColumns } from './decided-columns.ts';

/** What a reservation of one item takes. */
const USUAL_ROW_BYTES = 256;

export function insertReservations(rows: readonly ReservationRow[]): Copy {
  const copy = new CopyRows(rows.length * USUAL_ROW_BYTES);
  for (const row of rows) {
    copy.row(16);
    copy.uuid(row.id);
    copy.integer(row.saleNo);
    copy.uuid(row.user);
    copy.text(row.status);
    if (row.reason === null) copy.null();
    else copy.text(row.reason);
    copy.jsonb(itemsJson(row.items));
    if (row.notGranted === null) copy.null();
    else copy.jsonb(notGrantedJson(row.notGranted));
    copy.boolean(row.allowPartial);
    if (row.expiresAt === null) copy.null();
    else copy.bigint(row.expiresAt);
    copy.boolean(row.extended);
    decidedColumns(copy, row);
  }
  return { name: 'insert_reservations', text: insertText, messages: copy.end() };
}

const insertText = `
COPY reservations (id, sale_no, user_ref, status, reason, items, not_granted, allow_partial, expires_at_ms, extended,
      ${DECIDED_COLUMNS}) FROM STDIN (FORMAT binary)`;

/** Raises division_by_zero where a reservation is not there. */
export function updateReservations(rows: readonly ReservationChange[]): Statement {
  return {
    name: 'update_reservations',
    text: updateText,
    values: [
      bare(rows.map((row) => row.id)),
      bare(rows.map((row) => row.status)),
      bare(rows.map((row) => row.reason)),
      lines(rows.map((row) => (row.items === null ? null : itemsJson(row.items)))),
      lines(rows.map((row) => (row.notGranted === null ? null : notGrantedJson(row.notGranted)))),
      bare(rows.map((row) => row.expiresAt)),
      bare(rows.map((row) => row.extended)),
      bare(rows.map((row) => row.seq)),
    ],
  };
}

const updateText = `
WITH changed AS (
  UPDATE reservations SET
    status = row.status,
    reason = row.reason,
    items = COALESCE(row.items::jsonb, reservations.items),
    not_granted = COALESCE(row.not_granted::jsonb, reservations.not_granted),
    expires_at_ms = COALESCE(row.expires_at_ms, reservations.expires_at_ms),
    extended = reservations.extended OR row.extended,
    seq = row.seq
  FROM unnest($1::uuid[], $2::text[], $3::text[], string_to_array($4::text, E'\\n', ''), string_to_array($5::text, E'\\n', ''),
              $6::bigint[], $7::boolean[], $8::bigint[])
    AS row (id, status, reason, items, not_granted, expires_at_ms, extended, seq)
  WHERE reservations.id = row.id
  RETURNING 1
)
SELECT 1 / (count(*) = cardinality($1::uuid[]))::integer FROM changed`;
