import { connect, type Socket } from 'node:net';
import { createAnswerParser, type AnswerParser } from './answer-parser.ts';

/**
 * A lean HTTP/1.1 client for generating load: keep-alive connections to one
 * address, one request at a time on each, a first-in first-out queue for what
 * finds none free. It never retries: what an unanswered request means is for
 * its caller to say.
 */

export interface PoolRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Header lines, each ending in `\r\n`. */
  readonly headers?: string;
  readonly body?: string;
}

/** `unanswered`: refused, reset, closed or timed out; nobody knows whether the request was carried out. */
export type PoolAnswer =
  | { readonly kind: 'answered'; readonly status: number; readonly head: string; readonly body: Buffer }
  | { readonly kind: 'unanswered'; readonly reason: string };

export interface HttpPool {
  /** `done` is called exactly once. */
  send(request: PoolRequest, done: (answer: PoolAnswer) => void): void;
  /** Requests that wait for a connection. */
  readonly waiting: number;
  readonly busy: number;
  close(): void;
}

export interface PoolOptions {
  readonly host: string;
  readonly port: number;
  readonly connectionsMax: number;
  /** From the send to the last byte of the answer. */
  readonly timeoutMs: number;
}

interface Connection {
  readonly socket: Socket;
  readonly parser: AnswerParser;
  done: ((answer: PoolAnswer) => void) | null;
  sentAt: number;
}

const sweepMs = 100;

/** Loads go to the machine itself only: a wrong address must not become an attack on somebody. */
function assertLoopback(host: string): void {
  if (host !== '127.0.0.1' && host !== 'localhost' && host !== '::1') {
    throw new Error(`Load is only sent to this machine, not to ${host}. Use a loopback address.`);
  }
}

export function createHttpPool(options: PoolOptions): HttpPool {
  assertLoopback(options.host);
  const hostLine = `Host: ${options.host}:${options.port}\r\n`;
  const free: Connection[] = [];
  const all = new Set<Connection>();
  const queue: { request: PoolRequest; done: (answer: PoolAnswer) => void }[] = [];
  let queueHead = 0;
  let closed = false;

  const sweep = setInterval(() => {
    const latest = performance.now() - options.timeoutMs;
    for (const connection of all) if (connection.done !== null && connection.sentAt < latest) drop(connection, 'timeout');
  }, sweepMs);
  sweep.unref();

  function open(): Connection {
    const socket = connect({ host: options.host, port: options.port, noDelay: true, keepAlive: true });
    const connection: Connection = { socket, parser: createAnswerParser(), done: null, sentAt: 0 };
    all.add(connection);
    socket.on('data', (data: Buffer) => {
      try {
        const answer = connection.parser.push(data);
        if (answer === null) return;
        const done = connection.done;
        connection.done = null;
        if (answer.closes) discard(connection);
        else next(connection);
        done?.({ kind: 'answered', status: answer.status, head: answer.head, body: answer.body });
      } catch (error) {
        drop(connection, error instanceof Error ? error.message : 'unreadable answer');
      }
    });
    socket.on('error', (error: NodeJS.ErrnoException) => drop(connection, error.code ?? error.message));
    socket.on('close', () => drop(connection, 'closed'));
    return connection;
  }

  function write(connection: Connection, request: PoolRequest, done: (answer: PoolAnswer) => void): void {
    connection.done = done;
    connection.sentAt = performance.now();
    const { method, path, headers = '', body } = request;
    const content =
      body === undefined ? '\r\n' : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
    connection.socket.write(`${method} ${path} HTTP/1.1\r\n${hostLine}${headers}${content}`);
  }

  function takeQueued(): { request: PoolRequest; done: (answer: PoolAnswer) => void } | undefined {
    if (queueHead === queue.length) return undefined;
    const first = queue[queueHead++];
    if (queueHead > 1024 && queueHead * 2 > queue.length) {
      queue.splice(0, queueHead);
      queueHead = 0;
    }
    return first;
  }

  function next(connection: Connection): void {
    const queued = takeQueued();
    if (queued === undefined) free.push(connection);
    else write(connection, queued.request, queued.done);
  }

  function discard(connection: Connection): void {
    all.delete(connection);
    const index = free.indexOf(connection);
    if (index >= 0) free.splice(index, 1);
    connection.socket.destroy();
    if (closed) return;
    const queued = takeQueued();
    if (queued !== undefined) write(open(), queued.request, queued.done);
  }

  function drop(connection: Connection, reason: string): void {
    if (!all.has(connection)) return;
    const done = connection.done;
    connection.done = null;
    discard(connection);
    done?.({ kind: 'unanswered', reason });
  }

  return {
    send(request, done) {
      if (closed) {
        done({ kind: 'unanswered', reason: 'pool closed' });
        return;
      }
      const connection = free.pop();
      if (connection !== undefined) write(connection, request, done);
      else if (all.size < options.connectionsMax) write(open(), request, done);
      else queue.push({ request, done });
    },
    get waiting() {
      return queue.length - queueHead;
    },
    get busy() {
      return all.size - free.length;
    },
    close() {
      closed = true;
      clearInterval(sweep);
      for (const connection of [...all]) drop(connection, 'pool closed');
      for (let queued = takeQueued(); queued !== undefined; queued = takeQueued())
        queued.done({ kind: 'unanswered', reason: 'pool closed' });
    },
  };
}
