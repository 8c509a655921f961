import { build, type Histogram } from 'hdr-histogram-js';

/** Latencies in microseconds, three significant digits, up to two minutes; 100 kB however many are recorded. */
const highestMicroseconds = 120_000_000;

/** What is said about a latency distribution, in milliseconds. */
export interface LatencySummary {
  readonly count: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly meanMs: number;
}

/** Collects latencies; merges exactly with others of its kind. */
export interface LatencyRecorder {
  /** `ms` counts from the instant the request was due, not from the one it was sent. */
  record(ms: number): void;
  merge(other: LatencyRecorder): void;
  summary(): LatencySummary;
  reset(): void;
  readonly histogram: Histogram;
}

export function createLatencyRecorder(): LatencyRecorder {
  const histogram = build({ lowestDiscernibleValue: 1, highestTrackableValue: highestMicroseconds, numberOfSignificantValueDigits: 3 });
  const ms = (microseconds: number): number => microseconds / 1000;
  return {
    histogram,
    record(value) {
      histogram.recordValue(Math.min(highestMicroseconds, Math.max(1, Math.round(value * 1000))));
    },
    merge(other) {
      histogram.add(other.histogram);
    },
    summary() {
      const count = histogram.totalCount;
      if (count === 0) return { count, p50Ms: 0, p95Ms: 0, p99Ms: 0, maxMs: 0, meanMs: 0 };
      return {
        count,
        p50Ms: ms(histogram.getValueAtPercentile(50)),
        p95Ms: ms(histogram.getValueAtPercentile(95)),
        p99Ms: ms(histogram.getValueAtPercentile(99)),
        maxMs: ms(histogram.maxValue),
        meanMs: ms(histogram.mean),
      };
    },
    reset() {
      histogram.reset();
    },
  };
}
