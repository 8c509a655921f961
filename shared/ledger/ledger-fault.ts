import { RetryableFault, TerminalFault } from '#shared/faults/faults.ts';

/** SQLSTATEs and their classes after which the same call may succeed. */
const RETRYABLE: readonly (readonly [prefix: string, code: string])[] = [
  ['57014', 'ledger_statement_timeout'],
  ['55P03', 'ledger_lock_timeout'],
  ['40', 'ledger_conflict'],
  ['25006', 'ledger_read_only'],
  ['25P03', 'ledger_unreachable'],
  ['57P', 'ledger_unreachable'],
  ['08', 'ledger_unreachable'],
  ['53', 'ledger_out_of_resources'],
  ['58', 'ledger_out_of_resources'],
];

const TERMINAL: readonly (readonly [prefix: string, code: string, whatToDo: string])[] = [
  ['28', 'ledger_refused', 'check user and password in DATABASE_URL'],
  ['3D000', 'ledger_refused', 'check the database name in DATABASE_URL'],
  ['42P01', 'ledger_not_migrated', 'run the migrations: node shared/ledger/run-migrations.ts'],
  ['42703', 'ledger_not_migrated', 'run the migrations: node shared/ledger/run-migrations.ts'],
  ['42501', 'ledger_refused', 'run the migrations, and let DATABASE_URL name the role firstcome_app'],
];

/** What sockets and the driver say when there is no connection. */
const CONNECTION_LOST =
  /ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|[Cc]onnection terminated|not queryable|timeout exceeded when trying to connect|timeout expired|Query read timeout|socket hang up/;

/** An error of a socket may come from another realm, where it is no instance of this one's Error. */
function isErrorLike(error: unknown): error is { readonly message: string; readonly code?: unknown } {
  return typeof error === 'object' && error !== null && 'message' in error && typeof error.message === 'string';
}

/** The SQLSTATE of an error of PostgreSQL's; null for any other. */
export function sqlStateOf(error: unknown): string | null {
  const code = isErrorLike(error) ? error.code : null;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : null;
}

/**
 * The fault an error of the driver stands for. What is neither a known fault of the
 * infrastructure nor of the setup is a bug and comes back as it is, to crash.
 *
 * @param doing what was tried, as in `taking over partition 3`
 */
export function ledgerFault(error: unknown, doing: string): unknown {
  if (error instanceof RetryableFault || error instanceof TerminalFault || !isErrorLike(error)) return error;
  const options = { cause: error };
  const state = sqlStateOf(error);
  if (state !== null) {
    const retryable = RETRYABLE.find(([prefix]) => state.startsWith(prefix));
    if (retryable !== undefined) return new RetryableFault(retryable[1], `${doing}: ${error.message}; try again`, options);
    const terminal = TERMINAL.find(([prefix]) => state.startsWith(prefix));
    if (terminal !== undefined) return new TerminalFault(terminal[1], `${doing}: ${error.message}; ${terminal[2]}`, options);
    return error;
  }
  const detail = `${error.message} ${typeof error.code === 'string' ? error.code : ''}`.trim();
  if (!CONNECTION_LOST.test(detail)) return error;
  return new RetryableFault('ledger_unreachable', `${doing}: ${detail}; check that PostgreSQL is up, then try again`, options);
}

/** Runs `work` and throws what its error stands for. */
export async function withLedgerFaults<T>(doing: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw ledgerFault(error, doing);
  }
}
