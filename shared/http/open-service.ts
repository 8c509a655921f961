import { randomBytes } from 'node:crypto';
import type { Log } from '#shared/telemetry/log.ts';
import type { Metrics } from '#shared/telemetry/metrics.ts';
import { createAuthenticate } from './authenticate.ts';
import type { FrontConfig } from './front-config.ts';
import { timeRequests } from './http-metrics.ts';
import { operatorRoutes, type EdgeDependency } from './operator-routes.ts';
import { createRateLimit } from './rate-limit.ts';
import type { Route } from './route.ts';
import { createHttpService, type HttpService, type ServeOptions } from './serve.ts';

export interface OpenServiceOptions extends Pick<ServeOptions, 'onRefused'> {
  readonly routes: readonly Route[];
  /** Asked at each `/readyz`. */
  readonly readiness: () => readonly EdgeDependency[];
  readonly config: FrontConfig;
  readonly metrics: Metrics;
  readonly log: Log;
}

/** A service of these routes and the operators', with everyone told apart and limited as the environment says. */
export function openHttpService({ routes, readiness, config, metrics, log, onRefused }: OpenServiceOptions): HttpService {
  return createHttpService({
    routes: [...routes, ...operatorRoutes(metrics, readiness)],
    authenticate: createAuthenticate({
      devHeaders: config.AUTH_MODE === 'dev',
      jwtSecret: config.JWT_SECRET,
      jwtPublicKey: config.JWT_PUBLIC_KEY,
      userRefSecret: config.USER_REF_SECRET,
    }),
    rateLimit: createRateLimit({ requestsMax: config.RATE_LIMIT_REQUESTS, windowSeconds: config.RATE_LIMIT_WINDOW_SECONDS }),
    errorsBaseUrl: `${config.ERRORS_BASE_URL}/`,
    waitingRoomUrl: config.WAITING_ROOM_URL,
    log,
    timeRequest: timeRequests(metrics),
    ...(onRefused === undefined ? {} : { onRefused }),
  });
}

const faultEveryMs = 1_000;

/** Tells the log about faults of dependencies, at most one a second. */
export function createTellFault(log: Log): (error: unknown) => void {
  let toldAt = 0;
  return (error) => {
    if (Date.now() - toldAt < faultEveryMs) return;
    toldAt = Date.now();
    log.warn({ err: error }, 'a dependency is away; it is tried again');
  };
}

/** Names this process among its copies where the environment does not. */
export function randomInstance(service: string): string {
  return `${service}-${randomBytes(4).toString('hex')}`;
}
