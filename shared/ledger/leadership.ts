import { Client } from 'pg';
import { CONNECT_MS_MAX } from './connections.ts';

/**
 * Of several copies of a process one is active: the one whose database session holds an
 * advisory lock. When its process or its connection dies the session ends, the lock is
 * free, and a standby has it within a second. Two for a moment must do no harm: ticks
 * change nothing twice and an open or a close has a key; a tree grows from the size that
 * was read or not at all.
 */

/** Any numbers that nothing else in this database locks. */
const LOCKS = { scheduler: 7_241_105, audit: 7_241_106 } as const;

const queryMsMax = 3_000;
/** A leader whose machine has vanished is noticed by the server after 5 + 3 x 2 s. */
const KEEPALIVES = '-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3';

export interface Leadership {
  /** Whether this process leads now; tries to where it does not. Never throws: without a ledger nobody leads. */
  readonly holds: () => Promise<boolean>;
  /** Lets a standby take over at once. */
  readonly release: () => Promise<void>;
}

/** @param onError told why the session was lost or not to be had */
export function createLeadership(databaseUrl: string, of: keyof typeof LOCKS, onError: (error: unknown) => void): Leadership {
  let session: Client | null = null;
  let leading = false;

  function drop(client: Client, error: unknown): void {
    if (session !== client) return;
    session = null;
    leading = false;
    onError(error);
    client.end().catch(() => undefined);
  }

  async function open(): Promise<Client> {
    const client = new Client({
      connectionString: databaseUrl,
      application_name: 'firstcome-leader',
      connectionTimeoutMillis: CONNECT_MS_MAX,
      query_timeout: queryMsMax,
      statement_timeout: queryMsMax,
      keepAlive: true,
      options: KEEPALIVES,
    });
    session = client;
    client.on('error', (error) => drop(client, error));
    await client.connect();
    return client;
  }

  return {
    async holds() {
      const before = session;
      try {
        const client = before ?? (await open());
        if (leading) await client.query('SELECT 1');
        else {
          const { rows } = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1) AS locked', [LOCKS[of]]);
          leading = session === client && rows[0]?.locked === true;
        }
        return leading;
      } catch (error) {
        if (session !== null) drop(session, error);
        return false;
      }
    },
    async release() {
      const client = session;
      session = null;
      leading = false;
      await client?.end().catch(() => undefined);
    },
  };
}
