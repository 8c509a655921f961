import pg from 'pg';
import { RetryableFault } from '#shared/faults/faults.ts';

/**
 * Reading the ledger from the HTTP edge. A fault of the connection or of the server
 * is a RetryableFault `ledger_unavailable`; an error in a statement is a bug.
 */

/** A named statement: PostgreSQL plans it once per connection. */
export interface Statement {
  readonly name: string;
  readonly text: string;
  /** Beyond this it is given up; `queryMsMax` if absent. */
  readonly msMax?: number;
}

export interface Reads {
  rows<Row>(statement: Statement, values: readonly unknown[]): Promise<Row[]>;
  /** False from the first sign that the ledger is away until it answers again. Costs nothing. */
  readonly isUp: () => boolean;
  /** Why it is not up; empty where it is. */
  whyDown(): string;
  close(): Promise<void>;
}

export interface ReadsOptions {
  readonly databaseUrl: string;
  readonly applicationName: string;
  readonly connectionsMax: number;
  readonly onFault: (error: unknown) => void;
}

const connectMsMax = 1_500;
export const queryMsMax = 5_000;
const probeEveryMs = 400;
const probeMsMax = 1_000;

/**
 * A plan that was made while a table was empty would scan it when it has grown, and
 * what is asked here has an index to go by. Compiling a plan never pays.
 */
const LOOKUP_PLANS = '-c enable_seqscan=off -c jit=off';
/** For statements that were given up here and go on there. */
const statementMsMax = 60_000;

/** Server errors that say "not now": connection (08), resources (53), shutdown (57P), read-only after a failover (25006), a statement given up (57014), a lock not had (55P03), a conflict (40). */
const AWAY = /^(08|53|57P|25006|57014|55P03|40)/;
/** int8: all of ours fit a number. */
const INT8_OID = 20;

export function openReads({ databaseUrl, applicationName, connectionsMax, onFault }: ReadsOptions): Reads {
  const types = new pg.TypeOverrides();
  types.setTypeParser(INT8_OID, Number);
  const connection = {
    connectionString: databaseUrl,
    application_name: applicationName,
    connectionTimeoutMillis: connectMsMax,
    query_timeout: queryMsMax,
    statement_timeout: statementMsMax,
    options: LOOKUP_PLANS,
    keepAlive: true,
    types,
  };
  const pool = new pg.Pool({ ...connection, max: connectionsMax, idleTimeoutMillis: 60_000 });
  const probes = new pg.Pool({ ...connection, max: 1, connectionTimeoutMillis: probeMsMax, query_timeout: probeMsMax });
  let asked = false;
  let up = false;
  let reason = 'not asked yet';
  let answeredAt = 0;
  let probing = false;
  /** Of the queries under way: when the ledger goes away they end at once instead of at their time limit. */
  const giveUps = new Set<(error: unknown) => void>();

  function down(error: unknown): void {
    asked = true;
    up = false;
    reason = error instanceof Error && error.message !== '' ? error.message : String(error);
    for (const giveUp of giveUps) giveUp(error);
    giveUps.clear();
  }
  // A connection that breaks while nobody uses it is the first sign of a server that went away.
  for (const one of [pool, probes]) {
    one.on('error', (error) => {
      down(error);
      onFault(error);
      // Perhaps only this connection was ended.
      void probe();
    });
  }

  async function probe(): Promise<void> {
    if (probing) return;
    probing = true;
    const begunAt = Date.now();
    try {
      await probes.query('SELECT 1');
      asked = true;
      up = true;
      reason = '';
    } catch (error) {
      // A probe that was merely slow says nothing where others were answered meanwhile.
      if (answeredAt < begunAt) down(error);
    } finally {
      probing = false;
    }
  }
  const timer = setInterval(() => void probe(), probeEveryMs);
  timer.unref();
  void probe();

  return {
    async rows<Row>({ name, text, msMax }: Statement, values: readonly unknown[]): Promise<Row[]> {
      const away = (cause: unknown) =>
        new RetryableFault('ledger_unavailable', `the ledger did not answer ${name}; see that PostgreSQL is up, then try again`, { cause });
      if (asked && !up) throw away(new Error(reason));
      const query = { name, text, values: values as unknown[], ...(msMax === undefined ? {} : { query_timeout: msMax }) };
      let giveUp: (error: unknown) => void = () => undefined;
      const wentAway = new Promise<never>((_resolve, reject) => (giveUp = reject));
      giveUps.add(giveUp);
      try {
        const { rows } = await Promise.race([pool.query<Row & pg.QueryResultRow>(query), wentAway]);
        answeredAt = Date.now();
        return rows;
      } catch (cause) {
        if (cause instanceof pg.DatabaseError && !AWAY.test(cause.code ?? '')) throw cause;
        void probe();
        throw away(cause);
      } finally {
        giveUps.delete(giveUp);
      }
    },
    isUp: () => up,
    whyDown: () => reason,
    async close() {
      clearInterval(timer);
      await Promise.all([pool.end(), probes.end()]);
    },
  };
}
