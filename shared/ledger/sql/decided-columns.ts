import type { CopyRows } from '../copy-rows.ts';
import type { ReservationRow } from '../rows.ts';

/** How each row of a decided request ends: how it was asked for, and the events that speak of it. */
export const DECIDED_COLUMNS = 'respond_async, fingerprint, command_offset, decided_seq, seq, created_at_ms';

type Decided = Pick<ReservationRow, 'respondAsync' | 'fingerprint' | 'commandOffset' | 'decidedSeq' | 'seq' | 'createdAt'>;

export function decidedColumns(copy: CopyRows, row: Decided): void {
  copy.boolean(row.respondAsync);
  copy.uuid(row.fingerprint);
  copy.bigint(row.commandOffset);
  copy.bigint(row.decidedSeq);
  copy.bigint(row.seq);
  copy.bigint(row.createdAt);
}
