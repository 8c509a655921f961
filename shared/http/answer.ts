import type { Problem } from './problem.ts';

/** What a handler answers with, before it is written for one request. */
export interface Answer {
  readonly kind: 'answer';
  readonly status: number;
  /** Text of the body; absent: no body (304). */
  readonly body?: string;
  /** `application/json; charset=utf-8` if absent. */
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export type Outcome = Answer | Problem;

/**
 * An answer whose body is made while it is sent. The first chunk is made before anything is sent, so that what goes
 * wrong until then is a problem like any other; what goes wrong later ends the connection, and the client can tell
 * that the body is not whole. Whoever makes the chunks is stopped (`return`) when the client goes away.
 */
export interface Streamed {
  readonly kind: 'stream';
  readonly status: number;
  readonly contentType: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly chunks: AsyncIterable<string | Uint8Array>;
}

/** An answer with a JSON body. */
export function json(status: number, content: unknown, headers?: Readonly<Record<string, string>>): Answer {
  const body = JSON.stringify(content);
  return headers === undefined ? { kind: 'answer', status, body } : { kind: 'answer', status, body, headers };
}

/** The same outcome with more headers. */
export function withHeaders<T extends Outcome>(outcome: T, headers: Readonly<Record<string, string>>): T {
  return { ...outcome, headers: { ...outcome.headers, ...headers } };
}
