/**
 * `make test`: static checks, unit tests, then the integration tests on a stack of
 * their own, which is stopped whatever happens. Ends with jest's figures over all runs.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { down } from './down.ts';
import { messageOf } from './failure.ts';
import { clear } from './clear.ts';
import { findRoot, stackEnvironment } from './open.ts';
import { addedUp, closingLines, type JestTotals } from './test-totals.ts';
import { up } from './up.ts';

/** Far from the ports of the stack a developer has running. */
const testPortOffset = '10000';

const root = findRoot(import.meta.dirname);
process.chdir(root);
const home = join(root, '.local', 'test');
const results = join(root, '.local', 'test-results');
// Nothing of a developer's .env or shell decides where the tests' stack stands.
const environment = {
  ...process.env,
  FIRSTCOME_HOME: home,
  PORT_OFFSET: testPortOffset,
  STACK_ONLY: '',
  AUTH_MODE: 'dev',
  NODE_ENV: 'test',
};
const say = (line: string): void => {
  console.log(line);
};

let running: ChildProcess | undefined;
let interrupted: NodeJS.Signals | undefined;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    interrupted = signal;
    running?.kill('SIGTERM');
  });
}

/** Runs a step with our output; whether it ended with 0. */
function passes(file: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<boolean> {
  if (interrupted !== undefined) return Promise.resolve(false);
  return new Promise((resolve) => {
    running = spawn(file, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], env });
    running.once('error', (error) => {
      console.error(`${file}: ${error.message}`);
      resolve(false);
    });
    running.once('close', (code) => {
      running = undefined;
      resolve(code === 0);
    });
  });
}

function jest(config: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  const json = join(results, `${config}.json`);
  const args = ['node_modules/jest/bin/jest.js', '--config', config, '--json', '--outputFile', json, '--silent', '--passWithNoTests'];
  return passes(process.execPath, ['--disable-warning=TimeoutNegativeWarning', ...args], env);
}

function totalsOf(config: string): JestTotals | null {
  const json = join(results, `${config}.json`);
  return existsSync(json) ? (JSON.parse(readFileSync(json, 'utf8')) as JestTotals) : null;
}

/** On a stack made afresh; it is stopped before this returns. */
async function integrationTests(): Promise<boolean> {
  try {
    await clear(environment);
    await up({ environment, say });
    const stack = stackEnvironment(environment);
    const servers = { ...environment, ...stack, TEST_DATABASE_OWNER_URL: stack['DATABASE_OWNER_URL'] };
    const endpoints = await jest('jest.integration.json', servers);
    // Last, because they kill and freeze what the others use.
    const faults = await jest('jest.faults.json', servers);
    return endpoints && faults;
  } catch (error) {
    console.error(messageOf(error));
    return false;
  } finally {
    await down({ environment });
  }
}

rmSync(results, { recursive: true, force: true });
mkdirSync(results, { recursive: true });
const begun = performance.now();
const steps: readonly (readonly [string, () => Promise<boolean>])[] = [
  ['make check', () => passes(process.execPath, ['tests/check.ts'])],
  ['make check-deploy', () => passes('deploy/docker/check.sh', [])],
  ['unit tests', () => jest('jest.config.json', { ...process.env, NODE_ENV: 'test' })],
  ['simulation', () => passes(process.execPath, ['tests/simulation/main.ts', '--seeds', '1000'])],
  ['planted bugs', () => passes(process.execPath, ['tests/simulation/planted-bugs.ts'])],
  // Built once a checkout, and before the tests that would wait for it.
  ['S3 server of the tests', () => passes(process.execPath, ['tests/integration/setup/build-s3-server.ts'])],
  ['integration tests', integrationTests],
  // Each fault once, on a stack of its own.
  ['chaos', () => passes(process.execPath, ['tests/chaos/main.ts'])],
  // Last, with the machine to itself: ratios within one run, far below what was reached.
  ['bench-check', () => passes(process.execPath, ['bench/check.ts'])],
];
const failed: string[] = [];
for (const [name, step] of steps) {
  say(`\n== ${name}`);
  // Later steps run too: one run tells everything that is wrong.
  if (!(await step())) failed.push(name);
}

const totals = addedUp(['jest.config.json', 'jest.integration.json', 'jest.faults.json'].map(totalsOf).filter((one) => one !== null));
say(`\n== ${failed.length === 0 ? 'everything passed' : `FAILED: ${failed.join(', ')}`}`);
for (const line of closingLines(totals, (performance.now() - begun) / 1000)) say(line);
if (interrupted !== undefined) console.error(`interrupted by ${interrupted}`);
process.exitCode = failed.length === 0 && interrupted === undefined ? 0 : 1;
