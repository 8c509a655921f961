/**
 * `make check`: types, lint, format, boundaries, dead code and generated files, without any server.
 * Steps run two at a time (most machines that matter have two cores to spare), the slowest first.
 * Exits 1 when a step fails and shows what it said.
 */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';

interface Step {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
}

interface Outcome {
  readonly name: string;
  readonly passed: boolean;
  readonly seconds: number;
  readonly output: string;
}

const root = new URL('..', import.meta.url).pathname;
const cache = 'node_modules/.cache';
/** A step that takes longer is stuck. */
const stepSecondsMax = 300;

const STEPS: readonly Step[] = [
  {
    name: 'lint',
    command: ['eslint', '--cache', '--cache-location', `${cache}/eslint/`, '--cache-strategy', 'content', '--max-warnings', '0', '.'],
  },
  { name: 'types', command: ['tsc', '-p', '.'] },
  {
    name: 'boundaries',
    command: ['depcruise', '--config', '.dependency-cruiser.cjs', 'services', 'shared', 'schemas', 'deploy', 'tests', 'bench'],
  },
  { name: 'dead code', command: ['knip', '--no-progress'] },
  { name: 'format', command: ['prettier', '--check', '--cache', '--log-level', 'warn', '.'] },
  { name: 'schemas in step', command: ['node', 'schemas/generate.ts', '--check'] },
];

function run(step: Step): Promise<Outcome> {
  const started = performance.now();
  const [program, ...args] = step.command;
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const child = spawn(program, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: stepSecondsMax * 1000,
      env: { ...process.env, PATH: `${root}node_modules/.bin:${process.env.PATH ?? ''}`, FORCE_COLOR: '0' },
    });
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    const end = (passed: boolean, extra = ''): void =>
      resolve({ name: step.name, passed, seconds: (performance.now() - started) / 1000, output: Buffer.concat(chunks).toString() + extra });
    child.on('error', (error) => end(false, `${program} could not be started: ${error.message}. Run: npm ci`));
    child.on('close', (code, signal) => end(code === 0, signal === null ? '' : `stopped by ${signal} after ${stepSecondsMax} s`));
  });
}

const wanted = process.argv.slice(2);
const steps = wanted.length === 0 ? STEPS : STEPS.filter((step) => wanted.includes(step.name));
if (steps.length === 0) {
  console.error(`No such step: ${wanted.join(', ')}. There are: ${STEPS.map((step) => step.name).join(', ')}.`);
  process.exit(2);
}

const started = performance.now();
const width = Math.max(...steps.map((step) => step.name.length));
const queue = [...steps];
const failed: Outcome[] = [];
async function work(): Promise<void> {
  for (let step = queue.shift(); step !== undefined; step = queue.shift()) {
    const outcome = await run(step);
    console.log(`${outcome.passed ? 'PASS' : 'FAIL'}  ${outcome.name.padEnd(width)}  ${outcome.seconds.toFixed(1).padStart(6)} s`);
    if (!outcome.passed) failed.push(outcome);
  }
}
await Promise.all(Array.from({ length: Math.min(availableParallelism(), 3) }, work));

for (const outcome of failed) console.log(`\n--- ${outcome.name}\n${outcome.output.trimEnd()}`);
console.log(
  `${failed.length === 0 ? 'PASS' : 'FAIL'}  ${'all'.padEnd(width)}  ${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s`,
);
process.exitCode = failed.length === 0 ? 0 : 1;
