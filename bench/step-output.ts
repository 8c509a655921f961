import { Measurement } from './measurement.ts';

/** What a program of the plan printed: measurements, each a line of JSON, and lines for people. */
export interface StepOutput {
  readonly measurements: readonly Measurement[];
  readonly text: readonly string[];
  /** What is wrong with it; null: nothing. */
  readonly fault: string | null;
}

export function readOutput(lines: readonly string[]): StepOutput {
  const measurements: Measurement[] = [];
  const text: string[] = [];
  for (const line of lines) {
    if (!line.startsWith('{')) {
      if (line.trim() !== '') text.push(line);
      continue;
    }
    const parsed = Measurement.safeParse(asJson(line));
    if (!parsed.success) return { measurements, text, fault: `printed what is no measurement: ${line.slice(0, shownMax)}` };
    measurements.push(parsed.data);
  }
  const wrong = measurements.filter(({ right }) => !right).map(({ what }) => what);
  if (wrong.length > 0) return { measurements, text, fault: `counted wrong: ${wrong.join(', ')}` };
  return { measurements, text, fault: measurements.length + text.length === 0 ? 'printed nothing' : null };
}

const shownMax = 200;

function asJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
