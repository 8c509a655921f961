import pg from 'pg';
import { RetryableFault } from '#shared/faults/faults.ts';
import { processBeat, type Beat } from './coalesce.ts';

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

export interface Rows {
  rows<Row>(statement: Statement, values: readonly unknown[]): Promise<Row[]>;
}

export interface Reads extends Rows {
  /**
   * Statements that see the ledger as it stood at the first of them, and that may make
   * temporary tables. Each is planned when it is asked, for reading much rather than
   * little. One connection is taken for all of it.
   *
   * @param msMax of everything together; beyond it the statement under way is given up
   */
  inOneMoment<Result>(msMax: number, work: (moment: Rows) => Promise<Result>): Promise<Result>;
  /** By which single reads of a crowd gather; null: they do not wait for each other. */
  readonly beat: Beat | null;
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

/**
 * What holds within `inOneMoment`. The memory is of one sort or one hash; what is larger goes to
 * disk. No workers beside: buyers come first. A process that hangs does not keep its moment.
 */
const BEGIN_MOMENT = `
  BEGIN ISOLATION LEVEL REPEATABLE READ;
  SET LOCAL enable_seqscan = on;
  SET LOCAL work_mem = '32MB';
  SET LOCAL max_parallel_workers_per_gather = 0;
  SET LOCAL idle_in_transaction_session_timeout = '10s'`;
/** The server gives a statement up this much after we did, so that it is ours to say why. */
const serverPatienceMs = 1_000;

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

  /** Ends at once when the ledger goes away, and tells faults from bugs. */
  async function answered<Result>(name: string, ask: () => Promise<Result>): Promise<Result> {
    const away = (cause: unknown) =>
      new RetryableFault('ledger_unavailable', `the ledger did not answer ${name}; see that PostgreSQL is up, then try again`, { cause });
    if (asked && !up) throw away(new Error(reason));
    let giveUp: (error: unknown) => void = () => undefined;
    const wentAway = new Promise<never>((_resolve, reject) => (giveUp = reject));
    giveUps.add(giveUp);
    try {
      const answer = await Promise.race([ask(), wentAway]);
      answeredAt = Date.now();
      return answer;
    } catch (cause) {
      if (cause instanceof pg.DatabaseError && !AWAY.test(cause.code ?? '')) throw cause;
      void probe();
      throw away(cause);
    } finally {
      giveUps.delete(giveUp);
    }
  }

  return {
    rows<Row>({ name, text, msMax }: Statement, values: readonly unknown[]): Promise<Row[]> {
      const query = { name, text, values: values as unknown[], ...(msMax === undefined ? {} : { query_timeout: msMax }) };
      return answered(name, async () => (await pool.query<Row & pg.QueryResultRow>(query)).rows);
    },
    async inOneMoment(msMax, work) {
      const endBy = Date.now() + msMax;
      const connecting = pool.connect();
      const client = await answered('a connection', () => connecting).catch((error: unknown) => {
        // It may still come, and belongs to the pool.
        connecting.then(
          (late) => late.release(),
          () => undefined,
        );
        throw error;
      });
      // A connection that breaks between two statements; the next one says so.
      const ignore = (): void => undefined;
      client.on('error', ignore);
      const rows = <Row>({ name, text }: Statement, values: readonly unknown[]): Promise<Row[]> => {
        const query = { text, values: values as unknown[], query_timeout: Math.max(1, endBy - Date.now()) };
        return answered(name, async () => (await client.query<Row & pg.QueryResultRow>(query)).rows);
      };
      let ended = false;
      try {
        await rows({ name: 'begin', text: `${BEGIN_MOMENT}; SET LOCAL statement_timeout = ${msMax + serverPatienceMs}` }, []);
        const result = await work({ rows });
        await rows({ name: 'commit', text: 'COMMIT' }, []);
        ended = true;
        return result;
      } finally {
        client.off('error', ignore);
        // A connection whose transaction did not end is closed, which ends it.
        client.release(!ended);
      }
    },
    beat: processBeat,
    isUp: () => up,
    whyDown: () => reason,
    async close() {
      clearInterval(timer);
      await Promise.all([pool.end(), probes.end()]);
    },
  };
}
