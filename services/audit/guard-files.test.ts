import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SaleId } from '#schemas/ids.ts';
import { originOf, signCheckpoint } from '#shared/proof/checkpoint.ts';
import { createSigningKey } from '#shared/proof/note.ts';
import { createGuardFiles, type Guard, type GuardFiles } from './guard-files.ts';

const ORIGIN = 'firstcome.test/log';
const saleId = 'sale-1' as SaleId;
const key = createSigningKey(ORIGIN, Buffer.alloc(32, 7));
const stranger = createSigningKey(ORIGIN, Buffer.alloc(32, 8));

function guardOf(size: number, by = key, of = saleId): Guard {
  const root = Buffer.alloc(32, size);
  return { size, root, note: signCheckpoint({ origin: originOf(ORIGIN, of), size, root }, [by]) };
}

let folder = '';
let guards: GuardFiles;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'firstcome-guards-'));
  guards = createGuardFiles(folder, ORIGIN, () => [key.verifier]);
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

test('the newest is what is read, in a file of its own that leaves nothing beside it', async () => {
  expect(await guards.read(saleId)).toEqual({ kind: 'none' });
  await guards.write(saleId, guardOf(3));
  await guards.write(saleId, guardOf(5));
  expect(await guards.read(saleId)).toEqual({ kind: 'read', guard: guardOf(5) });
  expect(readdirSync(join(folder, 'heads'))).toEqual(['sale-1.json']);
  expect(await guards.saleIds()).toEqual([saleId]);
  expect(statSync(join(folder, 'heads', 'sale-1.json')).mode & 0o777).toBe(0o600);
  expect(JSON.parse(readFileSync(join(folder, 'heads', 'sale-1.json'), 'utf8'))).toMatchObject({ origin: `${ORIGIN}/sale-1`, size: 5 });
});

const file = (content: object | string): void =>
  writeFileSync(join(folder, 'heads', 'sale-1.json'), typeof content === 'string' ? content : JSON.stringify(content));
const stored = (guard: Guard) => ({ origin: `${ORIGIN}/sale-1`, size: guard.size, root: guard.root.toString('base64'), note: guard.note });

test.each<[string, () => void]>([
  ['cut off', () => file('{"origin":')],
  ['empty', () => file('')],
  ['of another form', () => file({ size: 5 })],
  ['signed by another key', () => file(stored(guardOf(5, stranger)))],
  ['of another sale', () => file(stored(guardOf(5, key, 'sale-2' as SaleId)))],
  ['with another size than its note', () => file({ ...stored(guardOf(5)), size: 4 })],
  ['with another root than its note', () => file({ ...stored(guardOf(5)), root: Buffer.alloc(32).toString('base64') })],
])('a file that is %s is told, not taken for none', async (_what, damage) => {
  damage();
  expect((await guards.read(saleId)).kind).toBe('unreadable');
});

test.each<[string, string, Guard | null]>([
  ['signed by us for this log', guardOf(5).note, guardOf(5)],
  ['of another log', guardOf(5, key, 'sale-2' as SaleId).note, null],
  ['signed by a stranger', guardOf(5, stranger).note, null],
  ['altered', guardOf(5).note.replace('\n5\n', '\n6\n'), null],
  ['no note', 'x', null],
])('a checkpoint of the ledger that is %s', (_what, note, expected) => {
  expect(guards.adopt(saleId, note)).toEqual(expected);
});
