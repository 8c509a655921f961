import { Client, type ClientConfig, type QueryResult } from 'pg';
import { assert } from '#shared/faults/assert.ts';
import { RetryableFault } from '#shared/faults/faults.ts';
import type { Statement } from './columns.ts';
import { COMMIT_MS_MAX } from './connections.ts';
import type { Copy } from './copy-rows.ts';
import { copyQuery } from './copy-query.ts';
import { ledgerFault } from './ledger-fault.ts';

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
   * answer to COMMIT, and `ledger_unreachable` where nothing was sent at all.
   */
  transact(statements: readonly (Statement | Copy)[]): Promise<TransactionOutcome>;
  /** After all that was handed in has its answer. */
  close(): Promise<void>;
}

export type TransactionOutcome =
  { readonly kind: 'committed' } | { readonly kind: 'failed'; readonly index: number; readonly error: unknown };

/** A statement in a transaction that an earlier one has spoiled. */
const IN_FAILED_TRANSACTION = '25P02';

/**
 * @param config of a pipelined client
 * @param preparations every prepared statement that will be used, in a form that changes nothing. They are run once when a
 *   connection is opened: a statement first seen in a transaction that fails would be taken for prepared by the
 *   transactions already on their way behind it, and fail those too. The last of them may fail.
 */
export function createPipeline(config: ClientConfig, preparations: readonly Statement[]): Pipeline {
  /** Replaced when lost, so that whoever comes next opens another. */
  let connection: Promise<Client> | null = null;

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

  return {
    async transact(statements) {
      connection ??= open();
      return run(await connection, statements);
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
  const outcomes = [client.query('BEGIN'), ...preparations.map((statement) => client.query(asQuery(statement)))];
  const settled = await Promise.allSettled([...outcomes, client.query('ROLLBACK')]);
  const failed = settled.find((outcome, index) => outcome.status === 'rejected' && index !== preparations.length);
  if (failed?.status === 'rejected') {
    await client.end();
    throw failed.reason as Error;
  }
  return client;
}

async function run(client: Client, statements: readonly (Statement | Copy)[]): Promise<TransactionOutcome> {
  const begun = errorOf(client.query('BEGIN'));
  const errors = statements.map((statement) =>
    errorOf('messages' in statement ? copyQuery(client, statement) : client.query(asQuery(statement))),
  );
  // The time limit destroys the connection, because a pipeline cannot skip an answer.
  const committing = client.query({ text: 'COMMIT', query_timeout: COMMIT_MS_MAX } as { text: string });
  let committed: QueryResult;
  try {
    committed = await committing;
  } catch (error) {
    const message = 'the connection was lost before COMMIT was answered: take the partition over again and read how far it got';
    throw new RetryableFault('commit_unknown', message, { cause: error });
  }
  assert((await begun) === null, 'a transaction that could not begin was committed');
  const found = await Promise.all(errors);
  const index = found.findIndex((error) => error !== null && (error as { code?: unknown }).code !== IN_FAILED_TRANSACTION);
  if (index === -1) {
    assert(committed.command === 'COMMIT', `COMMIT was answered ${committed.command} although no statement failed`);
    return { kind: 'committed' };
  }
  assert(committed.command === 'ROLLBACK', `COMMIT was answered ${committed.command} although statement ${statements[index]!.name} failed`);
  return { kind: 'failed', index, error: found[index] };
}

function asQuery(statement: Statement) {
  return { name: statement.name, text: statement.text, values: statement.values as unknown[] };
}

async function errorOf(answer: Promise<unknown>): Promise<unknown> {
  try {
    await answer;
    return null;
  } catch (error) {
    return error;
  }
}
