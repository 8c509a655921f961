import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatVerifierKey, openNote, signNote } from '#shared/proof/note.ts';
import { ensureKey, generateKey, openKeys, readKeys, rotateKey, verifierKeysOf } from './key-folder.ts';

const NAME = 'firstcome.test/log';
let folder = '';

beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'firstcome-keys-')), 'keys');
});
afterEach(() => {
  rmSync(join(folder, '..'), { recursive: true, force: true });
});

test('a key is made once, and only its owner may read it', async () => {
  const made = await generateKey(folder, NAME);
  expect(made.signing.verifier.name).toBe(NAME);
  expect(statSync(join(folder, 'current.key')).mode & 0o777).toBe(0o600);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  expect(readKeys(folder)).toEqual(made);
  const before = readFileSync(join(folder, 'current.key'), 'utf8');
  await expect(generateKey(folder, NAME)).rejects.toMatchObject({ code: 'keys_exist' });
  expect(await ensureKey(folder, NAME)).toEqual(made);
  expect(readFileSync(join(folder, 'current.key'), 'utf8')).toBe(before);
});

test('after a rotation the new key signs, and what earlier ones signed still verifies', async () => {
  const first = await ensureKey(folder, NAME);
  const note = signNote('text\n', [first.signing]);
  const second = await rotateKey(folder);
  const third = await rotateKey(folder);
  const vkeys = [first, second, third].map(({ signing }) => formatVerifierKey(signing.verifier));
  expect(new Set(vkeys).size).toBe(3);
  expect(verifierKeysOf(third).map(formatVerifierKey).sort()).toEqual([...vkeys].sort());
  expect(openNote(note, verifierKeysOf(third)).kind).toBe('opened');
  expect(openNote(note, [third.signing.verifier]).kind).toBe('refused');
});

test('a rotation is noticed by whoever has the keys open', async () => {
  const before = await ensureKey(folder, NAME);
  const keys = openKeys(folder);
  expect(keys()).toEqual(before);
  const after = await rotateKey(folder);
  expect(keys()).toEqual(after);
  rmSync(join(folder, 'current.key'));
  expect(keys()).toEqual(after);
});

test('a rotation that ended halfway lists no key twice', async () => {
  const { signing } = await ensureKey(folder, NAME);
  await rotateKey(folder);
  const ring = readKeys(folder);
  const current = formatVerifierKey(ring.signing.verifier);
  writeFileSync(join(folder, 'earlier', 'again.vkey'), `${current}\n`);
  expect(readKeys(folder).earlier.map(formatVerifierKey)).toEqual([formatVerifierKey(signing.verifier)]);
});

test.each<[string, (path: string) => void, string]>([
  ['that others may read', (path) => chmodSync(path, 0o640), 'keys_exposed'],
  ['that everybody may write', (path) => chmodSync(path, 0o602), 'keys_exposed'],
  ['that is none', (path) => writeFileSync(path, 'PRIVATE+KEY+x\n'), 'keys_unreadable'],
  ['that is gone', (path) => rmSync(path), 'keys_missing'],
])('a key %s is refused, also where it would be made or replaced', async (_what, damage, code) => {
  await ensureKey(folder, NAME);
  damage(join(folder, 'current.key'));
  expect(() => readKeys(folder)).toThrow(expect.objectContaining({ name: 'TerminalFault', code }));
  await expect(rotateKey(folder)).rejects.toMatchObject({ code });
  expect(existsSync(join(folder, 'earlier'))).toBe(false);
});
