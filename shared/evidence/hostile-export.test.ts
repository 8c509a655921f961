import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pack } from 'tar-stream';
import { checkOut, operate, paid, reserve, schedule, termsOf, tick } from '#shared/sale/testing/commands.ts';
import { EXPORT_FILES, type ExportFile, keysBytesMax, lineBytesMax, MANIFEST, manifestBytesMax, othersMax } from './export-format.ts';
import { exportEvidence } from './export-files.ts';
import { openExport } from './read-export.ts';
import { evidenceOf, KEY, type Said, stageSale } from './testing/staged-sale.ts';
import { verifyEvidence } from './verify-evidence.ts';

const TERMS = termsOf('A:3', { name: 'Größe "M"' });
const SAID: readonly Said[] = [
  [0, schedule('setup', TERMS)],
  [10, 'other_sale'],
  [10, 'malformed'],
  [10, reserve('r1', 'ann', 'A:2')],
  [10, checkOut('o1', 'r1', 'ann')],
  [10, paid('o1', 'r1')],
  [10, reserve('r2', 'bob', 'A:2')],
  [10, tick()],
  [10, operate('k', 'close')],
];
const staged = stageSale(TERMS, SAID, 3);
const NAMES = [MANIFEST, ...EXPORT_FILES];

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'firstcome-hostile-'))));
afterEach(() => rmSync(folder, { recursive: true }));

async function exported(name = 'out', evidence = evidenceOf(staged)): Promise<string> {
  const path = join(folder, name);
  await exportEvidence(evidence, { path, createdAt: new Date('2026-11-20T12:00:00Z') });
  return path;
}

interface Judged {
  readonly found: readonly [verdict: string, code: string];
  readonly why: string;
}

async function judge(path: string, replay = true): Promise<Judged> {
  const opened = await openExport(path, { line: replay });
  if (opened.kind === 'refused') return { found: [opened.fault.verdict, opened.fault.code], why: opened.fault.why };
  try {
    const { verdict, code, why } = await verifyEvidence(opened.evidence, { trusted: [KEY.verifier], replay });
    return { found: [verdict, code], why };
  } finally {
    await opened.close();
  }
}

interface Written {
  files: Record<string, { bytes: number; sha256: string }>;
  line: { others: unknown; first_at: number; through_offset: number } | null;
  [name: string]: unknown;
}

function mendManifest(path: string, change: (manifest: Written) => void): void {
  const file = join(path, MANIFEST);
  const manifest = JSON.parse(readFileSync(file, 'utf8')) as Written;
  change(manifest);
  writeFileSync(file, `${JSON.stringify(manifest, null, 2)}\n`);
}

/** As a forger does it: the manifest's sums fit what is there afterwards. */
function edit(path: string, name: ExportFile, change: (text: string) => string | Buffer): void {
  const file = join(path, name);
  const before = readFileSync(file);
  const after = change(before.toString());
  const bytes = Buffer.from(after as string);
  expect(bytes.equals(before)).toBe(false);
  writeFileSync(file, bytes);
  mendManifest(path, (manifest) => {
    manifest.files[name] = { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
  });
}

describe('a .tar', () => {
  type Packed = readonly [header: { name: string; type?: 'contiguous-file' | 'symlink'; pax?: Record<string, string> }, bytes: Buffer];

  async function tarOf(entries: readonly Packed[]): Promise<Buffer> {
    const tar = pack();
    const chunks: Buffer[] = [];
    tar.on('data', (chunk) => chunks.push(chunk as Buffer));
    for (const [header, bytes] of entries)
      await new Promise<void>((done, failed) => tar.entry(header, bytes, (error) => (error ? failed(error) : done())));
    tar.finalize();
    await new Promise<void>((done) => tar.on('end', () => done()));
    return Buffer.concat(chunks);
  }

  /** The honest files, then what a forger puts behind them. */
  async function packed(change: (honest: Packed[], path: string) => readonly Packed[]): Promise<Buffer> {
    const path = await exported();
    const honest = NAMES.map((name): Packed => [{ name }, readFileSync(join(path, name))]);
    return tarOf(change(honest, path));
  }
  const forged = Buffer.from('{"forged":true}\n');
  const renamed = (from: string, to: string) => (honest: Packed[]) =>
    honest.map(([header, bytes]): Packed => [{ ...header, name: header.name === from ? to : header.name }, bytes]);

  test.each<[string, (honest: Packed[]) => readonly Packed[], RegExp]>([
    ['a file twice', (honest) => [...honest, [{ name: 'events.ndjson' }, forged]], /events\.ndjson stands in it twice \(entry 8\)/],
    ['a file twice, once from here', (honest) => [...honest, [{ name: './events.ndjson' }, forged]], /stands in it twice/],
    ['a file of a folder', (honest) => [...honest, [{ name: 'hidden/events.ndjson' }, forged]], /entry 8 .*"hidden\/events\.ndjson"/],
    ['a file above', renamed('keys.json', '../keys.json'), /entry 3 .*"\.\.\/keys\.json"/],
    ['a file that is no export’s', (honest) => [...honest, [{ name: 'x' }, forged]], /entry 8 .*"x"/],
    ['a name that moves the cursor', (honest) => [...honest, [{ name: '\u001b[2J' }, forged]], /"\\u001b\[2J"/],
    [
      'another name in a pax header',
      (honest) => [...honest, [{ name: 'x', pax: { path: 'events.ndjson' } }, forged]],
      /entry 8 is no plain file/,
    ],
    [
      'a contiguous file',
      (honest) => [...honest, [{ name: 'events.ndjson', type: 'contiguous-file' }, forged]],
      /entry 8 is no plain file/,
    ],
    ['a link', (honest) => [...honest, [{ name: 'events.ndjson', type: 'symlink' }, Buffer.alloc(0)]], /entry 8 is no plain file/],
    [
      'an entry behind a thousand others',
      (honest) => [
        ...honest,
        ...Array.from({ length: 1_000 }, (_, n): Packed => [{ name: `x${n}` }, Buffer.alloc(0)]),
        [{ name: 'events.ndjson' }, forged],
      ],
      /entry 8 .*"x0"/,
    ],
  ])('is refused with %s', async (_what, change, why) => {
    const path = join(folder, 'forged.tar');
    writeFileSync(path, await packed(change));
    const judged = await judge(path);
    expect(judged.found).toEqual(['unverifiable', 'tar_unusual']);
    expect(judged.why).toMatch(why);
    expect(judged.why).toContain('firstcome audit export');
  });

  const blockBytes = 512;
  /** Mends the first header's checksum, where it is not what is tried. */
  const changed =
    (at: number, bytes: Buffer, mended = true) =>
    (tar: Buffer) => {
      bytes.copy(tar, at);
      if (!mended) return tar;
      tar.fill(' ', 148, 156);
      const sum = tar.subarray(0, blockBytes).reduce((all, byte) => all + byte, 0);
      tar.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
      return tar;
    };
  test.each<[string, (tar: Buffer) => Buffer, RegExp]>([
    ['a checksum that is another header’s', changed(148, Buffer.from('0000001'), false), /entry 1 has a header whose checksum/],
    ['a checksum that is none', changed(148, Buffer.from('AAAAAA'), false), /entry 1 has a header whose checksum/],
    ['a prefix before the name', changed(345, Buffer.from('folder')), /entry 1 has more in its header/],
    ['no ustar header', changed(257, Buffer.alloc(8)), /entry 1 has no ustar header/],
    ['a size that is none', changed(124, Buffer.from('00000x00000')), /entry 1 has no size/],
    ['a negative size', changed(124, Buffer.alloc(12, 0xff)), /entry 1 has no size/],
    ['a size beyond 2^53', changed(124, Buffer.from('800000007fffffffffffffff', 'hex')), /entry 1 has no size/],
    ['bytes behind the last entry', (tar) => Buffer.concat([tar, Buffer.from('x')]), /behind its last entry/],
    ['an archive behind the last entry', (tar) => Buffer.concat([tar, tar]), /behind its last entry/],
    ['more zeros than any tar writes', (tar) => Buffer.concat([tar, Buffer.alloc(2 ** 20)]), /behind its last entry/],
    [
      'a piece of a header',
      (tar) => Buffer.concat([tar.subarray(0, -2 * blockBytes), Buffer.from('x'.repeat(100))]),
      /behind its last entry/,
    ],
    [
      'bytes between two entries',
      (tar) => {
        tar[tar.indexOf('}\n\0', blockBytes) + 2] = 1;
        return tar;
      },
      /behind its entry 1 \(manifest\.json\)/,
    ],
  ])('is refused with %s', async (_what, change, why) => {
    const path = join(folder, 'forged.tar');
    writeFileSync(path, change(await packed((honest) => honest)));
    const judged = await judge(path);
    expect(judged.found).toEqual(['unverifiable', 'tar_unusual']);
    expect(judged.why).toMatch(why);
  });

  it('may say a size as files above 8 GiB have it', async () => {
    const path = join(folder, 'large.tar');
    const tar = await packed((honest) => honest);
    const bytes = Number.parseInt(tar.toString('latin1', 124, 135), 8);
    const size = Buffer.alloc(12);
    size[0] = 0x80;
    size.writeBigUInt64BE(BigInt(bytes), 4);
    writeFileSync(path, changed(124, size)(tar));
    expect((await judge(path)).found).toEqual(['verified', 'verified']);
    size.writeBigUInt64BE(9n * 1024n ** 3n, 4);
    writeFileSync(path, changed(124, size)(tar));
    // What is left of it is there, and is too much.
    expect((await judge(path)).found).toEqual(['unverifiable', 'manifest_unreadable']);
  });

  it('is read as far as it goes, wherever it was cut', async () => {
    const path = await exported('out.tar');
    for (let bytes = readFileSync(path).length - 300; bytes > 0; bytes -= 300) {
      truncateSync(path, bytes);
      const { found } = await judge(path);
      expect(found[1]).not.toBe('tar_unusual');
    }
    expect((await judge(path)).found).toEqual(['unverifiable', 'manifest_missing']);
  });
});

describe('what is no file is not opened', () => {
  const asFolder = (path: string) => mkdirSync(path);
  const asPipe = (path: string) => void execFileSync('mkfifo', [path]);
  const asDevice = (path: string) => symlinkSync('/dev/zero', path);

  test.each([asFolder, asPipe, asDevice].flatMap((make) => NAMES.map((name) => [make.name, name, make] as const)))(
    '%s in the place of %s',
    async (_what, name, make) => {
      const path = await exported();
      rmSync(join(path, name));
      make(join(path, name));
      const judged = await judge(path);
      expect(judged.found).toEqual(['unverifiable', name === MANIFEST ? 'manifest_missing' : 'file_missing']);
      expect(judged.why).toContain('file');
    },
  );

  test.each([asPipe, asDevice])('as the export itself: %p', async (make) => {
    make(join(folder, 'x.tar'));
    expect((await judge(join(folder, 'x.tar'))).found).toEqual(['unverifiable', 'export_missing']);
  });
});

describe('nothing in a file escapes the checks, though the manifest’s sums fit', () => {
  const behind = (more: string) => (text: string) => `${text}${more}`;
  const replaced = (from: string | RegExp, to: string) => (text: string) => text.replace(from, to);

  test.each<[string, ExportFile, (text: string) => string | Buffer, string, string]>([
    ['an event without a newline', 'events.ndjson', behind('{"seq":99}'), 'unverifiable', 'file_differs'],
    ['a record without a newline', 'line.ndjson', behind('{"o":16,"t":9999}'), 'unverifiable', 'file_differs'],
    ['a checkpoint without a newline', 'checkpoints.ndjson', behind('{"size":3}'), 'unverifiable', 'file_differs'],
    [
      'a byte behind the hashes',
      'hashes.bin',
      () => Buffer.concat([...staged.events.map(hashOf), Buffer.of(1)]),
      'unverifiable',
      'file_differs',
    ],
    [
      'a hash too many',
      'hashes.bin',
      () => Buffer.concat([...staged.events.map(hashOf), Buffer.alloc(32)]),
      'unverifiable',
      'file_differs',
    ],
    ['a hash too few', 'hashes.bin', () => Buffer.concat(staged.events.slice(1).map(hashOf)), 'tampered', 'hash_differs'],
    ['no hash', 'hashes.bin', () => '', 'unverifiable', 'file_differs'],
    ['a checkpoint of another size', 'checkpoints.ndjson', replaced(/"size":\d+/, '"size":424242'), 'tampered', 'checkpoint_altered'],
    ['checkpoints with carriage returns', 'checkpoints.ndjson', replaced(/\n/g, '\r\n'), 'tampered', 'checkpoint_altered'],
    [
      'a checkpoint that says something twice',
      'checkpoints.ndjson',
      replaced('{"size"', '{"size":1,"size"'),
      'tampered',
      'checkpoint_altered',
    ],
    ['terms that say something twice', 'terms.json', replaced('{', '{"hold_seconds":3600,'), 'unverifiable', 'terms_not_canonical'],
    ['terms with spaces', 'terms.json', replaced('{', '{ '), 'unverifiable', 'terms_not_canonical'],
    ['terms without a newline', 'terms.json', replaced('\n', ''), 'unverifiable', 'terms_not_canonical'],
    ['keys that are none', 'keys.json', () => 'garbage', 'unverifiable', 'keys_unreadable'],
    [
      'a command that says something twice',
      'line.ndjson',
      replaced(/"c":\{"v":1/, '"c":{"user":"forged","v":1'),
      'tampered',
      'line_broken',
    ],
    [
      'a reservation that says something twice',
      'line.ndjson',
      replaced(/"c":\{(?="v":1,"type":"reservation)/, '"c":{"user":"forged",'),
      'tampered',
      'line_broken',
    ],
    [
      'who waited for a reservation',
      'line.ndjson',
      replaced(/,"reservation_id"(?=[^\n]*"items")/, ',"reply_to":"x","reservation_id"'),
      'tampered',
      'line_broken',
    ],
    ['a payment method’s token', 'line.ndjson', replaced('"withheld"', '"tok_SECRET"'), 'tampered', 'line_broken'],
    ['more of a malformed record', 'line.ndjson', replaced('"m":{', '"m":{"evil":1,'), 'tampered', 'line_broken'],
    ['a command in another order', 'line.ndjson', replaced(/"c":\{"v":1,(.*)\}\}\n$/, '"c":{$1,"v":1}}\n'), 'tampered', 'line_broken'],
    ['an escape that is none', 'line.ndjson', replaced('"type":"tick"', '"type":"tic\\u006b"'), 'tampered', 'line_broken'],
    ['spaces in a command', 'line.ndjson', replaced('"type":"tick"', '"type": "tick"'), 'tampered', 'line_broken'],
    ['zeros before an offset', 'line.ndjson', replaced('{"o":8,', '{"o":08,'), 'tampered', 'line_broken'],
  ])('%s', async (_what, name, change, verdict, code) => {
    const path = await exported();
    edit(path, name, change);
    expect((await judge(path)).found).toEqual([verdict, code]);
  });

  function hashOf({ storedHash }: { readonly storedHash: Buffer | null }): Buffer {
    return storedHash!;
  }

  test.each<[string, (manifest: Written) => void, string]>([
    ['another root', (manifest) => (manifest['root'] = `${'A'.repeat(43)}=`), 'manifest_differs'],
    ['a root that is none', (manifest) => (manifest['root'] = 'forged'), 'manifest_unreadable'],
    ['another size of a file', (manifest) => (manifest.files['keys.json']!.bytes = 1), 'file_differs'],
    ['nothing of a file', (manifest) => delete manifest.files['keys.json'], 'file_differs'],
    ['a file that no export has', (manifest) => (manifest.files['evil.exe'] = manifest.files['keys.json']!), 'manifest_unreadable'],
    ['more than is known', (manifest) => (manifest['x'] = 1), 'manifest_unreadable'],
    ['an earlier first time', (manifest) => (manifest.line!.first_at = 0), 'manifest_differs'],
    ['an earlier end of the line', (manifest) => (manifest.line!.through_offset -= 1), 'manifest_differs'],
    ['no line where there is one', (manifest) => (manifest.line = null), 'manifest_differs'],
  ])('a manifest that says %s', async (what, change, code) => {
    const path = await exported();
    mendManifest(path, change);
    const replay = what !== 'no line where there is one';
    expect((await judge(path, replay)).found).toEqual(['unverifiable', code]);
  });
});

describe('what is too large is not held in memory', () => {
  const long = Buffer.alloc(lineBytesMax + 200_000, 'x');

  test.each<[string, ExportFile, Buffer]>([
    ['an event', 'events.ndjson', long],
    ['an event and others behind it', 'events.ndjson', Buffer.concat([long, Buffer.from('\n{"seq":10}\n')])],
    ['a record', 'line.ndjson', long],
    ['a checkpoint', 'checkpoints.ndjson', long],
  ])('%s', async (_what, name, more) => {
    const path = await exported();
    appendFileSync(join(path, name), more);
    expect((await judge(path)).found).toEqual(['unverifiable', 'file_differs']);
    edit(path, name, (text) => `${text}x`);
    const judged = await judge(path);
    expect(judged.found).toEqual(['unverifiable', 'file_differs']);
    expect(judged.why).toContain(`a line of more than ${lineBytesMax} bytes`);
  });

  test.each<[string, typeof MANIFEST | ExportFile, (text: string) => string, string, RegExp]>([
    ['a manifest', MANIFEST, (text) => text + ' '.repeat(manifestBytesMax), 'manifest_unreadable', /more than 16777216 bytes/],
    [
      'other sales, counted',
      MANIFEST,
      (text) => text.replace('"others": []', `"others": [${'0,'.repeat(othersMax)}0]`),
      'manifest_unreadable',
      /more than 100000 elements/,
    ],
    [
      'files, counted',
      MANIFEST,
      (text) => text.replace('"files": {', `"files": {${Array.from({ length: 7 }, (_, n) => `"f${n}":0,`).join('')}`),
      'manifest_unreadable',
      /names more than/,
    ],
    ['keys', 'keys.json', (text) => text + ' '.repeat(keysBytesMax), 'keys_unreadable', /1048576 bytes/],
    ['keys, counted', 'keys.json', () => `{"keys":[${'0,'.repeat(1_000)}0]}`, 'keys_unreadable', /at most 1000 keys/],
    ['terms', 'terms.json', (text) => text + ' '.repeat(lineBytesMax), 'terms_unreadable', /get the export again/],
    ['terms, counted', 'terms.json', () => `{"items":[${'0,'.repeat(10_000)}0]}`, 'terms_unreadable', /get the export again/],
  ])('%s', async (_what, name, change, code, why) => {
    const path = await exported();
    if (name === MANIFEST) writeFileSync(join(path, name), change(readFileSync(join(path, name), 'utf8')));
    else edit(path, name, change);
    const judged = await judge(path);
    expect(judged.found).toEqual(['unverifiable', code]);
    expect(judged.why).toMatch(why);
  });

  it('and the largest sale there is stands well below', async () => {
    const [item] = TERMS.items;
    const items = Array.from({ length: 10_000 }, (_, n) => ({ ...item!, sku: `${'s'.repeat(55)}.${n}`, name: '☃'.repeat(200) }));
    const terms = { ...TERMS, items } as typeof TERMS;
    const path = await exported('out.tar', evidenceOf(stageSale(terms, [[0, schedule('setup', terms)]], 1)));
    expect((await judge(path)).found).toEqual(['verified', 'verified']);
  });

  it('a command of the line that schedules no sale, or more items than a sale has', async () => {
    for (const command of [
      `{"v":1,"type":"tick","x":"${'x'.repeat(1024 * 1024)}"}`,
      `{"v":1,"type":"sale.schedule","terms":{"items":[${'0,'.repeat(600_000)}0]}}`,
    ]) {
      const path = await exported('out');
      edit(path, 'line.ndjson', (text) => text.replace(/"c":\{.*\}\}\n/, `"c":${command}}\n`));
      const judged = await judge(path);
      expect(judged.found).toEqual(['tampered', 'line_broken']);
      expect(judged.why).toContain('too long');
      rmSync(path, { recursive: true });
    }
  });
});

it.each([
  ['{"toString":1,"valueOf":1}', 'version unknown'],
  ['null', 'version unknown'],
  ['[[]]', 'version unknown'],
  ['2', 'version 2'],
  ['"2.0"', 'version "2.0"'],
  ['"\\u001b[2J"', 'version "\\u001b[2J"'],
  [`"${'9'.repeat(1_000)}"`, 'version unknown'],
  [`${'['.repeat(100_000)}${']'.repeat(100_000)}`, 'version unknown'],
])('says of which version it is, whatever stands there', async (version, shown) => {
  const path = await exported();
  writeFileSync(join(path, MANIFEST), `{"format":"firstcome-export","version":${version}}`);
  const judged = await judge(path);
  expect(judged.found).toEqual(['unverifiable', 'format_unknown']);
  expect(judged.why).toContain(shown);
});

it('is no manifest', async () => {
  const path = await exported();
  for (const text of [
    'null',
    '[]',
    '1',
    '"x"',
    '',
    '{"files":1,"line":1}',
    '{"line":{"others":{"length":1e9}},"files":[]}',
    '['.repeat(100_000),
  ]) {
    writeFileSync(join(path, MANIFEST), text);
    expect((await judge(path)).found).toEqual(['unverifiable', 'manifest_unreadable']);
  }
});
