import { Client, type ClientConfig, DatabaseError, type QueryConfig } from 'pg';
import { RetryableFault } from '#shared/faults/faults.ts';
import type { Statement } from './columns.ts';
import { COMMIT_MS_MAX, SIGN_OF_LIFE_MS_MAX } from './connections.ts';
import type { Copy } from './copy-rows.ts';
import { ledgerFault } from './ledger-fault.ts';
import { preparing, TransactionQuery } from './transaction-query.ts';

/** So long without a transaction, a connection may have died unseen. */
const IDLE_MS = 2_000;

/**
 * One connection on which transactions are handed in one behind the other without
 * waiting for answers. It is opened on first use and again after it was lost.
 */
export interface Pipeline {
  /**
   * Runs the statements as one transaction, behind those handed in before.
   *
   * `failed`: PostgreSQL refused statement `index` and nothing was changed.
   * Throws RetryableFault `commit_unknown` where the connection was lost before the
   * answer, and `ledger_unreachable` where nothing was sent at all.
   */
  transact(statements: readonly (Statement | Copy)[]): Promise<TransactionOutcome>;
  /** Opens the connection ahead of the first transaction, which then need not wait for it. */
  prepare(): void;
  /**
   * To be called now and then: asks a connection that has had nothing to do whether it still answers, and gives it up
   * where it does not. Else the first transaction after a quiet time would be the one that finds out.
   */
  lookAfter(): void;
  /** After all that was handed in has its answer. */
  close(): Promise<void>;
}

export type TransactionOutcome =
  { readonly kind: 'committed' } | { readonly kind: 'failed'; readonly index: number; readonly error: unknown };

/**
 * @param config of a pipelined client
 * @param preparations every prepared statement that will be used, in any form
 */
export function createPipeline(config: ClientConfig, preparations: readonly Statement[]): Pipeline {
  /** Replaced when lost, so that whoever comes next opens another. */
  let connection: Promise<Client> | null = null;
  let underWay = 0;
  /** As `performance.now()`. */
  let usedAt = 0;

  /** Everyone awaits this same promise, so that transactions are sent in the order in which they were handed in. */
  function open(): Promise<Client> {
    const client = new Client(config);
    const opening = connect(client, preparations).catch((error: unknown) => {
      forget();
      throw ledgerFault(error, 'opening a connection for commits');
    });
    const forget = (): void => {
      if (connection === opening) connection = null;
    };
    client.on('error', forget);
    return opening;
  }

  async function busy<T>(work: () => Promise<T>): Promise<T> {
    underWay += 1;
    try {
      return await work();
    } finally {
      underWay -= 1;
      usedAt = performance.now();
    }
  }

  return {
    async transact(statements) {
      connection ??= open();
      return busy(async () => run(await connection!, statements));
    },
    prepare() {
      connection ??= open();
      // Whoever has a transaction is told, and tries again.
      connection.catch(() => undefined);
    },
    lookAfter() {
      if (connection === null || underWay > 0 || performance.now() - usedAt < IDLE_MS) return;
      const asked = connection;
      // Past its time limit the driver destroys the connection, and whoever comes next opens another.
      busy(async () => (await asked).query({ text: 'SELECT 1', query_timeout: SIGN_OF_LIFE_MS_MAX } as QueryConfig)).catch(() => undefined);
    },
    async close() {
      const closing = connection;
      connection = null;
      await closing?.then((client) => client.end()).catch(() => undefined);
    },
  };
}

async function connect(client: Client, preparations: readonly Statement[]): Promise<Client> {
  await client.connect();
  try {
    await client.query(preparations.map(preparing).join(';'));
  } catch (error) {
    await client.end();
    throw error;
  }
  return client;
}

function run(client: Client, statements: readonly (Statement | Copy)[]): Promise<TransactionOutcome> {
  return new Promise((resolve, reject) => {
    const query = new TransactionQuery(statements, (error) => {
      if (error === null) resolve({ kind: 'committed' });
      else if (isRefusal(error)) resolve({ kind: 'failed', index: query.completed, error });
      else {
        const message = 'the connection was lost before the commit was answered: take the partition over again and read how far it got';
        reject(new RetryableFault('commit_unknown', message, { cause: error }));
      }
    });
    // The time limit destroys the connection, because a pipeline cannot skip an answer.
    client.query(Object.assign(query, { query_timeout: COMMIT_MS_MAX }));
  });
}

/** Operator intervention and connection exceptions: the server goes away, whatever it had done by then. */
const goesAway = /^(57P|08)/;

/** Whether the server refused a statement and stays. */
function isRefusal(error: Error): boolean {
  if (!(error instanceof DatabaseError) || error.code === undefined) return false;
  return error.severity !== 'FATAL' && error.severity !== 'PANIC' && !goesAway.test(error.code);
}
