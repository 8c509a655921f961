import { mkdtempSync, readdirSync, readFileSync, rmSync, unlinkSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SaleId, type EpochMs, type Seq } from '#schemas/ids.ts';
import type { SaleTerms } from '#schemas/terms.ts';
import type { Archive, ArchivedFile } from '#shared/archive/archive.ts';
import { createDirectoryArchive } from '#shared/archive/directory-archive.ts';
import type { Verdict, VerdictName } from '#shared/evidence/evidence.ts';
import { RetryableFault, TerminalFault } from '#shared/faults/faults.ts';
import type { SettledSale } from '#shared/ledger/read/settled-sales.ts';
import { archiveSale, type ArchiveSalePorts } from './archive-sale.ts';
import { archiveSales, type ArchiveDependencies, type ArchiveFlags, type ArchiveTrust } from './archive-sales.ts';

const now = Date.parse('2026-11-21T12:00:00.250Z');
let parent: string;
let scratch: string;
let folder: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'firstcome-archive-'));
  scratch = mkdtempSync(join(parent, 'scratch-'));
  folder = join(parent, 'archive');
});
afterEach(() => rmSync(parent, { recursive: true }));

const sale = (id: string, retentionYears: number | null = null): SettledSale => ({
  saleId: SaleId.parse(id),
  events: 3 as Seq,
  head: Buffer.from(id.padEnd(32)).toString('hex'),
  retentionYears,
});
const verdictOf = (verdict: VerdictName): Verdict => ({ verdict, code: `because_${verdict}`, seq: null, why: 'Look into it.' }) as Verdict;

/** What an export says: its verdict, and whatever else is not as it should be. */
interface Told {
  readonly verdict?: VerdictName;
  readonly head?: string;
  readonly settled?: boolean;
  readonly years?: number;
  /** The log cannot even be written to a file. */
  readonly incomplete?: true;
}
const verified = (one: SettledSale, { verdict = 'verified', head = one.head, settled = true, years }: Told = {}) => ({
  verdict: verdictOf(verdict),
  start: {
    saleId: one.saleId,
    settled,
    head: Buffer.from(head, 'hex'),
    terms: (years === undefined ? {} : { retention_years: years }) as SaleTerms,
  },
});

let exports = 0;
const portsFor = (one: SettledSale, told: Told = {}, archive: Archive = createDirectoryArchive(folder, () => now)): ArchiveSalePorts => ({
  archive,
  exportTo: (_saleId, path) => writeFile(path, `export ${++exports}`),
  verifyExport: () => Promise.resolve(verified(one, told)),
  scratch,
  now: () => now,
});
const until = (year: number): number => Date.parse(`${year}-11-21T12:00:01Z`);

describe('a sale', () => {
  const one = sale('sale_a');
  beforeEach(() => createDirectoryArchive(folder).check());

  test.each<[string, Told, number]>([
    ['as its terms say', { years: 10 }, 2036],
    ['seven years where they say nothing', {}, 2033],
  ])('is archived for %s, once', async (_what, told, year) => {
    const ports = portsFor(sale('sale_a', told.years ?? null), told);
    const first = await archiveSale(sale('sale_a', told.years ?? null), ports);
    expect(first).toMatchObject({ outcome: 'archived', key: `sale_a/${one.head}.tar`, file: { retainUntil: until(year) } });
    const exported = exports;
    expect(await archiveSale(sale('sale_a', told.years ?? null), ports)).toMatchObject({
      outcome: 'was_archived',
      file: { retainUntil: until(year) },
    });
    expect(exports).toBe(exported);
    expect(readdirSync(scratch)).toEqual([]);
  });

  test('is held for the years of the verified log, not for those the ledger says by now', async () => {
    expect(await archiveSale(sale('sale_a', 1), portsFor(one, { years: 10 }))).toMatchObject({ file: { retainUntil: until(2036) } });
  });

  test.each<[string, Told, object]>([
    ['tampered with', { verdict: 'tampered' }, { outcome: 'not_verified', verdict: { verdict: 'tampered' } }],
    ['of no known key', { verdict: 'unverifiable' }, { outcome: 'not_verified' }],
    ['of another head', { head: 'ab'.repeat(32) }, { outcome: 'wrong', why: expect.stringContaining('another state') as string }],
    ['of a sale that goes on', { settled: false }, { outcome: 'wrong' }],
  ])('whose export is %s is not archived', async (_what, told, expected) => {
    expect(await archiveSale(one, portsFor(one, told))).toMatchObject(expected);
    expect(readdirSync(folder)).toEqual([]);
    expect(readdirSync(scratch)).toEqual([]);
  });

  const stored: ArchivedFile = {
    bytes: 8,
    sha256: 'ab',
    storedAt: now as EpochMs,
    retainUntil: until(2033) as EpochMs,
    heldBy: 'compliance',
  };
  const far = { retainUntil: until(2200) as EpochMs };
  test.each<[string, Partial<ArchivedFile> | null, string]>([
    ['another size', { ...far, bytes: 7 }, 'do not rely on that store'],
    ['another SHA-256', { ...far, sha256: 'cd' }, 'do not rely on that store'],
    ['no SHA-256', { ...far, sha256: null }, 'do not rely on that store'],
    ['no date', { retainUntil: null }, 'has no date'],
    ['a date too early', { retainUntil: until(2032) as EpochMs }, 'only: extend'],
    ['governance mode', { heldBy: 'governance' }, 'compliance until 2033-11-21'],
    ['nothing that holds it', { heldBy: 'nothing' }, 's3:GetObjectRetention'],
  ])('read back with %s is said to be wrong', async (_what, told, why) => {
    let put: ArchivedFile | null = null;
    const archive: Archive = {
      ...createDirectoryArchive(folder),
      head: () => Promise.resolve(put),
      put: (_key, { bytes, sha256 }) => Promise.resolve((put = { ...stored, bytes, sha256, ...told })).then(() => 'stored'),
    };
    expect(await archiveSale(one, portsFor(one, {}, archive))).toMatchObject({
      outcome: 'wrong',
      why: expect.stringContaining(why) as string,
    });
  });

  test('that the store does not know after it took it is tried again later', async () => {
    const archive: Archive = { ...createDirectoryArchive(folder), head: () => Promise.resolve(null), put: () => Promise.resolve('stored') };
    await expect(archiveSale(one, portsFor(one, {}, archive))).rejects.toThrow(RetryableFault);
  });

  test('that somebody else archives at the same moment is archived once', async () => {
    const both = await Promise.all(
      [0, 1].map((n) => archiveSale(one, { ...portsFor(one), scratch: mkdtempSync(join(parent, `of-${n}-`)) })),
    );
    expect(both.map(({ outcome }) => outcome).sort()).toEqual(['archived', 'was_archived']);
  });
});

describe('firstcome audit archive', () => {
  const sales = [sale('sale_a'), sale('sale_b', 10), sale('sale_c')];
  let told: Record<string, Told>;
  let said: string[];
  let answer: string;
  let trusted: ArchiveTrust | null;
  beforeEach(() => {
    [told, said, answer, trusted] = [{}, [], '', null];
  });

  const dependencies = (json = false): ArchiveDependencies => ({
    openSales: () => ({
      sales: {
        all: async function* () {
          yield* await Promise.resolve(sales);
        },
        byId: (id) => Promise.resolve(sales.find(({ saleId }) => saleId === id) ?? (id === 'sale_open' ? 'not_settled' : 'unknown')),
      },
      close: () => Promise.resolve(),
    }),
    exportTo: (saleId, path) =>
      told[saleId]?.incomplete === true
        ? Promise.reject(new TerminalFault('export_incomplete', 'the log has 2 events where 3 are said to be'))
        : writeFile(path, saleId),
    verifyExport: (path, trust) => {
      trusted = trust;
      const one = sales.find(({ saleId }) => saleId === readFileSync(path, 'utf8'))!;
      return Promise.resolve(verified(one, { ...(one.retentionYears === null ? {} : { years: one.retentionYears }), ...told[one.saleId] }));
    },
    openArchive: (url) => Promise.resolve(createDirectoryArchive(new URL(url).pathname, () => now)),
    archiveUrl: () => undefined,
    output: () => ({ json, say: (line) => (answer += line) }),
    tell: (line) => said.push(line),
    now: () => now,
  });
  const run = (flags: Partial<ArchiveFlags>, json = false): Promise<number> =>
    archiveSales({ key: [], scratch, to: `file://${folder}`, ...flags }, dependencies(json));
  const settled = { settled: true };

  test('--settled archives what is not archived yet, a second time nothing', async () => {
    expect(await run({ ...settled, key: ['one', 'two'] }, true)).toBe(0);
    expect(JSON.parse(answer)).toMatchObject([
      { sale_id: 'sale_a', outcome: 'archived', retain_until: '2033-11-21T12:00:01.000Z' },
      { sale_id: 'sale_b', outcome: 'archived', retain_until: '2036-11-21T12:00:01.000Z', held_by: 'convention' },
      { sale_id: 'sale_c', outcome: 'archived' },
    ]);
    expect(trusted).toEqual({ keys: ['one', 'two'], includedKeys: false });
    answer = '';
    expect(await run(settled, true)).toBe(0);
    expect((JSON.parse(answer) as { outcome: string }[]).map(({ outcome }) => outcome)).toEqual(Array(3).fill('was_archived'));
    expect(readdirSync(scratch)).toEqual([]);
  });

  test.each<[string, Record<string, Told>, number]>([
    ['an export does not verify: the others are archived, the code is the verdict', { sale_a: { verdict: 'unverifiable' } }, 13],
    ['two do not: the graver verdict counts', { sale_a: { verdict: 'truncated' }, sale_b: { verdict: 'forked' } }, 12],
    ['one is of another state', { sale_b: { settled: false } }, 1],
    ['one cannot be exported', { sale_a: { incomplete: true } }, 1],
    ['one does not verify and another is wrong', { sale_a: { verdict: 'tampered' }, sale_b: { settled: false } }, 10],
  ])('where %s', async (_what, exported, code) => {
    told = exported;
    expect(await run(settled)).toBe(code);
    expect(readdirSync(folder)).toContain('sale_c');
    for (const id of Object.keys(exported)) expect(readdirSync(folder)).not.toContain(id);
  });

  test.each<[string, Partial<ArchiveFlags>, number, string]>([
    ['no sale', {}, 2, 'either --sale ID or --settled'],
    ['both', { sale: 'sale_a', settled: true }, 2, 'either --sale ID or --settled'],
    ['no id', { sale: 'a b' }, 2, 'is no sale'],
    ['a sale nobody knows', { sale: 'sale_x' }, 1, 'knows no sale sale_x'],
    ['a sale that goes on', { sale: 'sale_open' }, 1, 'is not settled'],
  ])('asked for %s it says what to do', async (_what, flags, code, why) => {
    expect(await run(flags)).toBe(code);
    expect(said.join('\n')).toContain(why);
  });

  test('what does not verify is answered with its verdict', async () => {
    told = { sale_b: { verdict: 'tampered' } };
    expect(await run(settled, true)).toBe(10);
    expect((JSON.parse(answer) as object[])[1]).toEqual({
      sale_id: 'sale_b',
      outcome: 'not_verified',
      key: `sale_b/${sales[1]!.head}.tar`,
      verdict: 'tampered',
      code: 'because_tampered',
      seq: null,
      why: 'Look into it.',
    });
  });

  test('without a place for the archive it says which there are', async () => {
    expect(await archiveSales({ ...settled, key: [], scratch }, dependencies())).toBe(2);
    expect(said.join('\n')).toMatch(/ARCHIVE_URL.*s3:\/\/.*file:\/\/\//);
  });

  test('an archive that cannot be used is told before anything is exported', async () => {
    expect(await run({ ...settled, to: `file://${parent}/no/such` })).toBe(1);
    expect(said.join('\n')).toContain('cannot be used');
  });

  test('one whose file was removed is told, and the exit code says so', async () => {
    await run({ sale: 'sale_a' });
    unlinkSync(join(folder, 'sale_a', `${sales[0]!.head}.tar`));
    expect(await run(settled)).toBe(1);
    expect(said.join('\n')).toContain('is gone');
  });
});
