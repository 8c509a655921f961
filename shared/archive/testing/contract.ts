import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { EpochMs } from '#schemas/ids.ts';
import { localFile, yearsLater, type Archive, type LocalFile } from '../archive.ts';

/** What every archive does, as tests: registers them for the archive that `open` gives. */
export function archiveContract(open: () => Archive, heldBy: 'compliance' | 'convention'): void {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'firstcome-archive-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  let made = 0;
  const file = (bytes: number): Promise<LocalFile> => {
    const path = join(folder, `file-${++made}`);
    writeFileSync(path, randomBytes(bytes));
    return localFile(path);
  };
  const newKey = (): string => `sale_${++made}/${'ab'.repeat(32)}.tar`;
  // Stores keep seconds.
  const now = (Math.floor(Date.now() / 1_000) * 1_000) as EpochMs;

  test('it is fit to be used', async () => {
    await expect(open().check()).resolves.toBeUndefined();
  });

  test.each([
    ['empty', 0, 1],
    ['small', 10_000, 7],
    ['as large as a part', 5 * 1024 * 1024, 10],
    ['of several parts', 11 * 1024 * 1024 + 1, 100],
  ])('a file that is %s comes back as it was, held for its years', async (_what, bytes, years) => {
    const archive = open();
    const [key, source] = [newKey(), await file(bytes)];
    const retainUntil = yearsLater(now, years);
    expect(await archive.head(key)).toBeNull();
    expect(await archive.put(key, source, retainUntil)).toBe('stored');
    const found = await archive.head(key);
    expect(found).toMatchObject({ bytes, sha256: source.sha256, retainUntil, heldBy });
    expect(Math.abs(found!.storedAt - Date.now())).toBeLessThan(60_000);
    expect(await sha256Of(await archive.get(key))).toBe(source.sha256);
  });

  test('a key that has a file keeps it, whatever is put there', async () => {
    const archive = open();
    const [key, first, second] = [newKey(), await file(100), await file(200)];
    expect(await archive.put(key, first, yearsLater(now, 2))).toBe('stored');
    expect(await archive.put(key, first, yearsLater(now, 3))).toBe('exists');
    expect(await archive.put(key, second, yearsLater(now, 1))).toBe('exists');
    expect(await archive.head(key)).toMatchObject({ sha256: first.sha256, retainUntil: yearsLater(now, 2) });
    expect(await sha256Of(await archive.get(key))).toBe(first.sha256);
  });

  test('of two that put at the same time one stores', async () => {
    const archive = open();
    const [key, first, second] = [newKey(), await file(100), await file(200)];
    const puts = await Promise.all([first, second].map((source) => archive.put(key, source, yearsLater(now, 1))));
    expect([...puts].sort()).toEqual(['exists', 'stored']);
    const winner = puts[0] === 'stored' ? first : second;
    expect((await archive.head(key))?.sha256).toBe(winner.sha256);
    expect(await sha256Of(await archive.get(key))).toBe(winner.sha256);
  });

  test.each([
    ['small', 100],
    ['of several parts', 6 * 1024 * 1024],
  ])('a file that is %s and changed after it was looked at is not stored', async (_what, bytes) => {
    const archive = open();
    const [key, source] = [newKey(), await file(bytes)];
    writeFileSync(source.path, randomBytes(bytes));
    await expect(archive.put(key, source, yearsLater(now, 1))).rejects.toMatchObject({ code: 'archive_source_changed' });
    writeFileSync(source.path, 'shorter');
    await expect(archive.put(key, source, yearsLater(now, 1))).rejects.toMatchObject({ code: 'archive_source_changed' });
    expect(await archive.head(key)).toBeNull();
  });

  test('what is not there is told so', async () => {
    await expect(open().get(newKey())).rejects.toMatchObject({ code: 'archive_no_such_key' });
  });

  test.each(['../up', 'a/../b', '/a', 'a/', '', '.a', 'a b', 'a'.repeat(513)])('%j is no key', async (key) => {
    await expect(open().head(key)).rejects.toThrow('is a key of an archive');
  });
}

async function sha256Of(stream: Awaited<ReturnType<Archive['get']>>): Promise<string> {
  return createHash('sha256')
    .update(await buffer(stream))
    .digest('hex');
}
