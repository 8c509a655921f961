import { formatNumber, type Cell } from '../table.ts';
import { factsOf, type AuditReport } from './report-text.ts';
import { type PlotName, type Section, sectionsOf, type Table } from './report-sections.ts';

/**
 * The report as one HTML document that needs nothing else: no scripts, nothing loaded,
 * light or dark as the reader has it, and made to be printed.
 *
 * @param plots markup of each picture, trusted as it stands; everything else is escaped
 */
export function reportPage(report: AuditReport, plots: Readonly<Record<PlotName, string>>): string {
  const { figures } = report;
  const title = `Audit report: ${figures.sale?.name ?? report.saleId}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escape(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escape(title)}</h1>
${tableMarkup({ header: null, rows: factsOf(report) })}
<p>${escape(TRUST)}</p>
${sectionsOf(figures)
  .map((section) => sectionMarkup(section, plots))
  .join('\n')}
</main>
</body>
</html>
`;
}

const TRUST =
  'These figures are made from the log as it was given. Whether it is the one that was signed, and leads from the line it came from, says firstcome audit verify.';

const CAPTIONS: Readonly<Record<PlotName, string>> = {
  density:
    'Each request by its order of acceptance and its place in the line; the darker, the more. On the dashed line nobody overtook anybody; above it stands who was overtaken.',
  waits: 'How many of the requests with each outcome were decided within how long.',
  units: 'Units of all items together.',
  lorenz: 'The share of units that the users with the fewest have together; on the dashed line all have the same.',
};

function sectionMarkup({ title, note, tables, plots: names }: Section, plots: Readonly<Record<PlotName, string>>): string {
  const drawn = names.filter((name) => plots[name] !== '');
  return [
    '<section>',
    `<h2>${escape(title)}</h2>`,
    `<p>${escape(note)}</p>`,
    ...tables.filter(({ rows }) => rows.length > 0).map(tableMarkup),
    ...drawn.map((name) => `<div class="plot">${plots[name]}<p class="caption">${escape(CAPTIONS[name])}</p></div>`),
    '</section>',
  ].join('\n');
}

function tableMarkup({ header, rows }: Table): string {
  const head = header === null ? '' : `<thead><tr>${header.map((name) => `<th scope="col">${escape(name)}</th>`).join('')}</tr></thead>`;
  const body = rows.map((row) => {
    const [name, ...values] = row;
    const text = textOf(name);
    const indented = text.startsWith(' ') ? ' class="part"' : '';
    return `<tr><th scope="row"${indented}>${escape(text.trim())}</th>${values.map((value) => `<td>${escape(textOf(value))}</td>`).join('')}</tr>`;
  });
  return `<table>${head}<tbody>${body.join('')}</tbody></table>`;
}

function textOf(cell: Cell): string {
  if (cell === null || cell === undefined) return '–';
  return typeof cell === 'number' ? formatNumber(cell) : String(cell);
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** For text and for quoted attributes. */
export function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

const STYLE = `
:root { color-scheme: light dark; --line: light-dark(#d8d8d8, #444); --quiet: light-dark(#555, #aaa); }
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; background: light-dark(#fff, #16181b); color: light-dark(#1a1a1a, #e6e6e6); }
main { max-width: 46rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; }
p { margin: .5rem 0 1rem; color: var(--quiet); }
table { border-collapse: collapse; margin: 0 0 1rem; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
td, thead th:not(:first-child) { text-align: right; overflow-wrap: anywhere; }
th:last-child, td:last-child { padding-right: 0; }
tbody th { font-weight: 400; overflow-wrap: anywhere; }
th.part { padding-left: 1.25rem; color: var(--quiet); }
.plot { margin: 1rem 0; overflow-x: auto; break-inside: avoid; }
.plot svg { background: transparent; max-width: 100%; height: auto; }
.plot figure { margin: 0; }
.caption { font-size: .9em; margin-top: .25rem; }
@media print {
  :root { color-scheme: light; }
  body { font-size: 10pt; }
  main { max-width: none; padding: 0; }
  h2, thead { break-after: avoid; }
  tr, .plot { break-inside: avoid; }
}
`;
