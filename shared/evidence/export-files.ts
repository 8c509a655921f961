import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { pack, type Pack } from 'tar-stream';
import { TerminalFault } from '#shared/faults/faults.ts';
import { canonicalJson } from '#shared/proof/canonical.ts';
import { createGrowingTree } from '#shared/proof/growing-tree.ts';
import { leafHash } from '#shared/proof/tree-hash.ts';
import type { Evidence } from './evidence.ts';
import { EXPORT_FILES, EXPORT_FORMAT, EXPORT_VERSION, type ExportFile, MANIFEST, type Manifest } from './export-format.ts';
import { formatRecord } from './line-format.ts';

export interface ExportOptions {
  /** A directory, or a .tar with the same files; nothing may be there yet. */
  readonly path: string;
  readonly createdAt: Date;
  /** Events and records written, of all there are. */
  readonly onProgress?: (done: number, of: number) => void;
}

const NEWLINE = Buffer.from('\n');

/**
 * Writes evidence to files that anyone can verify offline, a page at a time, under a
 * temporary name that becomes `path` when everything is on disk. Without the line where
 * it is not at hand.
 *
 * Throws TerminalFault: `export_exists`, `export_nowhere`, `export_incomplete` where the log or the line
 * ended before it should.
 */
export async function exportEvidence(evidence: Evidence, { path: to, createdAt, onProgress }: ExportOptions): Promise<Manifest> {
  // What is written meanwhile stands beside it, not in it.
  const path = to.replace(/(?<=.)\/+$/, '');
  if (path === '' || !existsSync(dirname(path)))
    throw new TerminalFault('export_nowhere', `${dirname(path)} is not there: make it, or name another place for the export`);
  if (existsSync(path))
    throw new TerminalFault('export_exists', `there is something at ${path} already: move it away or choose another name`);
  const suffix = `${randomBytes(6).toString('hex')}.tmp`;
  const folder = `${path}.${suffix}`;
  try {
    await mkdir(folder);
  } catch (error) {
    throw new TerminalFault(
      'export_nowhere',
      `${dirname(path)} cannot be written to (${(error as Error).message}): name another place for the export`,
      { cause: error },
    );
  }
  try {
    const manifest = await writeFiles(evidence, folder, createdAt, onProgress ?? (() => undefined));
    if (path.endsWith('.tar')) {
      const file = join(folder, basename(path));
      await packFiles(folder, file, manifest);
      await rename(file, path);
    } else {
      await rename(folder, path);
    }
    await syncFolder(dirname(path));
    return manifest;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function writeFiles(
  evidence: Evidence,
  folder: string,
  createdAt: Date,
  onProgress: (done: number, of: number) => void,
): Promise<Manifest> {
  const { start } = evidence;
  const records = evidence.line();
  const line = records === null ? null : start.line;
  const of = start.auditedThrough + (line === null ? 0 : line.throughOffset - line.firstOffset + 1);
  const files: Manifest['files'] = {};
  const into = async (name: ExportFile, write: (append: (bytes: Buffer) => Promise<void>) => Promise<void>): Promise<void> => {
    files[name] = await writeFile(join(folder, name), write);
  };

  await into('terms.json', (append) => append(Buffer.from(`${canonicalJson(start.terms)}\n`)));
  await into('keys.json', (append) => append(Buffer.from(`${JSON.stringify({ keys: evidence.keys }, null, 2)}\n`)));
  await into('checkpoints.ndjson', async (append) => {
    for await (const checkpoint of evidence.checkpoints()) await append(Buffer.from(`${JSON.stringify(checkpoint)}\n`));
  });

  const tree = createGrowingTree();
  let head: Buffer = Buffer.alloc(0);
  await into('events.ndjson', (appendEvents) =>
    into('hashes.bin', async (appendHashes) => {
      for await (const page of evidence.events()) {
        const hashes = page.map(({ leaf, storedHash }) => storedHash ?? leafHash(leaf));
        const broken = page.findIndex(({ leaf }) => leaf.includes(NEWLINE));
        if (broken !== -1) throw incomplete(`event ${tree.size() + broken + 1} is no event: verify the sale first`);
        await appendEvents(Buffer.concat(page.flatMap(({ leaf }) => [leaf, NEWLINE])));
        await appendHashes(Buffer.concat(hashes));
        for (const hash of hashes) tree.append(hash);
        head = hashes.at(-1) ?? head;
        onProgress(tree.size(), of);
      }
    }),
  );
  if (tree.size() !== start.auditedThrough)
    throw incomplete(`the log has ${tree.size()} events where ${start.auditedThrough} are said to be: verify the sale first`);

  if (records !== null && line !== null) {
    let next: number = line.firstOffset;
    await into('line.ndjson', async (append) => {
      for await (const batch of records) {
        const texts = batch.map((record) => {
          if (record.kind === 'unreadable') throw incomplete(`the record at offset ${record.offset} cannot be read: ${record.why}`);
          return `${formatRecord(record)}\n`;
        });
        await append(Buffer.from(texts.join('')));
        next += batch.length;
        onProgress(tree.size() + next - line.firstOffset, of);
      }
    });
    if (next !== line.throughOffset + 1)
      throw incomplete(`the line ended before offset ${next}: see that Kafka has its records and try again`);
  }

  const manifest: Manifest = {
    format: EXPORT_FORMAT,
    version: EXPORT_VERSION,
    sale_id: start.saleId,
    origin: start.origin,
    status: start.status,
    settled: start.settled,
    events: tree.size(),
    head: head.toString('hex'),
    root: tree.root().toString('base64'),
    created_at: createdAt.toISOString(),
    line:
      line === null
        ? null
        : {
            partition: line.partition,
            first_offset: line.firstOffset,
            first_at: line.firstAt,
            through_offset: line.throughOffset,
            others: [...line.others].map(([sale_id, scheduled_offset]) => ({ sale_id, scheduled_offset })),
          },
    files,
  };
  await writeFile(join(folder, MANIFEST), (append) => append(Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`)));
  return manifest;
}

/** Creates the file, gives its size and SHA-256 once it is on disk. */
async function writeFile(
  path: string,
  write: (append: (bytes: Buffer) => Promise<void>) => Promise<void>,
): Promise<{ bytes: number; sha256: string }> {
  const sha256 = createHash('sha256');
  let bytes = 0;
  const file = await open(path, 'wx');
  try {
    await write(async (chunk) => {
      sha256.update(chunk);
      bytes += chunk.length;
      await file.appendFile(chunk);
    });
    await file.sync();
  } finally {
    await file.close();
  }
  return { bytes, sha256: sha256.digest('hex') };
}

/** One .tar of the folder's files, the manifest first. */
async function packFiles(folder: string, path: string, { files, created_at: createdAt }: Manifest): Promise<void> {
  const tar = pack();
  const written = pipeline(tar, createWriteStream(path, { flags: 'wx', flush: true }));
  const added = (async () => {
    const { size } = await statOf(join(folder, MANIFEST));
    await addFile(tar, folder, MANIFEST, size, createdAt);
    for (const name of EXPORT_FILES) {
      const file = files[name];
      if (file !== undefined) await addFile(tar, folder, name, file.bytes, createdAt);
    }
    tar.finalize();
  })();
  await Promise.all([added, written]);
}

async function statOf(path: string): Promise<{ size: number }> {
  const file = await open(path, 'r');
  try {
    return await file.stat();
  } finally {
    await file.close();
  }
}

async function addFile(tar: Pack, folder: string, name: string, size: number, createdAt: string): Promise<void> {
  await pipeline(createReadStream(join(folder, name)), tar.entry({ name, size, mode: 0o644, mtime: new Date(createdAt) }));
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function incomplete(why: string): TerminalFault {
  return new TerminalFault('export_incomplete', why);
}
