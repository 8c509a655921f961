import { type ClientConfig, Pool } from 'pg';

/** Time limits of everything that is asked of PostgreSQL. */
export const CONNECT_MS_MAX = 5_000;
export const STATEMENT_MS_MAX = 10_000;
/** A server that lives has given the statement up by then: the connection is dead, whatever the system says of it. */
const ANSWER_MS_MAX = STATEMENT_MS_MAX + 1_000;
export const LOCK_WAIT_MS_MAX = 5_000;
/** A transaction left open by a process that hangs lets its locks go after this time. */
export const IDLE_IN_TRANSACTION_MS_MAX = 10_000;
/** From handing a batch in to the answer to its COMMIT, the batches ahead of it included. */
export const COMMIT_MS_MAX = 15_000;
/** Of a connection that has nothing else to do. */
export const SIGN_OF_LIFE_MS_MAX = 3_000;
/** One page of a load. */
export const LOAD_STATEMENT_MS_MAX = 60_000;

/**
 * Plans of prepared statements are kept, also one that was made while a table was
 * empty, which would scan it when it has grown; the writer's statements all have an
 * index to go by. Compiling a plan never pays here.
 */
const LOOKUP_PLANS = '-c enable_seqscan=off -c jit=off';
const COMMIT_PLANS = `${LOOKUP_PLANS} -c enable_hashjoin=off -c enable_mergejoin=off`;

/** Of a connection on which batches are committed. */
export function commitConfig(databaseUrl: string, name: string): ClientConfig {
  return { ...limits(databaseUrl, name), options: COMMIT_PLANS, pipeline: true };
}

/**
 * Everything that is not a batch: takeover, leases, lookups, loads.
 *
 * @param onError told of idle connections that were lost; the pool opens others by itself
 */
export function openPool(
  databaseUrl: string,
  name: string,
  connectionsMax: number,
  onError: (error: Error) => void = () => undefined,
): Pool {
  const pool = new Pool({
    ...limits(databaseUrl, name),
    options: LOOKUP_PLANS,
    pipeline: true,
    max: connectionsMax,
    idleTimeoutMillis: 30_000,
  });
  pool.on('error', onError);
  return pool;
}

function limits(databaseUrl: string, name: string): ClientConfig {
  return {
    connectionString: databaseUrl,
    application_name: name,
    connectionTimeoutMillis: CONNECT_MS_MAX,
    statement_timeout: STATEMENT_MS_MAX,
    query_timeout: ANSWER_MS_MAX,
    lock_timeout: LOCK_WAIT_MS_MAX,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS_MAX,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  };
}
