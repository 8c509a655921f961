import type { PoolClient } from 'pg';
import { LOAD_STATEMENT_MS_MAX } from './connections.ts';

/** Rows of one round trip. */
const PAGE_ROWS = 10_000;
/** Pages asked for before the first has been read, so that neither side waits for the other; needs a pipelined connection to be of use. */
const PAGES_AHEAD = 3;

/** Values come as PostgreSQL writes them: parsing them by type would cost more than all else. */
const AS_TEXT = { getTypeParser: () => (value: string) => value };

/**
 * Reads a query of many rows in pages, within a transaction that is open on `client`.
 * `read` gets each row as an array of texts and may not keep the array.
 */
// The columns' types are known to the caller alone, as with every query.
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters
export async function readByCursor<Columns extends (string | null)[]>(
  client: PoolClient,
  text: string,
  read: (columns: Columns) => void,
): Promise<void> {
  // Its own limit, since a page may take longer than anything else is given; the driver's types do not know of it.
  const pageOfRows = {
    text: `FETCH ${PAGE_ROWS} FROM rows`,
    rowMode: 'array' as const,
    types: AS_TEXT,
    query_timeout: PAGES_AHEAD * LOAD_STATEMENT_MS_MAX,
  };
  const fetch = () => {
    const page = client.query<Columns>(pageOfRows);
    page.catch(() => undefined); // whoever awaits it is told
    return page;
  };
  await client.query(`DECLARE rows NO SCROLL CURSOR FOR ${text}`);
  const pages = Array.from({ length: PAGES_AHEAD }, fetch);
  for (;;) {
    const { rows } = await pages.shift()!;
    for (const row of rows) read(row);
    if (rows.length < PAGE_ROWS) break;
    pages.push(fetch());
  }
  await Promise.all(pages);
  await client.query('CLOSE rows');
}
