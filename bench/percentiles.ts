import type { LatencySummary } from '#shared/load/latency.ts';
import type { Plot } from './measurement.ts';

/** How the programs of this folder tell of latencies. */

export function percentilesText({ p50Ms, p95Ms, p99Ms }: LatencySummary): string {
  return `p50 ${p50Ms.toFixed(1)} p95 ${p95Ms.toFixed(1)} p99 ${p99Ms.toFixed(1)} ms`;
}

/** The three percentiles over what was asked for. */
export function latencyPlot(title: string, x: string, steps: readonly { readonly rate: number; readonly latency: LatencySummary }[]): Plot {
  const series = (name: string, ms: (latency: LatencySummary) => number) => ({
    name,
    points: steps.map(({ rate, latency }): [number, number] => [rate, ms(latency)]),
  });
  return {
    title,
    x: { label: x, log: false },
    y: { label: 'ms from the intended start', log: true },
    series: [
      series('p50', (latency) => latency.p50Ms),
      series('p95', (latency) => latency.p95Ms),
      series('p99', (latency) => latency.p99Ms),
    ],
  };
}
