import type { IncomingMessage } from 'node:http';
import type { EpochMs } from '#schemas/ids.ts';
import { assert } from '#shared/faults/assert.ts';
import type { Outcome, Streamed } from './answer.ts';
import type { Caller, Scope } from './authenticate.ts';
import type { JsonObject } from './body.ts';

/** One request on its way through a service. */
export interface Exchange {
  readonly request: IncomingMessage;
  /** Path without the query, as the client wrote it. */
  readonly path: string;
  /** The route's parameters, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly requestId: string;
  readonly traceparent: string;
  readonly receivedAt: EpochMs;
  /** Who asks; null on a route for anyone. */
  readonly caller: Caller | null;
  /** Of a POST; empty else. */
  readonly body: JsonObject;
}

export interface Route {
  readonly method: 'GET' | 'POST';
  /** As Express reads it. */
  readonly path: string;
  /** Its name in metrics and logs. */
  readonly name: string;
  /** The caller has at least one of these; empty: anyone may, without a token. */
  readonly scopes: readonly Scope[];
  readonly handle: (exchange: Exchange) => Promise<Outcome | Streamed> | Outcome | Streamed;
}

export function callerOf(exchange: Exchange): Caller {
  assert(exchange.caller !== null, 'a route that asks for its caller names scopes');
  return exchange.caller;
}

/** Express gives a string for each named parameter of the routes we have. */
export function param(exchange: Exchange, name: string): string {
  const value = exchange.params[name];
  assert(value !== undefined, `the route has a parameter ${name}`);
  return value;
}
