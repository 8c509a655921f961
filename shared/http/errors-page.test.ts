import { readFileSync } from 'node:fs';
import { CATALOGUE } from './catalogue.ts';

/** docs/errors.md says what the catalogue says; `type` of a problem opens the same text. */

const page = readFileSync('docs/errors.md', 'utf8');
const sections = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const [heading = '', ...rest] = section.split('\n');
      return [heading.replaceAll('`', '').trim(), rest.join('\n').trim()] as const;
    }),
);

test('the page has a section for each code, and no other', () => {
  expect([...sections.keys()]).toEqual(Object.keys(CATALOGUE));
});

test.each(Object.entries(CATALOGUE))(
  '%s: status, title, retry and description agree',
  (code, { status, title, retryable, description }) => {
    expect(sections.get(code)).toBe(`**${status}** ${title}. ${retryable ? 'Retryable.' : 'Not retryable.'}\n\n${description}`);
  },
);
