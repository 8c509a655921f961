import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { Machine } from './machine.ts';
import { Measurement } from './measurement.ts';
import { Speed } from './quiet.ts';

/** What one `make bench` measured, as it is stored: one file a run. */

const StepResult = z.strictObject({
  /** As bench/plan.ts has it. */
  name: z.string(),
  command: z.string(),
  /** How fast the machine was right before. */
  speed: Speed,
  /** For a quiet machine. */
  waitedSeconds: z.number().default(0),
  seconds: z.number(),
  /** Why this step counts for nothing; null: it ended well. */
  failed: z.string().nullable(),
  measurements: z.array(Measurement),
  /** Lines for people, of a program that measures nothing of the table. */
  text: z.array(z.string()),
});
export type StepResult = z.infer<typeof StepResult>;

const RunResult = z.strictObject({
  at: z.iso.datetime(),
  command: z.string(),
  /** The page is made of whole runs: `quick` measured less, `part` only some steps, in whose place it can stand. */
  kind: z.enum(['whole', 'quick', 'part']),
  machine: Machine,
  minutes: z.number(),
  steps: z.array(StepResult),
});
export type RunResult = z.infer<typeof RunResult>;

const keptFolder = 'bench/results';
/** Of runs for their own sake. */
const passingFolder = '.local/bench-results';

/**
 * @param keep for the page
 * @returns the file's name from the project's folder
 */
export function storeResult(root: string, result: RunResult, keep: boolean): string {
  const folder = keep ? keptFolder : passingFolder;
  const file = join(folder, `${result.at.replaceAll(':', '').slice(0, 15)}.json`);
  mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, file), `${JSON.stringify(RunResult.parse(result), null, 2)}\n`);
  return file;
}

/** Every run that was kept, oldest first. Throws where a file is none. */
export function storedResults(root: string): RunResult[] {
  mkdirSync(join(root, keptFolder), { recursive: true });
  return readdirSync(join(root, keptFolder))
    .filter((name) => name.endsWith('.json'))
    .map((name) => {
      const parsed = RunResult.safeParse(JSON.parse(readFileSync(join(root, keptFolder, name), 'utf8')));
      if (!parsed.success) throw new Error(`${keptFolder}/${name} is not of a run: ${z.prettifyError(parsed.error)}`);
      return parsed.data;
    })
    .sort((a, b) => a.at.localeCompare(b.at));
}
