import { randomUUID } from 'node:crypto';

/** The project's HTTP API as the command line uses it: one call, its answer as JSON, refusals as ApiRefusal. */

/** How long one call may take, where it says nothing else. */
const callMs = 35_000;

export interface ApiCaller {
  /** Origin without a slash at the end. */
  readonly origin: string;
  /** Headers that say who asks. */
  readonly identity: Readonly<Record<string, string>>;
}

export interface ApiAnswer<Body = unknown> {
  readonly status: number;
  readonly body: Body;
}

/** The server said no (or nothing): the message is made to be shown. */
export class ApiRefusal extends Error {
  override readonly name = 'ApiRefusal';
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export type Call = <Body = unknown>(
  method: 'GET' | 'POST',
  path: string,
  body?: unknown,
  options?: CallOptions,
) => Promise<ApiAnswer<Body>>;

export interface CallOptions {
  /** Idempotency-Key of a POST; default: one of its own. */
  readonly key?: string;
  readonly timeoutMs?: number;
}

/**
 * Calls as an operator or auditor. A POST gets an Idempotency-Key of its own unless
 * one is given. Throws ApiRefusal for 4xx and 5xx and where nobody answers.
 */
export function createCall({ origin, identity }: ApiCaller): Call {
  return async <Body>(method: 'GET' | 'POST', path: string, body?: unknown, options: CallOptions = {}): Promise<ApiAnswer<Body>> => {
    const headers: Record<string, string> = { accept: 'application/json, application/problem+json', ...identity };
    if (method === 'POST') {
      headers['content-type'] = 'application/json';
      headers['idempotency-key'] = options.key ?? randomUUID();
    }
    let response: Response;
    try {
      response = await fetch(`${origin}${path}`, {
        method,
        headers,
        signal: AbortSignal.timeout(options.timeoutMs ?? callMs),
        ...(method === 'POST' ? { body: JSON.stringify(body ?? {}) } : {}),
      });
    } catch (error) {
      const reason = error instanceof Error ? (error.cause instanceof Error ? error.cause.message : error.message) : String(error);
      throw new ApiRefusal(0, 'no_answer', `${origin} does not answer (${reason}). Is the stack up? Run: firstcome status`);
    }
    const answer = parseJson(await response.text());
    if (!response.ok) throw refusalOf(response.status, answer, `${method} ${path}`);
    return { status: response.status, body: answer as Body };
  };
}

/** Identity of a person at the terminal: a token where one is set, else the headers that AUTH_MODE=dev believes. */
export function identityHeaders(user: string, scopes: string, token: string | undefined): Record<string, string> {
  return token === undefined ? { 'x-user-id': user, 'x-scope': scopes } : { authorization: `Bearer ${token}` };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function refusalOf(status: number, body: unknown, what: string): ApiRefusal {
  const problem = (typeof body === 'object' && body !== null ? body : {}) as {
    code?: string;
    title?: string;
    detail?: string;
    errors?: { pointer: string; reason: string }[];
  };
  const errors = (problem.errors ?? []).map((error) => `\n  ${error.pointer}: ${error.reason}`).join('');
  const text = problem.detail ?? problem.title ?? (typeof body === 'string' ? body.slice(0, 200) : '');
  return new ApiRefusal(status, problem.code ?? 'unknown', `${what}: ${status} ${problem.code ?? ''} ${text}${errors}`.trim());
}
