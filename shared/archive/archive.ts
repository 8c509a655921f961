import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import type { EpochMs } from '#schemas/ids.ts';
import { assert } from '#shared/faults/assert.ts';

/**
 * Where files are put that nobody may change or remove for years: an S3-compatible
 * store with object lock (`s3-archive.ts`), or a directory (`directory-archive.ts`).
 *
 * Every call throws RetryableFault where the store is away (`archive_unavailable`) and
 * TerminalFault where somebody has to act first; the message says what to do.
 */
export interface Archive {
  /** For people: where the files are. */
  readonly place: string;
  /** Throws TerminalFault where the store cannot hold a file against everyone. */
  check(): Promise<void>;
  /**
   * Stores a file under a key that has none and holds it until `retainUntil`. What has
   * been read from disk must be what `file` says, else TerminalFault
   * `archive_source_changed` and nothing is stored.
   */
  put(key: string, file: LocalFile, retainUntil: EpochMs): Promise<Put>;
  /** What stands under the key as the store tells it; null: nothing. */
  head(key: string): Promise<ArchivedFile | null>;
  /** TerminalFault `archive_no_such_key` where nothing stands under the key. */
  get(key: string): Promise<Readable>;
  close(): void;
}

/** `exists`: something stands under the key, and it was left as it is; `head` tells what. */
export type Put = 'stored' | 'exists';

export interface LocalFile {
  readonly path: string;
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
}

export interface ArchivedFile {
  readonly bytes: number;
  /** Hex; null where the store does not know it. */
  readonly sha256: string | null;
  readonly storedAt: EpochMs;
  /** null: nothing holds the file. */
  readonly retainUntil: EpochMs | null;
  /** `compliance`: nobody can shorten it. `governance`: some can. `convention`: this program keeps to it, the file system does not. */
  readonly heldBy: 'compliance' | 'governance' | 'convention' | 'nothing';
}

/** Segments of letters, digits, `_`, `-` and dots, none of which begins with a dot: a key is also a path. */
const keyPattern = /^[A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/;
const keyCharactersMax = 512;

export function assertKey(key: string): void {
  assert(key.length <= keyCharactersMax && keyPattern.test(key), `${JSON.stringify(key)} is a key of an archive`);
}

/** The same day and time so many calendar years later; 29 February becomes 1 March. */
export function yearsLater(from: EpochMs, years: number): EpochMs {
  const date = new Date(from);
  return date.setUTCFullYear(date.getUTCFullYear() + years) as EpochMs;
}

/** Size and SHA-256 of a file, read once from start to end. */
export async function localFile(path: string): Promise<LocalFile> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { path, bytes, sha256: hash.digest('hex') };
}
