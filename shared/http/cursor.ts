import type { ListPlace } from '#shared/ledger/read/list-place.ts';
import { invalid } from './problem.ts';

const CURSOR = /^[A-Za-z0-9_-]{1,200}$/;
const PLACE = /^(\d{1,15})\.([A-Za-z0-9_-]{1,64})$/;

/** Opaque to clients. */
export function encodeCursor({ ms, id }: ListPlace): string {
  return Buffer.from(`${ms}.${id}`, 'latin1').toString('base64url');
}

/** Refuses (400) what `encodeCursor` cannot have made for a list whose rows have such ids. */
export function decodeCursor(cursor: string, isId: (id: string) => boolean): ListPlace {
  if (CURSOR.test(cursor)) {
    const place = PLACE.exec(Buffer.from(cursor, 'base64url').toString('latin1'));
    if (place !== null && isId(place[2]!)) return { ms: Number(place[1]), id: place[2]! };
  }
  return invalid('/cursor', 'is not a cursor that a list gave: take next_cursor as it stands');
}

/** One page: the rows without the surplus one that shows there is more, and the cursor after them. */
export function pageOf<Row>(
  rows: readonly Row[],
  limit: number,
  placeOf: (row: Row) => ListPlace,
): { page: readonly Row[]; nextCursor: string | null } {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return { page, nextCursor: rows.length > limit && last !== undefined ? encodeCursor(placeOf(last)) : null };
}
