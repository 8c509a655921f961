import { type Connection, escapeIdentifier, escapeLiteral, Query } from 'pg';
import type { Statement } from './columns.ts';
import type { Copy } from './copy-rows.ts';

/**
 * A transaction as one message: PostgreSQL runs the statements of a simple query as
 * one transaction, without BEGIN and COMMIT, and answers once, after it is durable.
 * Sent one by one they would be eight messages that each wake the server, and eight
 * answers that each wake us: at 4,000 requests/s, in batches of some twenty, a
 * third of the writer's time.
 *
 * Prepared statements are called by EXECUTE; the rows of a COPY are sent right
 * behind the message, without waiting for the server to ask for them. The protocol
 * allows it: a server that does not come to the COPY passes over the rows it is sent.
 */
export class TransactionQuery extends Query {
  readonly #text: string;
  readonly #statements: readonly (Statement | Copy)[];
  #completed = 0;

  /** @param settled null once everything is durable; otherwise what went wrong, which may be that the connection was lost */
  constructor(statements: readonly (Statement | Copy)[], settled: (error: Error | null) => void) {
    const text = statements.map(sql).join(';');
    super(text, undefined, (error: Error | null | undefined) => {
      // The driver says null where there is none, its types undefined.
      settled(error ?? null);
    });
    this.#text = text;
    this.#statements = statements;
  }

  /** How many of the statements the server has carried out: where one was refused, its place. */
  get completed(): number {
    return this.#completed;
  }

  override submit = (connection: Connection): void => {
    connection.stream.cork();
    connection.query(this.#text);
    for (const statement of this.#statements) if ('messages' in statement) connection.stream.write(statement.messages);
    connection.stream.uncork();
  };

  handleCommandComplete(): void {
    this.#completed++;
  }

  handleCopyInResponse(): void {
    // The rows are on their way already.
  }

  handleRowDescription(): void {
    // A statement here says what it has to say by raising or not.
  }

  handleDataRow(): void {
    // As above.
  }
}

/** What prepares the statement for `EXECUTE`. */
export function preparing({ name, text }: Statement): string {
  return `PREPARE ${escapeIdentifier(name)} AS ${text}`;
}

function sql(statement: Statement | Copy): string {
  if ('messages' in statement) return statement.text;
  const { name, values } = statement;
  return `EXECUTE ${escapeIdentifier(name)}(${values.map(literal).join(',')})`;
}

/** Untyped, as the driver sends parameters: the statement's own casts say what it is. */
function literal(value: string | number | boolean | null): string {
  return value === null ? 'NULL' : escapeLiteral(String(value));
}
