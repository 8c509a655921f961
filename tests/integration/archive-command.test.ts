import { CreateBucketCommand, GetObjectCommand, ListObjectVersionsCommand, S3Client } from '@aws-sdk/client-s3';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../until.ts';
import { type Ended, firstcome } from './firstcome-command.ts';
import { call, change, closeSales, item, newBuyer, newKey, newSale, operator, reserve } from './http-api.ts';
import { startS3Server, type S3Server } from './setup/s3-server.ts';

/** A sale of the running stack, archived on a real S3-compatible server by the command, and read years later by somebody who has only the file and the key. */

/** The first run on a machine builds the server. */
const buildMsMax = 20 * 60_000;
const signedMsMax = 20_000;
const bucket = 'kept';

let data: string;
let server: S3Server;
let store: S3Client;
let key: string;

beforeAll(async () => {
  data = mkdtempSync(join(process.cwd(), '.local/s3-tests-'));
  server = await startS3Server(data);
  store = new S3Client({ endpoint: server.endpoint, region: 'us-east-1', forcePathStyle: true, credentials: server });
  await store.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: true }));
  key = (await call('GET', '/v1/audit/keys')).body.keys[0].vkey as string;
}, buildMsMax);

afterAll(async () => {
  await closeSales();
  store.destroy();
  await server.stop();
  rmSync(data, { recursive: true });
});

async function settledSale(terms: object = {}): Promise<string> {
  const sale = await newSale({ items: [item('a', 2)], ...terms });
  const [ann, bob, cid] = [newBuyer(), newBuyer(), newBuyer()];
  const held = await reserve(sale, ann, { sku: 'a', quantity: 1 });
  const paying = { reservation_id: held.body.id as string, payment_method_id: 'pm_ok' };
  await call('POST', '/v1/orders', { as: ann, key: newKey(), prefer: 'wait=20', body: paying });
  const { body } = await reserve(sale, bob, { sku: 'a', quantity: 1 });
  await reserve(sale, cid, { sku: 'a', quantity: 1 });
  await call('POST', `/v1/reservations/${body.id as string}/cancel`, { as: bob, key: newKey() });
  await change(sale, 'close');
  const { events } = (await call('GET', `/v1/sales/${sale}/report`, { as: operator })).body as { events: number };
  await until(
    () => call('GET', `/v1/audit/sales/${sale}/checkpoint`, { headers: { accept: 'application/json' } }),
    (answer) => answer.status === 200 && (answer.body as { size: number }).size >= events,
    signedMsMax,
  );
  return sale;
}

function archive(sale: string, trusted = key): Promise<Ended> {
  const to = `s3://${bucket}/logs?endpoint=${encodeURIComponent(server.endpoint)}`;
  return firstcome(['audit', 'archive', '--to', to, '--sale', sale, '--key', trusted], {
    AWS_ACCESS_KEY_ID: server.accessKeyId,
    AWS_SECRET_ACCESS_KEY: server.secretAccessKey,
  });
}

async function versionsOf(sale: string): Promise<{ readonly Key?: string | undefined }[]> {
  const { Versions } = await store.send(new ListObjectVersionsCommand({ Bucket: bucket, Prefix: `logs/${sale}/` }));
  return Versions ?? [];
}

const yearsFromNow = (iso: string): number => Math.round((Date.parse(iso) - Date.now()) / (365.25 * 86_400_000));

test('is archived once, for the years of its terms, and verifies and reports from the file alone', async () => {
  const sale = await settledSale({ retention_years: 3 });
  const first = await archive(sale);
  expect(first).toMatchObject({ exitCode: 0, answer: [{ sale_id: sale, outcome: 'archived' }] });
  const [{ retain_until: until }] = first.answer as [{ retain_until: string }];
  expect(yearsFromNow(until)).toBe(3);
  expect(await archive(sale)).toMatchObject({ exitCode: 0, answer: [{ outcome: 'was_archived', retain_until: until }] });
  const [version, ...more] = await versionsOf(sale);
  expect(more).toEqual([]);

  const { Body } = await store.send(new GetObjectCommand({ Bucket: bucket, Key: version!.Key }));
  const tar = join(data, `${sale}.tar`);
  writeFileSync(tar, await Body!.transformToByteArray());
  // Nothing of the stack is within reach.
  const alone = { DATABASE_URL: 'postgres://127.0.0.1:1/gone', KAFKA_BROKERS: '127.0.0.1:1', FIRSTCOME_URL: 'http://127.0.0.1:1' };
  expect(await firstcome(['audit', 'verify', tar, '--key', key], alone)).toMatchObject({
    exitCode: 0,
    answer: { verdict: 'verified', replayed: true },
  });
  const page = join(data, 'report.html');
  expect(await firstcome(['audit', 'report', tar, '--out', page], alone)).toMatchObject({ exitCode: 0, answer: { sale_id: sale } });
  expect(readFileSync(page, 'utf8')).toContain('<svg');
}, 60_000);

test('that is still open, or that a stranger’s key is to vouch for, is not archived', async () => {
  const open = await newSale({ items: [item('a', 2)] });
  expect((await archive(open)).exitCode).toBe(1);
  const settled = await settledSale();
  const stranger = 'firstcome.local/log+52c5f554+AVGc3jTa1YLuH7idgQTTLPNHPbYOUfnXM6VPaWNSV9qw';
  expect(await archive(settled, stranger)).toMatchObject({
    exitCode: 13,
    answer: [{ outcome: 'not_verified', code: 'untrusted_key' }],
  });
  expect([...(await versionsOf(open)), ...(await versionsOf(settled))]).toEqual([]);
}, 60_000);
