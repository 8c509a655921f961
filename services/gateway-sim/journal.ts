import { createReadStream } from 'node:fs';
import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Entry } from './book.ts';

/**
 * The books on disk: one JSON entry a line, appended. What is appended survives the
 * end of the process; it is not forced to the disk, which a simulation can do without.
 */
export interface Journal {
  /** Resolves once the entry is in the file. Entries that come while a write is under way share the next one. */
  append(entry: Entry): Promise<void>;
  /** Resolves once everything appended so far is in the file. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

/** Reads the journal at `path` (made if absent), hands each entry to `onEntry`, and goes on behind the last whole line. */
export async function openJournal(path: string, onEntry: (entry: Entry) => void): Promise<Journal> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, 'a+');
  await file.truncate(await replay(path, onEntry));
  return appendTo(file);
}

/** Length in bytes of the whole lines; a line that a crash cut off is not one. */
async function replay(path: string, onEntry: (entry: Entry) => void): Promise<number> {
  let wholeBytes = 0;
  let rest = Buffer.alloc(0);
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    rest = Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10, start)) {
      onEntry(JSON.parse(rest.toString('utf8', start, end)) as Entry);
      start = end + 1;
    }
    wholeBytes += start;
    rest = rest.subarray(start);
  }
  return wholeBytes;
}

function appendTo(file: FileHandle): Journal {
  let waiting = '';
  let writing: Promise<void> = Promise.resolve();
  let next: Promise<void> | null = null;

  async function writeWaiting(): Promise<void> {
    await writing;
    const lines = waiting;
    waiting = '';
    writing = next ?? writing;
    next = null;
    await file.appendFile(lines);
  }

  return {
    append(entry) {
      waiting += `${JSON.stringify(entry)}\n`;
      next ??= writeWaiting();
      return next;
    },
    settled: () => next ?? writing,
    async close() {
      await (next ?? writing);
      await file.close();
    },
  };
}
