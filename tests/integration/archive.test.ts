import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  PutObjectRetentionCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EpochMs } from '#schemas/ids.ts';
import { localFile, yearsLater } from '#shared/archive/archive.ts';
import { createS3Archive } from '#shared/archive/s3-archive.ts';
import { archiveContract } from '#shared/archive/testing/contract.ts';
import { startS3Server, type S3Server } from './setup/s3-server.ts';

/** The archive on a real S3-compatible server: what it promises, and that the server itself refuses to forget. */

/** The first run on a machine builds the server. */
const buildMsMax = 20 * 60_000;

let data: string;
let server: S3Server;
/** Whoever else has the store's keys, and wants to be rid of a log. */
let intruder: S3Client;

const bucket = 'sale-logs';
const unlocked = 'anything';

beforeAll(async () => {
  // The server keeps what it knows of a file in extended attributes, which not every /tmp has.
  data = mkdtempSync(join(process.cwd(), '.local/s3-tests-'));
  server = await startS3Server(data);
  intruder = new S3Client({ endpoint: server.endpoint, region: 'us-east-1', forcePathStyle: true, credentials: server });
  await intruder.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: true }));
  await intruder.send(new CreateBucketCommand({ Bucket: unlocked }));
}, buildMsMax);

afterAll(async () => {
  intruder.destroy();
  await server.stop();
  rmSync(data, { recursive: true });
});

const place = () => ({ kind: 's3', bucket, prefix: 'firstcome', endpoint: server.endpoint, region: 'us-east-1', pathStyle: true }) as const;
const open = (overrides: object = {}, options: object = {}) =>
  createS3Archive({ ...place(), ...overrides }, { credentials: server, partBytes: 5 * 1024 * 1024, ...options });

describe('the contract', () => archiveContract(open, 'compliance'));

describe('what is archived stays', () => {
  const key = 'sale_y/head.tar';
  const object = { Bucket: bucket, Key: `firstcome/${key}` };
  const now = (Math.floor(Date.now() / 1_000) * 1_000) as EpochMs;
  const until = yearsLater(now, 7);
  let version: string;

  beforeAll(async () => {
    const path = join(data, 'source');
    writeFileSync(path, 'what was decided');
    expect(await open().put(key, await localFile(path), until)).toBe('stored');
    version = (await versions())[0]!;
  });

  async function versions(): Promise<string[]> {
    const listed = await intruder.send(new ListObjectVersionsCommand({ Bucket: bucket, Prefix: object.Key }));
    return (listed.Versions ?? []).map(({ VersionId }) => VersionId!);
  }
  const whole = async (): Promise<string> => {
    const found = await intruder.send(new GetObjectCommand({ ...object, VersionId: version }));
    return found.Body!.transformToString();
  };

  test.each<[string, () => Promise<unknown>]>([
    ['deleted', () => intruder.send(new DeleteObjectCommand({ ...object, VersionId: version }))],
    [
      'deleted past governance',
      () => intruder.send(new DeleteObjectCommand({ ...object, VersionId: version, BypassGovernanceRetention: true })),
    ],
    ['held for a shorter time', () => retain('COMPLIANCE', yearsLater(now, 6))],
    ['held in a weaker mode', () => retain('GOVERNANCE', until)],
  ])('it cannot be %s', async (_what, attempt) => {
    await expect(attempt()).rejects.toMatchObject({ name: 'AccessDenied' });
    expect(await whole()).toBe('what was decided');
    expect(await open().head(key)).toMatchObject({ retainUntil: until, heldBy: 'compliance' });
  });

  const retain = (Mode: 'COMPLIANCE' | 'GOVERNANCE', ms: number) =>
    intruder.send(new PutObjectRetentionCommand({ ...object, VersionId: version, Retention: { Mode, RetainUntilDate: new Date(ms) } }));

  // Last: these hide it, as S3 allows, and destroy nothing.
  test('written over or deleted by its name, its version is still there', async () => {
    await intruder.send(new PutObjectCommand({ ...object, Body: 'what was never decided' }));
    await intruder.send(new DeleteObjectCommand(object));
    expect(await versions()).toContain(version);
    expect(await whole()).toBe('what was decided');
  });
});

test('what the server finds damaged on its way is refused', async () => {
  const put = new PutObjectCommand({
    Bucket: bucket,
    Key: 'damaged',
    Body: 'damaged',
    ChecksumSHA256: Buffer.alloc(32).toString('base64'),
  });
  await expect(intruder.send(put)).rejects.toMatchObject({ name: 'BadDigest' });
});

test.each([
  ['a bucket without object lock', { bucket: unlocked }, {}, 'archive_not_locked'],
  ['a bucket that is not there', { bucket: 'nowhere' }, {}, 'archive_missing'],
  ['a key that is wrong', {}, { credentials: { accessKeyId: 'tests', secretAccessKey: 'guessed' } }, 'archive_denied'],
  ['a server that is down', { endpoint: 'http://127.0.0.1:1' }, {}, 'archive_unavailable'],
])('%s is found out before anything is put there', async (_what, overrides, options, code) => {
  await expect(open(overrides, options).check()).rejects.toMatchObject({ code });
});
