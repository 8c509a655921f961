import { execFile } from 'node:child_process';

const outputBytesMax = 16 * 1024 * 1024;

export interface Ended {
  readonly exitCode: number;
  /** What it answered, read as JSON; null where it answered nothing. */
  readonly answer: unknown;
  /** What it told beside its answer. */
  readonly told: string;
}

/** Runs `firstcome --json ...` as a person would, against the stack of the tests. */
export function firstcome(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return new Promise((resolve) => {
    const command = ['services/cli/main.ts', '--json', ...args];
    const options = { maxBuffer: outputBytesMax, env: { ...process.env, ...environment } };
    execFile(process.execPath, command, options, (error, stdout, stderr) => {
      const answer: unknown = stdout === '' ? null : JSON.parse(stdout);
      resolve({ exitCode: error === null ? 0 : Number(error.code), answer, told: stderr });
    });
  });
}
