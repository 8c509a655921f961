import { z } from 'zod';

/**
 * What every program of this folder that stands in the table of docs/PERFORMANCE.md prints: one JSON line on standard
 * output for each measurement; what people should see meanwhile goes to standard error.
 */

/** `baseline` and `floor` are what the others are compared with. */
export const MeasurementId = z.enum(['P1', 'P1b', 'P2', 'P3', 'P4', 'P5', 'P6', 'P7', 'P8', 'generator', 'baseline', 'floor']);
export type MeasurementId = z.infer<typeof MeasurementId>;

const Plot = z.strictObject({
  title: z.string(),
  x: z.strictObject({ label: z.string(), log: z.boolean() }),
  y: z.strictObject({ label: z.string(), log: z.boolean() }),
  series: z.array(z.strictObject({ name: z.string(), points: z.array(z.tuple([z.number(), z.number()])) })),
});
export type Plot = z.infer<typeof Plot>;

export const Measurement = z.strictObject({
  id: MeasurementId,
  /** Which of the id's measurements, the same in every run: `sold out`, `through the gateway`. */
  what: z.string(),
  value: z.number(),
  unit: z.enum(['/s', 'ms', 's', 'MB', '%', '']),
  /** Absent: stands for orientation only. */
  target: z.strictObject({ bound: z.enum(['at least', 'at most']), value: z.number() }).optional(),
  /** Whether everything that was counted afterwards was as it must be; a fast wrong result is a failed run. */
  right: z.boolean(),
  /** What else was measured with it, by name with its unit (`p95_ms`). */
  details: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])),
  /** What repeats it alone. */
  command: z.string(),
  plot: Plot.optional(),
});
export type Measurement = z.infer<typeof Measurement>;

/** Prints it for the program that gathers; a run that counted wrong ends with 1. */
export function print(measurement: Measurement): void {
  console.log(JSON.stringify(Measurement.parse(measurement)));
  if (!measurement.right) process.exitCode = 1;
}
