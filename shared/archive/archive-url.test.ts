import { parseArchiveUrl } from './archive-url.ts';

const s3 = { kind: 's3', bucket: 'logs', prefix: '', endpoint: undefined, region: undefined, pathStyle: false };
const minio = 'endpoint=https://store.example:9000';

test.each([
  ['file:///var/archive', { kind: 'directory', folder: '/var/archive' }],
  ['file:///var/my%20archive/', { kind: 'directory', folder: '/var/my archive' }],
  ['s3://logs', s3],
  ['s3://logs/', s3],
  ['s3://logs/sales/2026/', { ...s3, prefix: 'sales/2026' }],
  ['s3://logs?region=eu-central-1', { ...s3, region: 'eu-central-1' }],
  [`s3://logs/a?${minio}`, { ...s3, prefix: 'a', endpoint: 'https://store.example:9000', region: 'us-east-1', pathStyle: true }],
  [`s3://logs?${minio}&region=x&path_style=false`, { ...s3, endpoint: 'https://store.example:9000', region: 'x' }],
])('%s', (url, place) => {
  expect(parseArchiveUrl(url)).toEqual(place);
});

test.each([
  ['/var/archive', 'it is no URL'],
  ['https://logs/', 'neither s3:// nor file://'],
  ['file://host/var', 'absolute path'],
  ['file:///', 'absolute path'],
  ['file:///var?region=x', 'absolute path'],
  ['s3:///prefix', 'no bucket'],
  ['s3://Logs_1', 'no bucket'],
  ['s3://me:secret@logs', 'credentials do not belong'],
  ['s3://logs/a%20b', 'other characters'],
  ['s3://logs?regoin=x', 'nothing is known of regoin'],
  ['s3://logs?endpoint=store:9000', 'no http or https'],
  ['s3://logs?path_style=yes', 'true or false'],
])('%s: %s', (url, why) => {
  expect(() => parseArchiveUrl(url)).toThrow(
    expect.objectContaining({ code: 'archive_url_invalid', message: expect.stringContaining(why) as string }) as Error,
  );
});
