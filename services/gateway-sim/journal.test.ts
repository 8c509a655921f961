import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Entry } from './book.ts';
import { openJournal } from './journal.ts';

const entry = (n: number): Entry => ({ kind: 'decline', key: `key-${n}`, fingerprint: 'f' });

test('what was appended is read back, and a line that was cut off is dropped', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'journal-'));
  const path = join(folder, 'deep', 'journal.ndjson');
  try {
    const first = await openJournal(path, () => fail());
    const all = Array.from({ length: 500 }, (_, n) => entry(n));
    await Promise.all(all.map((each) => first.append(each)));
    await first.settled();
    await first.close();
    await appendFile(path, '{"kind":"decl');

    const seen: Entry[] = [];
    const second = await openJournal(path, (each) => seen.push(each));
    expect(seen).toEqual(all);
    await second.append(entry(500));
    await second.close();
    expect((await readFile(path, 'utf8')).split('\n')).toHaveLength(502);
  } finally {
    await rm(folder, { recursive: true });
  }
});

function fail(): never {
  throw new Error('a new journal has no entries');
}
