import { isUtf8 } from 'node:buffer';
import type { Event } from '#schemas/event.ts';
import type { SaleId, Sku, UserRef } from '#schemas/ids.ts';
import type { LogRow } from '#shared/ledger/log/tree-store.ts';
import { HASH_BYTES, leafHash } from '#shared/proof/tree-hash.ts';
import { TILE_WIDTH } from '#shared/proof/tiles.ts';
import { subjectsOf, type EventSubjects } from './event-subjects.ts';

/** Where a sale's log has been checked to. */
export interface LogPlace {
  readonly saleId: SaleId;
  /** 0 before the first event. */
  readonly seq: number;
  /** Hash of the event at `seq`, hex. */
  readonly head: string;
}

/** What an event may have against it, in the order in which it is checked. */
export type EventFault = 'seq_gap' | 'hash_mismatch' | 'unreadable' | 'other_sale' | 'prev_mismatch';

export interface CheckedPage {
  /** Behind the events that fit. */
  readonly place: LogPlace;
  /** Leaf hashes of the events that fit, 32 bytes each. */
  readonly hashes: Buffer;
  /** In which tiles of 256 events there is one of a user, of an item; each pair once. */
  readonly users: readonly { readonly user: UserRef; readonly tile: number }[];
  readonly items: readonly { readonly sku: Sku; readonly tile: number }[];
  /** The first event that does not fit; null where all do. */
  readonly fault: { readonly seq: number; readonly code: EventFault } | null;
}

/** Checks the next events of a sale's log as the ledger has them: each is the next, has its hash, and names the one before. */
export function checkPage(from: LogPlace, rows: readonly LogRow[]): CheckedPage {
  const hashes = Buffer.alloc(rows.length * HASH_BYTES);
  const users = new Map<string, { user: UserRef; tile: number }>();
  const items = new Map<string, { sku: Sku; tile: number }>();
  let place = from;
  let fault: CheckedPage['fault'] = null;
  for (const row of rows) {
    const checked = checkRow(place, row);
    if (typeof checked === 'string') {
      fault = { seq: place.seq + 1, code: checked };
      break;
    }
    row.hash.copy(hashes, (place.seq - from.seq) * HASH_BYTES);
    place = { saleId: from.saleId, seq: row.seq, head: row.hash.toString('hex') };
    const tile = Math.floor((row.seq - 1) / TILE_WIDTH);
    const { user, skus } = checked;
    if (user !== null) users.set(`${tile} ${user}`, { user, tile });
    for (const sku of skus) items.set(`${tile} ${sku}`, { sku, tile });
  }
  return {
    place,
    hashes: hashes.subarray(0, (place.seq - from.seq) * HASH_BYTES),
    users: [...users.values()],
    items: [...items.values()],
    fault,
  };
}

function checkRow(place: LogPlace, { seq, leaf, hash }: LogRow): EventSubjects | EventFault {
  if (seq !== place.seq + 1) return 'seq_gap';
  if (!leafHash(leaf).equals(hash)) return 'hash_mismatch';
  let event: Event;
  let subjects: EventSubjects;
  try {
    if (!isUtf8(leaf)) return 'unreadable';
    event = JSON.parse(leaf.toString('utf8')) as Event;
    subjects = subjectsOf(event);
  } catch {
    return 'unreadable';
  }
  if (event.sale_id !== place.saleId) return 'other_sale';
  if (event.seq !== seq) return 'seq_gap';
  if (event.prev !== place.head) return 'prev_mismatch';
  return subjects;
}
