/**
 * What people do instead: one transaction a request, the item's row locked for its
 * length. No HTTP, no queue, no proof: the best this design can do with 32 clients.
 *
 *   node bench/baselines/row-lock.ts [owner's database URL] [seconds]
 *
 * Makes a database of its own on that server and drops it.
 */
import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { createLatencyRecorder } from '#shared/load/latency.ts';

const clientsCount = 32;
const secondsMax = 60;

const ownerUrl = new URL(process.argv[2] ?? process.env['DATABASE_OWNER_URL'] ?? 'postgres://firstcome:firstcome@127.0.0.1:5460/firstcome');
const seconds = Math.min(secondsMax, Number(process.argv[3] ?? 8));
if (ownerUrl.hostname !== '127.0.0.1' && ownerUrl.hostname !== 'localhost')
  throw new Error(`Only this machine is loaded, not ${ownerUrl.hostname}.`);

const name = `firstcome_row_lock_${process.pid}`;
const own = new URL(ownerUrl);
own.pathname = `/${name}`;

async function once(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

await once(ownerUrl.href, `CREATE DATABASE ${name}`);
try {
  await once(
    own.href,
    `CREATE TABLE items (sku text PRIMARY KEY, total bigint NOT NULL, held bigint NOT NULL, CHECK (held <= total)) WITH (fillfactor = 50);
     CREATE TABLE reservations (id uuid PRIMARY KEY, sku text NOT NULL, user_ref uuid NOT NULL, status text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
     INSERT INTO items VALUES ('one', 100000000, 0);`,
  );
  const clients = await Promise.all(
    Array.from({ length: clientsCount }, async () => {
      const client = new Client({ connectionString: own.href });
      await client.connect();
      return client;
    }),
  );
  const latency = createLatencyRecorder();
  const until = performance.now() + seconds * 1_000;
  let reservations = 0;
  const started = performance.now();
  await Promise.all(
    clients.map(async (client) => {
      while (performance.now() < until) {
        const at = performance.now();
        await client.query('BEGIN');
        await client.query({ name: 'lock', text: 'SELECT total - held AS left FROM items WHERE sku = $1 FOR UPDATE', values: ['one'] });
        await client.query({
          name: 'insert',
          text: `INSERT INTO reservations (id, sku, user_ref, status) VALUES ($1, $2, $3, 'held')`,
          values: [randomUUID(), 'one', randomUUID()],
        });
        await client.query({ name: 'take', text: 'UPDATE items SET held = held + 1 WHERE sku = $1', values: ['one'] });
        await client.query('COMMIT');
        latency.record(performance.now() - at);
        reservations += 1;
      }
    }),
  );
  const elapsed = (performance.now() - started) / 1_000;
  await Promise.all(clients.map((client) => client.end()));
  console.log(
    JSON.stringify({
      clients: clientsCount,
      seconds: elapsed,
      reservations,
      reservationsPerSecond: reservations / elapsed,
      latency: latency.summary(),
    }),
  );
} finally {
  await once(ownerUrl.href, `DROP DATABASE ${name} WITH (FORCE)`);
}
