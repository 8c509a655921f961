import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, constants, link, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { EpochMs } from '#schemas/ids.ts';
import { UtcTime } from '#schemas/terms.ts';
import { TerminalFault } from '#shared/faults/faults.ts';
import { assertKey, type Archive, type ArchivedFile, type LocalFile, type Put } from './archive.ts';

/**
 * An archive in a directory, for a developer's machine and for file systems that
 * hold files themselves (write-once media, a WORM volume). Files are read-only and
 * never replaced by this program, but whoever may write to the directory can remove
 * them: that is what the S3 archive is for.
 *
 * Beside `<key>` stands `<key>.json` (the sidecar) with size, SHA-256 and the date. The
 * sidecar's exclusive creation decides: before it, the file waits, complete, as
 * `.<name>.<sha256>.part`; after it, whoever finds it still waiting gives it its name.
 */

const readOnly = 0o444;

const Sidecar = z.strictObject({
  bytes: z.int().min(0),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  stored_at: UtcTime,
  retain_until: UtcTime,
});
type Sidecar = z.infer<typeof Sidecar>;

/** @param folder made where it is missing, but for its parent, which has to be there: a disk that is not mounted has none. */
export function createDirectoryArchive(folder: string, now: () => number = Date.now): Archive {
  const pathOf = (key: string): string => {
    assertKey(key);
    return join(folder, key);
  };

  async function check(): Promise<void> {
    try {
      await mkdir(folder).catch(unless('EEXIST'));
      await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    } catch (error) {
      throw new TerminalFault(
        'archive_missing',
        `The archive's directory ${folder} cannot be used (${(error as Error).message}): mount or make it and let this user write to it, or set ARCHIVE_URL to another one.`,
      );
    }
  }

  async function put(key: string, file: LocalFile, retainUntil: EpochMs): Promise<Put> {
    const path = pathOf(key);
    if (await exists(path)) return 'exists';
    await mkdir(dirname(path), { recursive: true });
    const fresh = join(dirname(path), `.${randomUUID()}.fresh`);
    try {
      await copyChecked(file, fresh);
      await rename(fresh, waiting(path, file.sha256));
      const sidecar: Sidecar = {
        bytes: file.bytes,
        sha256: file.sha256,
        stored_at: new Date(now()).toISOString(),
        retain_until: new Date(retainUntil).toISOString(),
      };
      await writeDurably(fresh, [Buffer.from(`${JSON.stringify(sidecar)}\n`)]);
      const won = await link(fresh, `${path}.json`).then(() => true, otherwise('EEXIST', false));
      const decided = won ? sidecar : await readSidecar(path);
      if (decided !== null) await giveName(path, decided);
      if (decided?.sha256 !== file.sha256) await rm(waiting(path, file.sha256), { force: true });
      return won ? 'stored' : 'exists';
    } finally {
      await rm(fresh, { force: true });
    }
  }

  async function head(key: string): Promise<ArchivedFile | null> {
    const path = pathOf(key);
    const sidecar = await readSidecar(path);
    if (sidecar !== null) await giveName(path, sidecar);
    const found = await stat(path).catch(otherwise('ENOENT', null));
    if (found === null && sidecar === null) return null;
    if (found === null) {
      throw new TerminalFault(
        'archive_file_removed',
        `${path} was archived on ${sidecar!.stored_at} and is gone, only ${path}.json is left: find out who removed it, and put it back from another copy (its SHA-256 is ${sidecar!.sha256}).`,
      );
    }
    if (sidecar === null) {
      return { bytes: found.size, sha256: null, storedAt: Math.trunc(found.mtimeMs) as EpochMs, retainUntil: null, heldBy: 'nothing' };
    }
    if (found.size !== sidecar.bytes) {
      throw new TerminalFault(
        'archive_file_altered',
        `${path} was archived with ${sidecar.bytes} bytes and has ${found.size}: find out who altered it, and put it back from another copy (its SHA-256 is ${sidecar.sha256}).`,
      );
    }
    return {
      bytes: found.size,
      sha256: sidecar.sha256,
      storedAt: Date.parse(sidecar.stored_at) as EpochMs,
      retainUntil: Date.parse(sidecar.retain_until) as EpochMs,
      heldBy: 'convention',
    };
  }

  async function get(key: string) {
    const file = await open(pathOf(key)).catch(otherwise('ENOENT', null));
    if (file === null)
      throw new TerminalFault('archive_no_such_key', `${folder} has no ${key}: see which files it has, and ask for one of them.`);
    return file.createReadStream();
  }

  return { place: folder, check, put, head, get, close: () => undefined };
}

/** Where a complete file waits for its sidecar. */
const waiting = (path: string, sha256: string): string => `${dirname(path)}/.${path.slice(dirname(path).length + 1)}.${sha256}.part`;

/** Ends a put whose sidecar is there; one that has ended already is left as it is. */
async function giveName(path: string, { sha256 }: Sidecar): Promise<void> {
  await rename(waiting(path, sha256), path).catch(unless('ENOENT'));
  await syncFolder(dirname(path));
}

async function readSidecar(path: string): Promise<Sidecar | null> {
  const text = await readFile(`${path}.json`, 'utf8').catch(otherwise('ENOENT', null));
  if (text === null) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const sidecar = Sidecar.safeParse(value);
  if (sidecar.success) return sidecar.data;
  throw new TerminalFault(
    'archive_sidecar_unreadable',
    `${path}.json is not what was written there: find out who changed it, and put it back from another copy of the archive.`,
  );
}

async function copyChecked(file: LocalFile, target: string): Promise<void> {
  const hash = createHash('sha256');
  await writeDurably(target, createReadStream(file.path) as AsyncIterable<Buffer>, (chunk) => hash.update(chunk));
  if (hash.digest('hex') === file.sha256) return;
  throw new TerminalFault(
    'archive_source_changed',
    `${file.path} changed while it was being archived: nothing was stored; run this again.`,
  );
}

async function writeDurably(
  target: string,
  chunks: AsyncIterable<Buffer> | Iterable<Buffer>,
  eachChunk: (chunk: Buffer) => unknown = () => undefined,
): Promise<void> {
  await rm(target, { force: true });
  const file = await open(target, 'wx', 0o600);
  try {
    for await (const chunk of chunks) {
      eachChunk(chunk);
      await file.appendFile(chunk);
    }
    await file.chmod(readOnly);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(() => true, otherwise('ENOENT', false));
}

/** `value` for a system error of this code; others are thrown on. */
function otherwise<T>(code: string, value: T): (error: unknown) => T {
  return (error) => {
    if ((error as NodeJS.ErrnoException).code !== code) throw error;
    return value;
  };
}

const unless = (code: string): ((error: unknown) => void) => otherwise(code, undefined);
