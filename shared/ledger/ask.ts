import type { Pool, PoolClient, QueryResultRow } from 'pg';
import type { Statement } from './columns.ts';

/** Runs one prepared statement and gives its rows. */
export async function ask<Row extends object>(on: Pool | PoolClient, statement: Statement): Promise<Row[]> {
  const result = await on.query<Row & QueryResultRow>({ name: statement.name, text: statement.text, values: [...statement.values] });
  return result.rows;
}
