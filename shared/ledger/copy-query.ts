import { type Client, type Connection, Query } from 'pg';
import type { Copy } from './copy-rows.ts';

/**
 * COPY on a pipelined connection: its rows are sent right behind the statement,
 * without waiting for the server to ask for them. The protocol allows it: a server
 * whose COPY was refused, as it is in a transaction that an earlier statement has
 * spoiled, passes over the rows it is sent.
 *
 * Resolves once the server has taken the rows; rejects with its error.
 */
export function copyQuery(client: Client, copy: Copy): Promise<void> {
  return new Promise((resolve, reject) => {
    client.query(
      new CopyQuery(copy, (error) => {
        // The driver says null where there is none, its types undefined.
        if (error instanceof Error) reject(error);
        else resolve();
      }),
    );
  });
}

/** The driver pipelines its own class of queries only, and lets it be extended. */
class CopyQuery extends Query {
  readonly #copy: Copy;

  constructor(copy: Copy, callback: (error: Error | null | undefined) => void) {
    super(copy.text, undefined, callback);
    this.#copy = copy;
  }

  override submit = (connection: Connection): void => {
    connection.stream.cork();
    connection.query(this.#copy.text);
    connection.stream.write(this.#copy.messages);
    connection.stream.uncork();
  };

  handleCopyInResponse(): void {
    // The rows are on their way already.
  }
}
