import { Histogram } from 'prom-client';
import type { Metrics } from '#shared/telemetry/metrics.ts';

/** Takes the time from a request's arrival to its answer. */
export type RequestTimer = (route: string, status: number, durationMs: number) => void;

/** `firstcome_http_request_seconds` by route and status. */
export function timeRequests(metrics: Metrics): RequestTimer {
  const seconds = new Histogram({
    name: 'firstcome_http_request_seconds',
    help: 'Time from a request’s arrival to its answer',
    labelNames: ['route', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [metrics],
  });
  // Looking a child up by its labels costs more than counting, and there are few of them.
  const children = new Map<string, ReturnType<typeof seconds.labels>>();
  return (route, status, durationMs) => {
    const name = `${route} ${status}`;
    let child = children.get(name);
    if (child === undefined) {
      child = seconds.labels(route, String(status));
      children.set(name, child);
    }
    child.observe(durationMs / 1_000);
  };
}
