import { spawn } from 'node:child_process';
import { openLayout } from '#deploy/local/open.ts';

const programSecondsMax = 240;

/** A stack of its own beside the ordinary one: its data under .local/bench, ports shifted by 12,000. */
export const base = {
  ...process.env,
  FIRSTCOME_HOME: '.local/bench',
  PORT_OFFSET: '12000',
  LOG_LEVEL: 'warn',
  AUTH_MODE: 'dev',
  OTEL_TRACES_EXPORTER: 'none',
};

/** What a program printed, run from the project's folder. Throws where it fails or takes too long. */
export function linesOf(
  file: string,
  nodeArgs: readonly string[],
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...nodeArgs, '--disable-warning=TimeoutNegativeWarning', file, ...args], {
      cwd: openLayout(base).layout.root,
      env: { ...environment, TEST_DATABASE_OWNER_URL: environment['DATABASE_OWNER_URL'] },
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: programSecondsMax * 1_000,
    });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve(text.trimEnd().split('\n'));
      else reject(new Error(`${file} ended with ${signal ?? code}:\n${text}`));
    });
  });
}
