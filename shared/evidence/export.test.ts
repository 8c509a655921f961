import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import type { EpochMs, Offset } from '#schemas/ids.ts';
import { Manifest } from './export-format.ts';
import { exportEvidence } from './export-files.ts';
import { checkOut, operate, paid, reserve, SALE, schedule, termsOf, tick } from '#shared/sale/testing/commands.ts';
import type { Evidence } from './evidence.ts';
import { formatRecord, parseRecord } from './line-format.ts';
import { openExport } from './read-export.ts';
import { evidenceOf, KEY, type Said, stageSale } from './testing/staged-sale.ts';
import { verifyEvidence } from './verify-evidence.ts';

const TERMS = termsOf('A:3', { name: 'Größe "M" \\ ☃' });
const SAID: readonly Said[] = [
  [0, schedule('setup', TERMS)],
  [10, 'other_sale'],
  [10, 'malformed'],
  [10, reserve('r1', 'ann', 'A:2')],
  [10, { ...checkOut('o1', 'r1', 'ann'), reply_to: 'reserve-1/17' } as Said[1]],
  [10, paid('o1', 'r1')],
  [10, reserve('r2', 'bob', 'A:2')],
  [10, tick()],
  [10, operate('k', 'close')],
];
const staged = stageSale(TERMS, SAID, 3);
const EVENTS = staged.events.length;
const createdAt = new Date('2026-11-20T12:00:00Z');

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'firstcome-export-'))));
afterEach(() => rmSync(folder, { recursive: true }));

async function exported(name: string, evidence: Evidence = evidenceOf(staged)): Promise<string> {
  const path = join(folder, name);
  await exportEvidence(evidence, { path, createdAt });
  return path;
}

async function verdictOf(path: string, line = true): Promise<readonly [string, string, number | null]> {
  const opened = await openExport(path, { line });
  if (opened.kind === 'refused') return [opened.fault.verdict, opened.fault.code, null];
  try {
    const { verdict, code, seq } = await verifyEvidence(opened.evidence, { trusted: [KEY.verifier], replay: line });
    return [verdict, code, seq];
  } finally {
    await opened.close();
  }
}

const FILES = ['checkpoints.ndjson', 'events.ndjson', 'hashes.bin', 'keys.json', 'line.ndjson', 'manifest.json', 'terms.json'];

it.each(['out', 'out.tar'])('is read as it was written, and nothing else is left behind: %s', async (name) => {
  const path = await exported(name);
  expect(readdirSync(folder)).toEqual([name]);
  const opened = await openExport(path, { line: true });
  if (opened.kind === 'refused') throw new Error(opened.fault.why);
  const { evidence } = opened;
  expect(evidence.start).toEqual(evidenceOf(staged).start);
  const events = [];
  for await (const page of evidence.events()) events.push(...page);
  expect(events).toEqual(staged.events);
  const checkpoints = [];
  for await (const checkpoint of evidence.checkpoints()) checkpoints.push(checkpoint);
  expect(checkpoints).toEqual(staged.checkpoints);
  expect(evidence.keys).toEqual(staged.keys);
  expect(evidence.faults()).toEqual([]);
  await opened.close();
  expect(await verdictOf(path)).toEqual(['verified', 'verified', null]);
});

it('holds the leaves byte for byte, and neither a payment token nor who waited', async () => {
  const path = await exported('out');
  expect(readdirSync(path).sort()).toEqual(FILES);
  expect(readFileSync(join(path, 'events.ndjson'), 'utf8')).toBe(staged.events.map(({ leaf }) => `${leaf.toString()}\n`).join(''));
  expect(readFileSync(join(path, 'hashes.bin'))).toEqual(Buffer.concat(staged.events.map(({ storedHash }) => storedHash!)));
  const line = readFileSync(join(path, 'line.ndjson'), 'utf8');
  expect(line).toContain('"payment_method_id":"withheld"');
  expect(line).not.toMatch(/pm_ok|reply_to/);
  const manifest = Manifest.parse(JSON.parse(readFileSync(join(path, 'manifest.json'), 'utf8')));
  expect(manifest).toMatchObject({ events: EVENTS, sale_id: SALE, created_at: '2026-11-20T12:00:00.000Z' });
  expect(Object.keys(manifest.files).sort()).toEqual(FILES.filter((name) => name !== 'manifest.json'));
});

it('is a .tar that any tar reads', async () => {
  const path = await exported('out.tar');
  expect(execFileSync('tar', ['-tf', path], { encoding: 'utf8' }).trim().split('\n').sort()).toEqual(FILES);
  execFileSync('tar', ['-xf', path, '-C', folder]);
  rmSync(path);
  expect(await verdictOf(folder)).toEqual(['verified', 'verified', null]);
  execFileSync('tar', ['-cf', join(folder, 'again.tar'), '-C', folder, ...FILES.map((name) => `./${name}`)]);
  expect(await verdictOf(join(folder, 'again.tar'))).toEqual(['verified', 'verified', null]);
});

describe('an export that something was done to', () => {
  const cut = (name: string, bytes: number) => (path: string) => {
    const file = join(path, name);
    truncateSync(file, readFileSync(file).length - bytes);
  };
  const gone = (name: string) => (path: string) => rmSync(join(path, name));
  const replaced = (name: string, from: string | RegExp, to: string) => (path: string) => {
    const file = join(path, name);
    const before = readFileSync(file, 'latin1');
    expect(before).not.toBe(before.replace(from, to));
    writeFileSync(file, before.replace(from, to), 'latin1');
  };
  const flipped = (name: string, at: number) => (path: string) => {
    const bytes = readFileSync(join(path, name));
    bytes[at]! ^= 1;
    writeFileSync(join(path, name), bytes);
  };

  test.each<[string, (path: string) => void, string, string, number | null]>([
    ['no manifest', gone('manifest.json'), 'unverifiable', 'manifest_missing', null],
    ['no events', gone('events.ndjson'), 'unverifiable', 'file_missing', null],
    ['no hashes', gone('hashes.bin'), 'unverifiable', 'file_missing', null],
    ['no line', gone('line.ndjson'), 'unverifiable', 'file_missing', null],
    ['no checkpoints', gone('checkpoints.ndjson'), 'unverifiable', 'file_missing', null],
    ['no keys', gone('keys.json'), 'unverifiable', 'file_missing', null],
    ['no terms', gone('terms.json'), 'unverifiable', 'file_missing', null],
    ['a manifest that was cut', cut('manifest.json', 10), 'unverifiable', 'manifest_unreadable', null],
    ['a manifest of another version', replaced('manifest.json', '"version": 1', '"version": 2'), 'unverifiable', 'format_unknown', null],
    ['terms that cannot be read', cut('terms.json', 10), 'unverifiable', 'terms_unreadable', null],
    ['other terms', replaced('terms.json', '"hold_seconds":10', '"hold_seconds":11'), 'tampered', 'terms_differ', 1],
    ['a byte of an event', flipped('events.ndjson', 10), 'tampered', 'leaf_differs', 1],
    ['events cut at a line', cut('events.ndjson', staged.events.at(-1)!.leaf.length + 1), 'truncated', 'events_missing_at_end', EVENTS],
    ['events cut within a line', cut('events.ndjson', 5), 'truncated', 'events_missing_at_end', EVENTS],
    ['a byte of a hash', flipped('hashes.bin', 33), 'tampered', 'hash_differs', 2],
    ['hashes that were cut', cut('hashes.bin', 3), 'unverifiable', 'file_differs', null],
    ['a byte of the line', replaced('line.ndjson', '"quantity":2', '"quantity":1'), 'tampered', 'leaf_differs', 4],
    ['a record of the line that is none', replaced('line.ndjson', ',"c":{"v":1,', ',"c":{"v":9,'), 'tampered', 'line_broken', null],
    ['the line cut within a record', cut('line.ndjson', 5), 'unverifiable', 'line_incomplete', null],
    ['a checkpoint that is none', replaced('checkpoints.ndjson', '"note"', '"note'), 'tampered', 'checkpoint_altered', null],
    ['keys that look otherwise', replaced('keys.json', '{', ' {'), 'unverifiable', 'file_differs', null],
    ['another head', replaced('manifest.json', /"head": "./, '"head": "x'), 'unverifiable', 'manifest_unreadable', null],
  ])('%s', async (_what, damage, verdict, code, seq) => {
    const path = await exported('out');
    damage(path);
    expect(await verdictOf(path)).toEqual([verdict, code, seq]);
  });

  it('a .tar that was cut', async () => {
    const path = await exported('out.tar');
    truncateSync(path, readFileSync(path).length - 2_048);
    expect((await verdictOf(path))[1]).toBe('line_incomplete');
    truncateSync(path, 100);
    expect(await verdictOf(path)).toEqual(['unverifiable', 'manifest_missing', null]);
  });

  it('without the line, where none is wanted', async () => {
    const path = await exported('out');
    gone('line.ndjson')(path);
    expect(await verdictOf(path, false)).toEqual(['verified', 'verified', null]);
  });
});

it('is written without the line where that is not at hand, and says so', async () => {
  const path = await exported('out', evidenceOf({ ...staged, line: null }));
  expect(existsSync(join(path, 'line.ndjson'))).toBe(false);
  expect(await verdictOf(path)).toEqual(['unverifiable', 'line_missing', null]);
  expect(await verdictOf(path, false)).toEqual(['verified', 'verified', null]);
});

it.each<[string, Evidence, string]>([
  [
    'fewer events than said',
    { ...evidenceOf(staged), start: { ...evidenceOf(staged).start, auditedThrough: EVENTS + 1 } },
    'export_incomplete',
  ],
  ['fewer records than said', evidenceOf({ ...staged, records: staged.records.slice(0, -1) }), 'export_incomplete'],
  [
    'a leaf that is two lines',
    evidenceOf({ ...staged, events: staged.events.map((event) => ({ ...event, leaf: Buffer.from('{\n}') })) }),
    'export_incomplete',
  ],
])('is not written, and nothing is left behind: %s', async (_what, evidence, code) => {
  await expect(exported('out.tar', evidence)).rejects.toMatchObject({ name: 'TerminalFault', code });
  expect(readdirSync(folder)).toEqual([]);
});

it('is a folder of the name that was given, with a slash behind it too', async () => {
  await exportEvidence(evidenceOf(staged), { path: `${join(folder, 'out')}/`, createdAt });
  expect(readdirSync(folder)).toEqual(['out']);
});

it('takes the place of nothing', async () => {
  const path = await exported('out');
  cpSync(path, join(folder, 'copy'), { recursive: true });
  await expect(exportEvidence(evidenceOf(staged), { path, createdAt })).rejects.toMatchObject({ code: 'export_exists' });
  expect(readdirSync(folder).sort()).toEqual(['copy', 'out']);
});

it('reads any line of the line without throwing, and the same from what it wrote', () => {
  for (const record of staged.records) {
    const again = parseRecord(Buffer.from(formatRecord(record)), SALE, 0 as Offset);
    expect(parseRecord(Buffer.from(formatRecord(again as typeof record)), SALE, 0 as Offset)).toEqual(again);
    expect(again).toMatchObject({ kind: record.kind, offset: record.offset, timestamp: record.timestamp });
  }
  const some = staged.records.map((record) => formatRecord(record));
  const damaged = fc.tuple(fc.constantFrom(...some), fc.nat(), fc.nat({ max: 255 })).map(([text, at, byte]) => {
    const bytes = Buffer.from(text);
    bytes[at % bytes.length] = byte;
    return bytes.subarray(0, at % 3 === 0 ? at % bytes.length : bytes.length);
  });
  fc.assert(
    fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 60 }).map(Buffer.from)), (bytes) => {
      const record = parseRecord(Buffer.from(bytes), SALE, 5 as Offset);
      expect(['command', 'other_sale', 'malformed', 'unreadable']).toContain(record.kind);
      if (record.kind !== 'unreadable') expect(record.timestamp).toBeLessThan((253_402_300_800_000 as EpochMs) + 1);
    }),
    { numRuns: 2_000 },
  );
});
