import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EXPORT_FILES, MANIFEST } from './export-format.ts';

/** The files of an export, wherever they stand: in a directory, or one behind the other in a .tar. */
export interface ExportSource {
  /** null where there is no such file. */
  readonly find: (name: string) => ExportPart | null;
  /** Names under which something stands that is no file: a directory, a pipe, a device. It was not opened. */
  readonly notFiles: ReadonlySet<string>;
  readonly close: () => Promise<void>;
}

/** `refused`: what is there is none that could be read; `why` says what to do. */
export type OpenedSource =
  | { readonly kind: 'opened'; readonly source: ExportSource }
  | { readonly kind: 'refused'; readonly code: 'export_missing' | 'tar_unusual'; readonly why: string };

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
/** A pipe is not waited for: `stat` said that it is a file, and something else may have come into its place. */
const openFlags = constants.O_RDONLY | constants.O_NONBLOCK;

/** Opens nothing but regular files: to open or to read anything else may wait for ever, or do something. */
export async function openExportSource(path: string): Promise<OpenedSource> {
  const found = await stat(path).catch(() => null);
  if (found === null || !(found.isDirectory() || found.isFile())) return missing(path, found === null ? 'is nothing' : 'is no file');
  const handles: FileHandle[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(handles.map((handle) => handle.close()));
  };
  const parts = new Map<string, ExportPart>();
  const notFiles = new Set<string>();
  const add = (name: string, handle: FileHandle, from: number, bytes: number): void => {
    parts.set(name, { name, bytes, chunks: (onEnd) => chunksOf(handle, from, bytes, onEnd) });
  };
  let refusal: OpenedSource | null = null;
  try {
    if (found.isDirectory()) {
      for (const name of NAMES) {
        const opened = await openFile(join(path, name));
        if (opened === 'no_file') notFiles.add(name);
        if (typeof opened === 'string') continue;
        handles.push(opened.handle);
        add(name, opened.handle, 0, opened.bytes);
      }
    } else {
      const opened = await openFile(path);
      if (typeof opened === 'string') return missing(path, opened === 'no_file' ? 'is no file' : 'is nothing that could be read');
      handles.push(opened.handle);
      const read = await readTar(opened.handle, opened.bytes);
      if (typeof read === 'string') {
        refusal = {
          kind: 'refused',
          code: 'tar_unusual',
          why: `${path} is no .tar as an export is packed: ${read}. What unpacks it could see other files than this check: get it as \`firstcome audit export\` wrote it, or make it again with \`firstcome audit export\`.`,
        };
      } else for (const { name, from, bytes } of read) add(name, opened.handle, from, bytes);
    }
  } catch (error) {
    await close();
    throw error;
  }
  if (refusal !== null) {
    await close();
    return refusal;
  }
  return { kind: 'opened', source: { find: (name) => parts.get(name) ?? null, notFiles, close } };
}

function missing(path: string, what: string): OpenedSource {
  return {
    kind: 'refused',
    code: 'export_missing',
    why: `There is no export at ${path}, there ${what}: give a directory or a .tar that \`firstcome audit export\` wrote.`,
  };
}

/** `away`: it is not there, or may not be read. */
async function openFile(path: string): Promise<{ readonly handle: FileHandle; readonly bytes: number } | 'away' | 'no_file'> {
  const found = await stat(path).catch(() => null);
  if (found === null) return 'away';
  if (!found.isFile()) return 'no_file';
  const handle = await open(path, openFlags).catch(() => null);
  if (handle === null) return 'away';
  const opened = await handle.stat();
  if (opened.isFile()) return { handle, bytes: opened.size };
  await handle.close();
  return 'no_file';
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
const checksumAt = 148;
const checksumBytes = 8;
const typeAt = 156;
const magicAt = 257;
/** Behind the names of user and group: what stands there in other formats can make another name or another size of an entry. */
const prefixAt = 345;
/** Zeros behind the last entry: GNU tar fills up to 10 KiB, and to this by its largest blocking factor. */
const tailBytesMax = 1024 * 1024;
const SPACE = ' '.charCodeAt(0);

interface TarEntry {
  readonly name: string;
  readonly from: number;
  readonly bytes: number;
}

/**
 * The files of a .tar (POSIX ustar), or what is unusual about it. Only what every program
 * that unpacks it takes for the same files is read: each under its plain name (`./` before
 * it changes nothing) and once, and zeros behind the last. An archive that was cut has
 * what is left of its last.
 */
async function readTar(handle: FileHandle, fileBytes: number): Promise<readonly TarEntry[] | string> {
  const entries = new Map<string, TarEntry>();
  let at = 0;
  while (at + blockBytes <= fileBytes) {
    const header = await bytesAt(handle, at, blockBytes);
    if (isZero(header)) break;
    const number = entries.size + 1;
    const read = readHeader(header);
    if (typeof read === 'string') return `its entry ${number} ${read}`;
    const { name, bytes } = read;
    if (!NAMES.has(name)) return `its entry ${number} is none of an export’s files (${shown(name)})`;
    if (entries.has(name)) return `${name} stands in it twice (entry ${number})`;
    const from = at + blockBytes;
    const end = from + bytes;
    at = from + Math.ceil(bytes / blockBytes) * blockBytes;
    entries.set(name, { name, from, bytes: Math.min(bytes, fileBytes - from) });
    if (end < fileBytes && !isZero(await bytesAt(handle, end, Math.min(at, fileBytes) - end)))
      return `behind its entry ${number} (${name}) stands something that is not the file’s`;
  }
  if (at >= fileBytes) return [...entries.values()];
  if (fileBytes - at > tailBytesMax) return `behind its last entry stand more than ${tailBytesMax} bytes`;
  const tail = await bytesAt(handle, at, fileBytes - at);
  // Less than a header: the archive was cut within one, where it is the next file's.
  const isCutHeader = tail.length < blockBytes && isNextName(tarText(tail, 0, nameBytes), entries);
  return isZero(tail) || isCutHeader ? [...entries.values()] : 'behind its last entry stands something other than zeros';
}

function isNextName(begun: string, entries: ReadonlyMap<string, TarEntry>): boolean {
  return [...NAMES].some((name) => !entries.has(name) && [name, `./${name}`].some((whole) => whole.startsWith(begun)));
}

/** A header's name and size, or what is unusual about it. */
function readHeader(header: Buffer): { readonly name: string; readonly bytes: number } | string {
  if (checksumOf(header) !== octal(header.subarray(checksumAt, checksumAt + checksumBytes)))
    return 'has a header whose checksum is not that of its bytes';
  const name = tarText(header, 0, nameBytes).replace(/^\.\//, '');
  if (header.toString('latin1', magicAt, magicAt + 5) !== 'ustar') return `has no ustar header (${shown(name)})`;
  const type = header[typeAt]!;
  if (type !== 0 && type !== '0'.charCodeAt(0)) return `is no plain file (${shown(name)}, type ${shown(String.fromCharCode(type))})`;
  if (!isZero(header.subarray(prefixAt))) return `has more in its header than a plain name (${shown(name)})`;
  const bytes = tarSize(header.subarray(sizeAt, sizeAt + sizeBytes));
  return bytes === null ? `has no size (${shown(name)})` : { name, bytes };
}

/** The sum of the bytes, those of the checksum itself taken as spaces. */
function checksumOf(header: Buffer): number {
  let sum = 0;
  for (let at = 0; at < blockBytes; at++) sum += at >= checksumAt && at < checksumAt + checksumBytes ? SPACE : header[at]!;
  return sum;
}

/** Octal digits, or above 8 GiB a big-endian number behind a first byte of 0x80; null where it is neither. */
function tarSize(field: Buffer): number | null {
  if (field[0] !== 0x80) return octal(field);
  if (!isZero(field.subarray(1, sizeBytes - 8))) return null;
  const size = Number(field.readBigUInt64BE(sizeBytes - 8));
  return Number.isSafeInteger(size) ? size : null;
}

function octal(field: Buffer): number | null {
  const digits = /^ *([0-7]+)[ \0]*$/.exec(field.toString('latin1'))?.[1];
  return digits === undefined ? null : Number.parseInt(digits, 8);
}

/** In a message: whatever stood there, it cannot move a terminal's cursor. */
function shown(text: string): string {
  return JSON.stringify(text).replace(/[^\x20-\x7e]/g, '?');
}

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}

async function bytesAt(handle: FileHandle, at: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await handle.read(bytes, 0, length, at);
  return bytes.subarray(0, bytesRead);
}

function tarText(header: Buffer, at: number, length: number): string {
  const end = header.indexOf(0, at);
  return header.toString('utf8', at, end === -1 || end > at + length ? at + length : end);
}
