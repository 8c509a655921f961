import { createServer, STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import express, { type NextFunction, type Request, type Response } from 'express';
import type { EpochMs } from '#schemas/ids.ts';
import { RetryableFault, TerminalFault } from '#shared/faults/faults.ts';
import { requestFields, traceIdOf, type Log } from '#shared/telemetry/log.ts';
import type { Outcome, Streamed } from './answer.ts';
import type { RefusedRequest } from './attempt.ts';
import { unauthenticated, type Caller } from './authenticate.ts';
import { readJsonObject, type JsonObject } from './body.ts';
import { CATALOGUE, isProblemCode, type ProblemCode } from './catalogue.ts';
import { openDoors, type Doors } from './doors.ts';
import type { RequestTimer } from './http-metrics.ts';
import { waitSecondsMax } from './prefer.ts';
import { problem, refuse, renderProblem, RequestRefused, type Problem } from './problem.ts';
import type { RateLimit } from './rate-limit.ts';
import type { Exchange, Route } from './route.ts';
import { requestIdOf, traceparentOf } from './trace.ts';
import { createUsualRoutes, type FoundRoute } from './usual-route.ts';

/** Beyond the longest wait that a client may ask for. */
export const requestSecondsMax = 30;
export const headerBytesMax = 16 * 1_024;
const answerMsMax = (waitSecondsMax + requestSecondsMax) * 1_000;
const drainMsMax = 8_000;
/** A client that takes nothing of a streamed answer for this long has gone away. */
const streamIdleMsMax = 60_000;

export interface ServeOptions {
  /** In the order in which they are tried: the busiest first. */
  readonly routes: readonly Route[];
  readonly authenticate: (headers: IncomingMessage['headers']) => Caller | null;
  readonly rateLimit: RateLimit;
  readonly errorsBaseUrl: string;
  readonly log: Log;
  readonly timeRequest: RequestTimer;
  /** Where a browser is sent that meets a full house. */
  readonly waitingRoomUrl: string;
  /** Told of each refusal of a request that asked for a route. */
  readonly onRefused?: (refused: RefusedRequest) => void;
}

/** A request that has not been answered yet. */
interface Active {
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly traceparent: string;
  readonly path: string;
  readonly name: string;
  readonly receivedAt: number;
  readonly startedAt: number;
}

export interface HttpService {
  /** Throws TerminalFault `port_unavailable` where it cannot listen. */
  listen(host: string, port: number): Promise<number>;
  /** Takes no new connections, lets what was begun end (at most `drainMsMax`), closes. */
  stop(): Promise<void>;
}

const NO_BODY: JsonObject = Object.freeze({});
const JSON_TYPE = 'application/json; charset=utf-8';
const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/**
 * The HTTP side of a service: for each request who asks, how often, what is in the
 * body, then the route's handler; and one way of answering, in which nothing a
 * client sends becomes a 5xx.
 */
export function createHttpService(options: ServeOptions): HttpService {
  const { routes, authenticate, rateLimit, errorsBaseUrl, log, timeRequest, waitingRoomUrl, onRefused = () => undefined } = options;
  /** In the order in which they came. A cell is emptied when it is taken out: see docs/decisions/0010. */
  const active = new Set<{ one: Active | null }>();
  const quietLogs = !log.isLevelEnabled('debug');
  let draining: (() => void) | null = null;
  let doors: Doors | null = null;

  function begin(request: IncomingMessage, response: ServerResponse, name: string): Active {
    const url = request.url ?? '/';
    const end = url.indexOf('?');
    const one: Active = {
      response,
      requestId: requestIdOf(request.headers['x-request-id']),
      traceparent: traceparentOf(request.headers['traceparent']),
      path: end < 0 ? url : url.slice(0, end),
      name,
      receivedAt: Date.now(),
      startedAt: performance.now(),
    };
    const cell: { one: Active | null } = { one };
    active.add(cell);
    response.once('close', () => {
      active.delete(cell);
      cell.one = null;
      if (draining !== null && active.size === 0) draining();
    });
    return one;
  }

  function write(one: Active, outcome: Outcome): void {
    const { response } = one;
    if (response.headersSent || response.destroyed) return;
    const traceId = traceIdOf(one.traceparent);
    const headers: Record<string, string | number> = { 'x-request-id': one.requestId, 'x-trace-id': traceId };
    let status: number;
    let body: string | undefined;
    if (outcome.kind === 'answer') {
      ({ status, body } = outcome);
      if (body !== undefined) headers['content-type'] = outcome.contentType ?? JSON_TYPE;
    } else {
      status = CATALOGUE[outcome.code].status;
      body = renderProblem(outcome, { requestId: one.requestId, traceId, instance: one.path, errorsBaseUrl });
      headers['content-type'] = PROBLEM_TYPE;
      headers['cache-control'] = 'no-store';
    }
    if (body !== undefined) headers['content-length'] = Buffer.byteLength(body);
    if (outcome.headers !== undefined) Object.assign(headers, outcome.headers);
    if (draining !== null) headers['connection'] = 'close';
    response.writeHead(status, headers);
    response.end(body);
    answered(one, status, outcome.kind === 'problem' ? outcome.code : undefined);
  }

  function answered(one: Active, status: number, code?: ProblemCode): void {
    timeRequest(one.name, status, performance.now() - one.startedAt);
    const dull = status < 300 || status === 304 || status === 409;
    if (dull && quietLogs) return;
    log[status >= 500 ? 'error' : dull ? 'debug' : 'info'](
      {
        ...requestFields(one.requestId, one.traceparent),
        route: one.name,
        method: one.response.req.method,
        path: one.path,
        status,
        ...(code === undefined ? {} : { code }),
        duration_ms: Math.round((performance.now() - one.startedAt) * 100) / 100,
      },
      'request',
    );
  }

  async function stream(one: Active, { status, contentType, headers, chunks }: Streamed): Promise<void> {
    const { response } = one;
    const body = chunks[Symbol.asyncIterator]();
    let next = await body.next();
    // What can be asked for again does not keep the process from stopping.
    const over = (): boolean => response.destroyed || draining !== null;
    let begun = false;
    let whole = false;
    try {
      if (response.headersSent || response.destroyed) return;
      const ids = { 'x-request-id': one.requestId, 'x-trace-id': traceIdOf(one.traceparent) };
      response.writeHead(status, { ...ids, 'content-type': contentType, ...headers });
      response.setTimeout(streamIdleMsMax, () => response.destroy());
      begun = true;
      const bodyWanted = response.req.method !== 'HEAD';
      for (; bodyWanted && next.done !== true; next = await body.next()) {
        if (over()) return;
        if (!response.write(next.value)) await drained(response);
      }
      response.end();
      response.setTimeout(0);
      whole = true;
    } catch (error) {
      log.error({ ...requestFields(one.requestId, one.traceparent), route: one.name, err: error }, 'a streamed answer was cut off');
    } finally {
      if (begun && !whole) response.destroy();
      await body.return?.();
      if (begun) answered(one, status);
    }
  }

  /** The address to come back to stands last and as it is, which the page knows. */
  function toWaitingRoom({ headers }: Problem, url: string): Outcome {
    const back = /^[\x21-\x7e]{1,2000}$/.test(url) ? `&to=${url}` : '';
    const location = `${waitingRoomUrl}?after=${headers?.['retry-after'] ?? '1'}${back}`;
    return { kind: 'answer', status: 302, headers: { ...headers, location, 'cache-control': 'no-store' } };
  }

  function refusalOf(one: Active, error: unknown): Problem {
    if (error instanceof RequestRefused) return error.problem;
    if (error instanceof RetryableFault) {
      // The line of the answer names the code; why is told once by whoever watches the dependency.
      log.debug({ ...requestFields(one.requestId, one.traceparent), err: error }, 'a dependency is away');
      const code: ProblemCode = isProblemCode(error.code) && CATALOGUE[error.code].status === 503 ? error.code : 'ledger_unavailable';
      return problem(code, CATALOGUE[code].description, { headers: { 'retry-after': '1' } });
    }
    log.error({ ...requestFields(one.requestId, one.traceparent), err: error }, 'a bug: this request could not be answered');
    return problem('internal_error', 'report the request_id; a retry with the same idempotency key is safe');
  }

  async function run({ route, params }: FoundRoute, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const one = begin(request, response, route.name);
    let caller: Caller | null = null;
    const refused = ({ code }: Problem, sentToWait = false): void => {
      const { requestId, receivedAt } = one;
      onRefused({ request, caller, saleId: params['saleId'], requestId, receivedAt, code, sentToWait });
    };
    try {
      if (route.scopes.length > 0) {
        caller = authenticate(request.headers);
        const limited = rateLimit(allowed(route, caller).userId);
        if (limited !== null) {
          const sentToWait = wantsPage(request);
          write(one, sentToWait ? toWaitingRoom(limited, request.url ?? '/') : limited);
          refused(limited, sentToWait);
          return;
        }
      }
      const body = route.method === 'POST' ? await readJsonObject(request) : NO_BODY;
      const url = request.url ?? '/';
      const queryAt = url.indexOf('?');
      const exchange: Exchange = {
        request,
        path: one.path,
        params,
        query: queryAt < 0 ? NO_QUERY : new URLSearchParams(url.slice(queryAt)),
        requestId: one.requestId,
        traceparent: one.traceparent,
        receivedAt: one.receivedAt as EpochMs,
        caller,
        body,
      };
      const outcome = await route.handle(exchange);
      if (outcome.kind === 'stream') await stream(one, outcome);
      else write(one, outcome);
      if (outcome.kind === 'problem') refused(outcome);
    } catch (error) {
      const refusal = refusalOf(one, error);
      write(one, refusal);
      refused(refusal);
    }
  }

  const app = express();
  app.disable('x-powered-by').disable('etag').set('query parser', false);
  for (const [path, ofPath] of byPath(routes)) {
    const at = app.route(path);
    for (const route of ofPath) {
      const handler = (request: Request, response: Response) =>
        run({ route, params: request.params as Readonly<Record<string, string>> }, request, response);
      if (route.method === 'POST') at.post(handler);
      else at.get(handler);
    }
    const methods = ofPath.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
    const allow = [...new Set(methods), 'OPTIONS'].join(', ');
    at.all((request: Request, response: Response) => {
      const one = begin(request, response, 'no_method');
      if (request.method === 'OPTIONS') write(one, { kind: 'answer', status: 204, headers: { allow } });
      else write(one, problem('method_not_allowed', `${request.path} takes ${allow}`, { headers: { allow } }));
    });
  }
  app.use((request: Request, response: Response) => {
    write(begin(request, response, 'no_route'), problem('not_found', 'no such path; the API begins with /v1/'));
  });
  app.use((error: unknown, request: Request, response: Response, _next: NextFunction) => {
    const one = begin(request, response, 'no_route');
    // Express throws this for a path that cannot be decoded.
    if (error instanceof URIError)
      write(
        one,
        problem('invalid_request', 'the path cannot be decoded', {
          errors: [{ pointer: '', reason: 'has a bad percent encoding in its path' }],
        }),
      );
    else write(one, refusalOf(one, error));
  });

  const usualRoute = createUsualRoutes(routes);
  function receive(request: IncomingMessage, response: ServerResponse): void {
    const found = usualRoute(request.method, request.url);
    if (found === null) app(request, response);
    else
      run(found, request, response).catch((error: unknown) => {
        log.error({ err: error }, 'a bug: this request could not be answered');
        response.destroy();
      });
  }

  const server = createServer(
    {
      maxHeaderSize: headerBytesMax,
      requestTimeout: requestSecondsMax * 1_000,
      headersTimeout: requestSecondsMax * 1_000,
      keepAliveTimeout: 75_000,
      noDelay: true,
      requireHostHeader: false,
    },
    receive,
  );
  server.on('checkExpectation', receive);
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    refuseUnparsed(error, socket, errorsBaseUrl);
  });
  const late = setInterval(() => {
    const dueBefore = Date.now() - answerMsMax;
    for (const { one } of active) {
      if (one === null || one.receivedAt > dueBefore) break;
      if (!one.response.headersSent)
        write(one, problem('deadline_exceeded', CATALOGUE.deadline_exceeded.description, { headers: { 'retry-after': '1' } }));
    }
  }, 1_000);
  late.unref();

  return {
    async listen(host, port) {
      doors = await listen(server, host, port);
      return doors.port;
    },
    async stop() {
      const closed = doors?.close();
      server.closeIdleConnections();
      await new Promise<void>((resolve) => {
        draining = resolve;
        if (active.size === 0) resolve();
        setTimeout(resolve, drainMsMax).unref();
      });
      server.closeAllConnections();
      clearInterval(late);
      await closed;
    },
  };
}

const NO_QUERY = new URLSearchParams();

/** Until more can be written, or nothing ever again. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      response.off('drain', end).off('close', end);
      resolve();
    };
    response.once('drain', end).once('close', end);
    if (response.destroyed) end();
  });
}

function allowed(route: Route, caller: Caller | null): Caller {
  if (caller === null) return unauthenticated('send Authorization: Bearer <JWT>');
  if (!route.scopes.some((scope) => caller.scopes.includes(scope))) {
    refuse('forbidden', `this needs the scope ${route.scopes.join(' or ')}; ask for a token that has it`);
  }
  return caller;
}

function wantsPage(request: IncomingMessage): boolean {
  return request.method === 'GET' && request.headers.accept?.includes('text/html') === true;
}

function byPath(routes: readonly Route[]): Map<string, Route[]> {
  const paths = new Map<string, Route[]>();
  for (const route of routes) {
    const ofPath = paths.get(route.path);
    if (ofPath === undefined) paths.set(route.path, [route]);
    else ofPath.push(route);
  }
  return paths;
}

async function listen(server: Server, host: string, port: number): Promise<Doors> {
  try {
    return await openDoors(server, host, port);
  } catch (cause) {
    throw new TerminalFault(
      'port_unavailable',
      `cannot listen on ${host}:${port} (${cause instanceof Error ? cause.message : String(cause)}); free it or set HTTP_PORT to another`,
      { cause },
    );
  }
}

/** Answers what the HTTP parser itself refused: there is no request to speak of, so the bytes are written by hand. */
function refuseUnparsed(error: NodeJS.ErrnoException, socket: Socket, errorsBaseUrl: string): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const code: ProblemCode =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? 'header_too_large'
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? 'request_timeout'
        : 'invalid_request';
  const { status, description } = CATALOGUE[code];
  const requestId = requestIdOf(undefined);
  const traceId = traceIdOf(traceparentOf(undefined));
  const refusal = problem(code, code === 'invalid_request' ? 'this is not HTTP/1.1 as we read it' : description, { errors: [] });
  const body = renderProblem(refusal, { requestId, traceId, instance: '', errorsBaseUrl });
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nConnection: close\r\nX-Request-Id: ${requestId}\r\nX-Trace-Id: ${traceId}\r\n` +
      `Content-Type: ${PROBLEM_TYPE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
