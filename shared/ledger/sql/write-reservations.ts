import { itemsJson, notGrantedJson } from '#shared/proof/leaf.ts';
import { bare, lines, type Statement } from '../columns.ts';
import type { ReservationChange, ReservationRow } from '../rows.ts';

export function insertReservations(rows: readonly ReservationRow[]): Statement {
  return {
    name: 'insert_reservations',
    text: insertText,
    values: [
      bare(rows.map((row) => row.id)),
      bare(rows.map((row) => row.saleNo)),
      bare(rows.map((row) => row.user)),
      bare(rows.map((row) => row.status)),
      bare(rows.map((row) => row.reason)),
      lines(rows.map((row) => itemsJson(row.items))),
      lines(rows.map((row) => (row.notGranted === null ? null : notGrantedJson(row.notGranted)))),
      bare(rows.map((row) => row.allowPartial)),
      bare(rows.map((row) => row.expiresAt)),
      bare(rows.map((row) => row.extended)),
      bare(rows.map((row) => row.respondAsync)),
      bare(rows.map((row) => row.fingerprint)),
      bare(rows.map((row) => row.commandOffset)),
      bare(rows.map((row) => row.decidedSeq)),
      bare(rows.map((row) => row.seq)),
      bare(rows.map((row) => row.createdAt)),
    ],
  };
}

const insertText = `
INSERT INTO reservations (id, sale_no, user_ref, status, reason, items, not_granted, allow_partial, expires_at_ms, extended,
                          respond_async, fingerprint, command_offset, decided_seq, seq, created_at_ms)
SELECT id, sale_no, user_ref, status, reason, items::jsonb, not_granted::jsonb, allow_partial, expires_at_ms, extended,
       respond_async, fingerprint, command_offset, decided_seq, seq, created_at_ms
FROM unnest($1::uuid[], $2::integer[], $3::uuid[], $4::text[], $5::text[], string_to_array($6::text, E'\\n', ''),
            string_to_array($7::text, E'\\n', ''), $8::boolean[], $9::bigint[], $10::boolean[],
            $11::boolean[], $12::uuid[], $13::bigint[], $14::bigint[], $15::bigint[], $16::bigint[])
  AS row (id, sale_no, user_ref, status, reason, items, not_granted, allow_partial, expires_at_ms, extended,
          respond_async, fingerprint, command_offset, decided_seq, seq, created_at_ms)`;

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
