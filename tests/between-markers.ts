import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const prettier = join(import.meta.dirname, '../node_modules/.bin/prettier');

/** Puts what was measured into a page of docs/, between `<!-- name -->` and `<!-- /name -->`; what stands around it is written by hand. */
export function writeBetween(page: string, name: string, lines: readonly string[]): void {
  const text = readFileSync(page, 'utf8');
  const [begin, end] = [`<!-- ${name} -->\n`, `<!-- /${name} -->`];
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from === -1 || to < from) throw new Error(`${page} has no "${begin.trim()}" followed by "${end}": put both where the figures belong`);
  writeFileSync(page, `${text.slice(0, from + begin.length)}\n${lines.join('\n')}\n\n${text.slice(to)}`);
  execFileSync(prettier, ['--write', '--log-level', 'warn', page]);
}
