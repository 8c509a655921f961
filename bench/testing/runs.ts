import type { Measurement } from '../measurement.ts';
import type { RunResult, StepResult } from '../run-result.ts';

/** Runs as tests want them. */

export function measured(value: number, over: Partial<Measurement> = {}): Measurement {
  return {
    id: 'P1',
    what: 'one item',
    value,
    unit: '/s',
    target: { bound: 'at least', value: 100 },
    right: true,
    details: { seconds: 10, writer_cpu_us: 25 },
    command: 'node bench/writer-backlog.ts',
    ...over,
  };
}

export const rowLock = (value: number): Measurement => ({
  ...measured(value),
  id: 'baseline',
  what: 'row-lock',
  target: undefined,
  details: {
    how: 'SELECT ... FOR UPDATE',
    clients: 8,
    told_per_second: value,
    a_power_cut_takes: 'nothing',
    p50_ms: 3,
    p95_ms: 10,
    p99_ms: 15,
  },
});

export const floor = (value: number): Measurement => ({ ...measured(value), id: 'floor', what: 'rows by COPY', target: undefined });

export function step(name: string, measurements: readonly Measurement[], failed: string | null = null): StepResult {
  return {
    name,
    command: `node bench/${name}.ts`,
    speed: { hashMicroseconds: 0.5, memoryNanoseconds: 90 },
    waitedSeconds: 0,
    seconds: 12,
    failed,
    measurements: [...measurements],
    text: [],
  };
}

/** @param day of November */
export function run(day: number, steps: readonly StepResult[], over: Partial<RunResult> = {}): RunResult {
  return {
    at: `2026-11-${String(day).padStart(2, '0')}T10:00:00.000Z`,
    command: 'make bench',
    kind: 'whole',
    machine: {
      cpu: 'a processor',
      cores: 2,
      memoryGiB: 24,
      system: 'a system',
      versions: { 'Node.js': '26', PostgreSQL: '18' },
      commit: 'abc',
      unchanged: true,
      loadBefore: 0.1,
    },
    minutes: 40,
    steps: [...steps],
    ...over,
  };
}
