import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { openLayout } from '#deploy/local/open.ts';

/** The stack of the benches, and how their programs are run on it. */

const programSecondsMax = 240;
/** Of a program that was told to end, for bringing down what it started. */
const endSecondsMax = 30;

/** A stack of its own beside the ordinary one: its data under .local/bench, ports shifted by 12,000. */
export const base = {
  ...process.env,
  FIRSTCOME_HOME: '.local/bench',
  PORT_OFFSET: '12000',
  LOG_LEVEL: 'warn',
  AUTH_MODE: 'dev',
  OTEL_TRACES_EXPORTER: 'none',
};

export interface Program {
  /** From the project's folder. */
  readonly file: string;
  readonly nodeArgs?: readonly string[];
  readonly args: readonly string[];
  readonly secondsMax: number;
  /** Ends it early. */
  readonly signal?: AbortSignal;
}

export interface ProgramEnd {
  /** What it printed. */
  readonly lines: readonly string[];
  /** Why it ended badly; null: it did not. */
  readonly failed: string | null;
}

/**
 * Runs a program from the project's folder; what it says to people is passed on. In a group of its own, so that the
 * writers and load generators that it started end with it where it takes too long.
 */
export async function runProgram(program: Program, environment: Readonly<Record<string, string>>): Promise<ProgramEnd> {
  const { file, nodeArgs = [], args, secondsMax, signal } = program;
  const lines: string[] = [];
  const child = spawn(process.execPath, [...nodeArgs, '--disable-warning=TimeoutNegativeWarning', file, ...args], {
    cwd: openLayout(base).layout.root,
    env: { ...environment, TEST_DATABASE_OWNER_URL: environment['DATABASE_OWNER_URL'] },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  createInterface(child.stdout).on('line', (line) => lines.push(line));
  let error = '';
  createInterface(child.stderr).on('line', (line) => {
    console.error(line);
    if (/^(\w*Error|Uncaught)\b/.test(line)) error = `: ${line}`;
  });
  let killing: NodeJS.Timeout | undefined;
  let early: string | undefined;
  const end = (why: string): void => {
    if (early !== undefined) return;
    early = why;
    endGroup(child.pid, 'SIGTERM');
    killing = setTimeout(() => endGroup(child.pid, 'SIGKILL'), endSecondsMax * 1_000);
  };
  const late = setTimeout(() => end(`took longer than ${secondsMax} s`), secondsMax * 1_000);
  const abort = (): void => end('was interrupted');
  signal?.addEventListener('abort', abort);
  if (signal?.aborted === true) abort();
  const ended = await new Promise<string | null>((resolve) => {
    child.on('error', ({ message }) => resolve(`did not start: ${message}`));
    child.on('close', (code, by) => resolve(code === 0 ? null : `ended with ${by ?? code}${error}`));
  });
  clearTimeout(late);
  clearTimeout(killing);
  signal?.removeEventListener('abort', abort);
  return { lines, failed: early ?? ended };
}

/** What a program printed. Throws where it fails or takes too long. */
export async function linesOf(
  file: string,
  nodeArgs: readonly string[],
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  const { lines, failed } = await runProgram({ file, nodeArgs, args, secondsMax: programSecondsMax }, environment);
  if (failed !== null) throw new Error(`${file} ${failed}:\n${lines.join('\n')}`);
  return lines;
}

function endGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // It is gone.
  }
}
