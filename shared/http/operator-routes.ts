import type { Dependency } from '#shared/telemetry/operator-server.ts';
import { renderMetrics, type Metrics } from '#shared/telemetry/metrics.ts';
import { json } from './answer.ts';
import type { Route } from './route.ts';

export interface EdgeDependency extends Dependency {
  /** Without it the service cannot serve; without the others it can, slower. */
  readonly required: boolean;
}

const UNCACHED = { 'cache-control': 'no-store' };

/** `/livez`, `/readyz` and `/metrics` on the port of the service itself. */
export function operatorRoutes(metrics: Metrics, readiness: () => readonly EdgeDependency[]): readonly Route[] {
  return [
    { method: 'GET', path: '/livez', name: 'livez', scopes: [], handle: () => json(200, { status: 'live' }, UNCACHED) },
    {
      method: 'GET',
      path: '/readyz',
      name: 'readyz',
      scopes: [],
      handle() {
        const dependencies = readiness();
        const ready = dependencies.every((dependency) => dependency.ready || !dependency.required);
        return json(ready ? 200 : 503, { status: ready ? 'ready' : 'not_ready', dependencies }, UNCACHED);
      },
    },
    {
      method: 'GET',
      path: '/metrics',
      name: 'metrics',
      scopes: [],
      async handle({ request }) {
        const { contentType, body } = await renderMetrics(metrics, request.headers.accept);
        return { kind: 'answer', status: 200, contentType, body, headers: UNCACHED };
      },
    },
  ];
}
