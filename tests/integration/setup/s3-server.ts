import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { buildGoProgram } from '#deploy/local/go-program.ts';

/**
 * The S3 server of the tests: Versity's gateway over a directory, built from the Go
 * module that `versitygw/go.mod` and `go.sum` pin (docs/decisions/0013-archive.md says
 * why this one). Built once, about two minutes on two cores; it stays in `.local`.
 */

const readyMsMax = 20_000;

/** Path of the program; built where it is not there yet. Throws an Error that says what to do. */
export function buildS3Server(say: (line: string) => void = () => undefined): Promise<string> {
  return buildGoProgram(
    {
      name: 'versitygw',
      folder: 'tests/integration/setup/versitygw',
      package: 'github.com/versity/versitygw/cmd/versitygw',
      wantedFor: 'An S3 server for the tests of the archive',
    },
    say,
  );
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
