import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { EpochMs } from '#schemas/ids.ts';
import { localFile, yearsLater, type LocalFile } from './archive.ts';
import { createDirectoryArchive } from './directory-archive.ts';
import { archiveContract } from './testing/contract.ts';

let parent: string;
let folder: string;
beforeAll(() => {
  parent = mkdtempSync(join(tmpdir(), 'firstcome-directory-'));
  folder = join(parent, 'archive');
});
afterAll(() => rmSync(parent, { recursive: true }));

const key = 'sale_x/head.tar';
const path = (): string => join(folder, key);
const now = Date.parse('2026-11-21T12:00:00Z') as EpochMs;
const archive = () => createDirectoryArchive(folder, () => now);

async function source(text: string): Promise<LocalFile> {
  const at = join(parent, 'source');
  writeFileSync(at, text);
  return localFile(at);
}

describe('the contract', () => archiveContract(() => createDirectoryArchive(folder), 'convention'));

describe('a directory', () => {
  beforeEach(async () => {
    rmSync(dirname(path()), { recursive: true, force: true });
    await archive().check();
    expect(await archive().put(key, await source('one'), yearsLater(now, 7))).toBe('stored');
  });

  test('has the file and its sidecar, both read-only, and nothing else', () => {
    expect(readdirSync(dirname(path())).sort()).toEqual(['head.tar', 'head.tar.json']);
    for (const name of [path(), `${path()}.json`]) expect(statSync(name).mode & 0o777).toBe(0o444);
  });

  test('a put that ended before the file had its name is ended by whoever asks next', async () => {
    const { sha256 } = await source('one');
    renameSync(path(), join(dirname(path()), `.head.tar.${sha256}.part`));
    expect(await archive().head(key)).toMatchObject({ sha256, bytes: 3 });
    expect(existsSync(path())).toBe(true);
  });

  test('a put that ended before its sidecar left nothing that counts', async () => {
    const { sha256 } = await source('one');
    renameSync(path(), join(dirname(path()), `.head.tar.${sha256}.part`));
    unlinkSync(`${path()}.json`);
    expect(await archive().head(key)).toBeNull();
    expect(await archive().put(key, await source('two'), yearsLater(now, 7))).toBe('stored');
    expect(await archive().head(key)).toMatchObject({ sha256: (await source('two')).sha256 });
  });

  test.each([
    ['the sidecar is no JSON', '{'],
    ['the sidecar has another shape', '{"bytes":3}'],
  ])('%s: that is said, and nothing is put in its place', async (_what, text) => {
    unlinkSync(`${path()}.json`);
    writeFileSync(`${path()}.json`, text);
    await expect(archive().head(key)).rejects.toMatchObject({ code: 'archive_sidecar_unreadable' });
    expect(await archive().put(key, await source('two'), yearsLater(now, 7))).toBe('exists');
  });

  test('the file was removed: that is said; the same file may be put back, no other', async () => {
    unlinkSync(path());
    expect(await archive().put(key, await source('two'), yearsLater(now, 7))).toBe('exists');
    await expect(archive().head(key)).rejects.toMatchObject({ code: 'archive_file_removed' });
    expect(await archive().put(key, await source('one'), yearsLater(now, 7))).toBe('exists');
    expect(await archive().head(key)).toMatchObject({ sha256: (await source('one')).sha256 });
  });

  test('a file that came there in another way is held by nothing', async () => {
    unlinkSync(`${path()}.json`);
    expect(await archive().head(key)).toMatchObject({ bytes: 3, sha256: null, retainUntil: null, heldBy: 'nothing' });
    expect(await archive().put(key, await source('two'), yearsLater(now, 7))).toBe('exists');
  });
});

test('a directory whose parent is missing is not made: its disk may not be mounted', async () => {
  await expect(createDirectoryArchive(join(parent, 'no', 'such')).check()).rejects.toMatchObject({ code: 'archive_missing' });
});

test.each([
  ['2026-11-21T12:00:00Z', 7, '2033-11-21T12:00:00.000Z'],
  ['2028-02-29T00:00:00Z', 1, '2029-03-01T00:00:00.000Z'],
  ['2026-12-31T23:59:59Z', 100, '2126-12-31T23:59:59.000Z'],
])('%s and %i years is %s', (from, years, until) => {
  expect(new Date(yearsLater(Date.parse(from) as EpochMs, years)).toISOString()).toBe(until);
});
