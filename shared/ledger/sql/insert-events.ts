import { type Copy, CopyRows } from '../copy-rows.ts';
import type { EventRow } from '../rows.ts';

const BYTES_BESIDE_THE_LEAF = 74;

export function insertEvents(rows: readonly EventRow[]): Copy {
  let bytes = 0;
  for (const { sealed } of rows) bytes += BYTES_BESIDE_THE_LEAF + sealed.leaf.length;
  const copy = new CopyRows(bytes);
  for (const { saleNo, sealed } of rows) {
    copy.row(5);
    copy.integer(saleNo);
    copy.bigint(sealed.event.seq);
    copy.bigint(sealed.event.offset);
    copy.text(sealed.leaf);
    copy.hex(sealed.hash, 32);
  }
  return { name: 'insert_events', text, messages: copy.end() };
}

const text = 'COPY events (sale_no, seq, command_offset, leaf, hash) FROM STDIN (FORMAT binary)';
