import { randomUUID } from 'node:crypto';
import { Client, DatabaseError } from 'pg';
import type { Contender, OpenContender } from './contender.ts';

/** Selling from PostgreSQL alone: every request a transaction of its own, the item one row that all of them want. */

const SCHEMA = `
CREATE TABLE items (sku text PRIMARY KEY, total bigint NOT NULL, held bigint NOT NULL, CHECK (held <= total)) WITH (fillfactor = 50);
CREATE TABLE reservations (id uuid PRIMARY KEY, sku text NOT NULL, user_ref uuid NOT NULL, status text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());`;

/** The whole sale in one round trip, where the statement allows it. */
const CONDITIONAL = `
WITH taken AS (UPDATE items SET held = held + 1 WHERE sku = 'one' AND held < total RETURNING sku)
INSERT INTO reservations (id, sku, user_ref, status) SELECT $1, sku, $2, 'held' FROM taken`;

const SERIALIZATION_FAILURE = '40001';
const DEADLOCK = '40P01';
/** A request that loses so often is a failed run. */
const attemptsMax = 10_000;

type Reserve = (client: Client) => Promise<boolean>;

async function rowLock(client: Client): Promise<boolean> {
  await client.query('BEGIN');
  const { rows } = await client.query<{ left: string }>({
    name: 'lock',
    text: `SELECT total - held AS left FROM items WHERE sku = 'one' FOR UPDATE`,
  });
  const has = Number(rows[0]!.left) > 0;
  if (has) {
    await client.query({
      name: 'insert',
      text: `INSERT INTO reservations (id, sku, user_ref, status) VALUES ($1, 'one', $2, 'held')`,
      values: [randomUUID(), randomUUID()],
    });
    await client.query({ name: 'take', text: `UPDATE items SET held = held + 1 WHERE sku = 'one'` });
  }
  await client.query('COMMIT');
  return has;
}

const conditional: Reserve = async (client) => {
  const { rowCount } = await client.query({ name: 'conditional', text: CONDITIONAL, values: [randomUUID(), randomUUID()] });
  return rowCount === 1;
};

const serializable: Reserve = async (client) => {
  const values = [randomUUID(), randomUUID()];
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    try {
      const { rowCount } = await client.query({ name: 'conditional', text: CONDITIONAL, values });
      return rowCount === 1;
    } catch (error) {
      if (!(error instanceof DatabaseError) || (error.code !== SERIALIZATION_FAILURE && error.code !== DEADLOCK)) throw error;
    }
  }
  throw new Error(`a request lost ${attemptsMax} times`);
};

async function open(databaseUrl: string, stock: number, count: number, reserve: Reserve, setUp: string): Promise<OpenContender> {
  const owner = new Client({ connectionString: databaseUrl });
  await owner.connect();
  await owner.query(SCHEMA);
  await owner.query(`INSERT INTO items VALUES ('one', $1, 0)`, [stock]);
  const clients = await Promise.all(
    Array.from({ length: count }, async () => {
      const client = new Client({ connectionString: databaseUrl });
      await client.connect();
      if (setUp !== '') await client.query(setUp);
      return client;
    }),
  );
  return {
    reserve: (client) => reserve(clients[client]!),
    settle: async () => Number((await owner.query<{ n: string }>('SELECT count(*) AS n FROM reservations')).rows[0]!.n),
    atRisk: '',
    close: async () => {
      await Promise.all([owner, ...clients].map((client) => client.end()));
    },
  };
}

const contender = (name: string, what: string, clients: readonly number[], reserve: Reserve, setUp = ''): Contender => ({
  name,
  what,
  clients,
  open: ({ databaseUrl }, stock, count) => open(databaseUrl, stock, count, reserve, setUp),
});

export const IN_POSTGRES: readonly Contender[] = [
  contender('row-lock', 'BEGIN; SELECT ... FOR UPDATE; INSERT; UPDATE; COMMIT', [8, 32], rowLock),
  contender('conditional-update', 'one statement: UPDATE ... WHERE held < total, and INSERT', [8, 32], conditional),
  contender(
    'serializable',
    'the same statement under SERIALIZABLE, tried again until it succeeds',
    [2, 8],
    serializable,
    'SET default_transaction_isolation = serializable',
  ),
];
