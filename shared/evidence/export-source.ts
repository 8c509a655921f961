import { createHash } from 'node:crypto';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { EXPORT_FILES, MANIFEST } from './export-format.ts';

/** The files of an export, wherever they stand: in a directory, or one behind the other in a .tar. */
export interface ExportSource {
  /** null where there is no such file. */
  readonly find: (name: string) => ExportPart | null;
  readonly close: () => Promise<void>;
}

/** Some bytes of a file. */
export interface ExportPart {
  readonly name: string;
  readonly bytes: number;
  /** In order, each chunk a Buffer of its own; `onEnd` gets the SHA-256 (hex) of all of them, where they were read to the end. */
  readonly chunks: (onEnd: (sha256: string) => void) => AsyncGenerator<Buffer>;
}

/** Small, so that what is made of a chunk is gone before the collector would have to move it: a fourth faster than 1 MiB. */
const chunkBytesMax = 64 * 1024;
/** A read costs the same for a few bytes and for many. */
const readBytesMax = 4 * chunkBytesMax;
const NAMES: ReadonlySet<string> = new Set([MANIFEST, ...EXPORT_FILES]);

/** null where there is neither a directory nor a file that could be a .tar. */
export async function openExportSource(path: string): Promise<ExportSource | null> {
  const found = await stat(path).catch(() => null);
  if (found === null) return null;
  const handles: FileHandle[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(handles.map((handle) => handle.close()));
  };
  const parts = new Map<string, ExportPart>();
  const add = (name: string, handle: FileHandle, from: number, bytes: number): void => {
    parts.set(name, { name, bytes, chunks: (onEnd) => chunksOf(handle, from, bytes, onEnd) });
  };
  try {
    if (found.isDirectory()) {
      for (const name of NAMES) {
        const handle = await open(join(path, name), 'r').catch(() => null);
        if (handle === null) continue;
        handles.push(handle);
        add(name, handle, 0, (await handle.stat()).size);
      }
    } else {
      const handle = await open(path, 'r');
      handles.push(handle);
      for await (const { name, from, bytes } of tarEntries(handle, found.size)) if (NAMES.has(name)) add(name, handle, from, bytes);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { find: (name) => parts.get(name) ?? null, close };
}

/** What comes next is read while the chunks before are looked at. */
async function* chunksOf(handle: FileHandle, from: number, bytes: number, onEnd: (sha256: string) => void): AsyncGenerator<Buffer> {
  const sha256 = createHash('sha256');
  let done = 0;
  const readOn = (): Promise<Buffer> => {
    const wanted = Math.min(readBytesMax, bytes - done);
    const buffer = Buffer.allocUnsafeSlow(wanted);
    const reading = handle.read(buffer, 0, wanted, from + done).then(({ bytesRead }) => buffer.subarray(0, bytesRead));
    // Nobody may come for it.
    reading.catch(() => undefined);
    return reading;
  };
  for (let reading = readOn(); done < bytes;) {
    const read = await reading;
    if (read.length === 0) break;
    done += read.length;
    if (done < bytes) reading = readOn();
    sha256.update(read);
    for (let at = 0; at < read.length; at += chunkBytesMax) yield read.subarray(at, at + chunkBytesMax);
  }
  onEnd(sha256.digest('hex'));
}

const blockBytes = 512;
const nameBytes = 100;
const sizeAt = 124;
const sizeBytes = 12;
const typeAt = 156;
const prefixAt = 345;
const prefixBytes = 155;
const entriesMax = 1_000;

/**
 * The plain files of a .tar (POSIX ustar), by the last part of their names; an archive that
 * was cut has what is left of its last. Headers of other kinds are passed over.
 */
async function* tarEntries(handle: FileHandle, fileBytes: number): AsyncGenerator<{ name: string; from: number; bytes: number }> {
  const header = Buffer.alloc(blockBytes);
  let at = 0;
  for (let entries = 0; entries < entriesMax && at + blockBytes <= fileBytes; entries++) {
    await handle.read(header, 0, blockBytes, at);
    const bytes = tarSize(header.subarray(sizeAt, sizeAt + sizeBytes));
    if (header[0] === 0 || bytes === null) return;
    const from = at + blockBytes;
    const type = String.fromCharCode(header[typeAt]!);
    const name = basename(`${tarText(header, prefixAt, prefixBytes)}/${tarText(header, 0, nameBytes)}`);
    if (type === '0' || type === '\0') yield { name, from, bytes: Math.min(bytes, fileBytes - from) };
    at = from + Math.ceil(bytes / blockBytes) * blockBytes;
  }
}

/** Octal digits, or where the first bit is set a big-endian number; null where it is neither. */
function tarSize(field: Buffer): number | null {
  if (field[0]! >= 0x80) {
    const size = Number(field.readBigUInt64BE(sizeBytes - 8));
    return Number.isSafeInteger(size) ? size : null;
  }
  const digits = tarText(field, 0, sizeBytes).trim();
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : null;
}

function tarText(header: Buffer, at: number, length: number): string {
  const end = header.indexOf(0, at);
  return header.toString('utf8', at, end === -1 || end > at + length ? at + length : end);
}
