import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { TerminalFault } from '#shared/faults/faults.ts';
import type { Log } from './log.ts';
import { renderMetrics, type Metrics } from './metrics.ts';

/** One thing a process needs, and why it is not ready where it is not. */
export interface Dependency {
  readonly name: string;
  readonly ready: boolean;
  readonly reason?: string;
}

export interface OperatorServerOptions {
  readonly host: string;
  /** 0: any free one; the returned `port` says which. */
  readonly port: number;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Asked at each `/readyz`: ready where every dependency is. */
  readonly readiness: () => readonly Dependency[] | Promise<readonly Dependency[]>;
  /** Whether the process itself works; a false one is restarted by whoever runs it. Absent: always. */
  readonly live?: () => boolean;
  /** Answers paths of the service's own; false: it is none of them. Absent: there are none. */
  readonly furtherRoutes?: (request: IncomingMessage, response: ServerResponse) => Promise<boolean>;
}

export interface OperatorServer {
  readonly port: number;
  readonly close: () => Promise<void>;
}

/** Serves `/livez`, `/readyz` and `/metrics` to operators. Throws TerminalFault `port_unavailable` where it cannot listen. */
export async function startOperatorServer(options: OperatorServerOptions): Promise<OperatorServer> {
  const server = createServer((request, response) => {
    answer(options, request, response).catch((error: unknown) => {
      options.log.error({ err: error }, 'an operators’ request failed');
      send(response, 500, 'application/json', JSON.stringify({ status: 'error' }));
    });
  });
  await new Promise<void>((resolve, reject) => {
    const refused = (cause: Error) => {
      reject(
        new TerminalFault(
          'port_unavailable',
          `cannot listen on ${options.host}:${String(options.port)} (${cause.message}); free it or set HTTP_PORT to another`,
          { cause },
        ),
      );
    };
    server.once('error', refused);
    server.listen(options.port, options.host, () => {
      server.off('error', refused);
      resolve();
    });
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

async function answer(options: OperatorServerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (request.url ?? '/').split('?')[0];
  if (path === '/livez') {
    const live = options.live?.() ?? true;
    send(response, live ? 200 : 503, 'application/json', JSON.stringify({ status: live ? 'live' : 'dead' }));
  } else if (path === '/readyz') {
    const dependencies = await options.readiness();
    const ready = dependencies.every((dependency) => dependency.ready);
    send(response, ready ? 200 : 503, 'application/json', JSON.stringify({ status: ready ? 'ready' : 'not_ready', dependencies }));
  } else if (path === '/metrics') {
    const { contentType, body } = await renderMetrics(options.metrics, request.headers.accept);
    send(response, 200, contentType, body);
  } else if ((await options.furtherRoutes?.(request, response)) !== true) {
    send(response, 404, 'application/json', JSON.stringify({ status: 'not_found', paths: ['/livez', '/readyz', '/metrics'] }));
  }
}

function send(response: ServerResponse, status: number, contentType: string, body: string): void {
  if (response.headersSent) return;
  response.writeHead(status, { 'content-type': contentType, 'cache-control': 'no-store' });
  response.end(body);
}
