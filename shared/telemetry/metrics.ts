import { collectDefaultMetrics, Registry, type OpenMetricsContentType } from 'prom-client';

/** The registry of one process. It speaks OpenMetrics, so that histograms may carry exemplars (`enableExemplars: true`). */
export type Metrics = Registry<OpenMetricsContentType>;

export const OPEN_METRICS_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
export const PLAIN_METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** A registry with the process's own figures (CPU, heap, event loop lag). Give it to each metric as `registers: [metrics]`. */
export function openMetrics(service: string): Metrics {
  const metrics: Metrics = new Registry<OpenMetricsContentType>();
  metrics.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  metrics.setDefaultLabels({ service });
  collectDefaultMetrics({ register: metrics as unknown as Registry });
  return metrics;
}

/** What a scraper is given: OpenMetrics where its Accept header asks for it, else the older plain text. */
export async function renderMetrics(metrics: Metrics, accept: string | undefined): Promise<{ contentType: string; body: string }> {
  const body = await metrics.metrics();
  if (accept?.includes('application/openmetrics-text') === true) return { contentType: OPEN_METRICS_TYPE, body };
  return { contentType: PLAIN_METRICS_TYPE, body: plainText(body) };
}

/** A sample with an exemplar; label values are quoted and may hold anything. */
const EXEMPLAR = /^(\w+(?:\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})? \S+) # \{.*$/;

/**
 * OpenMetrics text as the older format. prom-client renames a counter for good when
 * it writes OpenMetrics, so one registry cannot write both; rewriting lines can.
 */
export function plainText(openMetricsText: string): string {
  const counters = new Set<string>();
  for (const [, name] of openMetricsText.matchAll(/^# TYPE (\S+) counter$/gm)) if (name !== undefined) counters.add(name);
  const lines: string[] = [];
  for (const line of openMetricsText.split('\n')) {
    if (line === '# EOF') continue;
    const about = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line);
    if (about !== null) {
      const [, kind = '', name = '', rest = ''] = about;
      lines.push(`# ${kind} ${counters.has(name) ? `${name}_total` : name} ${rest}`);
    } else if (line.startsWith('#')) {
      lines.push(line);
    } else {
      lines.push(EXEMPLAR.exec(line)?.[1] ?? line);
    }
  }
  return lines.join('\n');
}
