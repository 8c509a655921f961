import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EpochMs } from '#schemas/ids.ts';
import { localFile, type LocalFile } from './archive.ts';
import { createS3Archive } from './s3-archive.ts';

/** Answers of stores that the real server of the integration tests does not give; it answers for everything else. */

let server: Server;
let endpoint: string;
let file: LocalFile;
const folder = mkdtempSync(join(tmpdir(), 'firstcome-s3-'));
/** What the next requests hear: a status, or a status and the code in its body. */
let script: [status: number, code?: string][] = [];
let heard: { method: string; url: string; headers: NodeJS.Dict<string | string[]> }[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    heard.push({ method: request.method!, url: request.url!, headers: request.headers });
    request.resume().once('end', () => {
      const [status, code] = script.shift() ?? [500, 'ScriptEnded'];
      response.writeHead(status, { 'content-type': 'application/xml' });
      response.end(code === undefined || request.method === 'HEAD' ? '' : `<Error><Code>${code}</Code><Message>no</Message></Error>`);
    });
  }).listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  writeFileSync(join(folder, 'file'), 'hello');
  file = await localFile(join(folder, 'file'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await new Promise((closed) => server.close(closed));
});
beforeEach(() => {
  heard = [];
});

const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
const open = (at = endpoint) =>
  createS3Archive({ kind: 's3', bucket: 'logs', prefix: 'p', endpoint: at, region: 'x', pathStyle: true }, { credentials });
const until = Date.parse('2033-11-21T12:00:00Z') as EpochMs;

test('a put is locked, conditional, and says its SHA-256', async () => {
  script = [[404], [200]];
  expect(await open().put('a/b.tar', file, until)).toBe('stored');
  expect(heard.map(({ method, url }) => `${method} ${url.split('?')[0]!}`)).toEqual(['HEAD /logs/p/a/b.tar', 'PUT /logs/p/a/b.tar']);
  expect(heard[1]!.headers).toMatchObject({
    'content-length': '5',
    'if-none-match': '*',
    'x-amz-checksum-sha256': Buffer.from(file.sha256, 'hex').toString('base64'),
    'x-amz-object-lock-mode': 'COMPLIANCE',
    'x-amz-object-lock-retain-until-date': '2033-11-21T12:00:00Z',
    'x-amz-meta-sha256': file.sha256,
  });
});

test.each<[string, [number, string?][], string, string | undefined]>([
  ['a store that does not know If-None-Match is asked without it', [[404], [501, 'NotImplemented'], [200]], 'stored', undefined],
  ['a store that is busy is asked again', [[404], [503, 'SlowDown'], [500, 'InternalError'], [200]], 'stored', '*'],
  ['somebody else was faster', [[404], [412, 'PreconditionFailed']], 'exists', '*'],
])('%s', async (_what, answers, outcome, lastCondition) => {
  script = [...answers];
  expect(await open().put('a/b.tar', file, until)).toBe(outcome);
  expect(script).toEqual([]);
  expect(heard.at(-1)!.headers['if-none-match']).toBe(lastCondition);
});

test.each<[string, [number, string?][], string]>([
  ['a key that may not', [[403, 'AccessDenied']], 'archive_denied'],
  ['a key that is not known', [[403, 'InvalidAccessKeyId']], 'archive_denied'],
  ['a bucket that is not there', [[404, 'NoSuchBucket']], 'archive_missing'],
  ['a bucket without object lock', [[404, 'ObjectLockConfigurationNotFoundError']], 'archive_not_locked'],
  ['a store that does not know object lock', [[400, 'InvalidRequest']], 'archive_refused'],
  ['a store that stays away', Array.from({ length: 4 }, (): [number, string] => [503, 'ServiceUnavailable']), 'archive_unavailable'],
])('%s: a fault that says what to do', async (_what, answers, code) => {
  script = answers;
  await expect(open().check()).rejects.toMatchObject({
    code,
    message: expect.stringMatching(/s3:\/\/logs\/p at http.*(make|set|see|correct)/is) as string,
  });
});

test('a store that nobody can reach is away', async () => {
  await expect(open('http://127.0.0.1:1').head('a')).rejects.toMatchObject({ name: 'RetryableFault', code: 'archive_unavailable' });
});
