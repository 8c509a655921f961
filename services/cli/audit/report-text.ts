import type { FairnessFigures } from '#shared/fairness/fairness.ts';
import { pairs, table, type Cell } from '../table.ts';
import { count, type Section, sectionsOf } from './report-sections.ts';

/** Figures of a sale, and what they were made from. */
export interface AuditReport {
  readonly saleId: string;
  /** The export's path, or that it was the running system. */
  readonly source: string;
  readonly origin: string;
  readonly status: string;
  readonly settled: boolean;
  /** Hash of the last event, hex: ties the figures to a signed checkpoint of that size. */
  readonly head: string;
  /** RFC 3339. */
  readonly madeAt: string;
  readonly figures: FairnessFigures;
}

/** What the report is about. */
export function factsOf(report: AuditReport): readonly (readonly [string, Cell])[] {
  const { figures } = report;
  return [
    ['sale', report.saleId],
    ['name', figures.sale?.name],
    ['status', `${report.status}${report.settled ? ', settled' : ', not settled: figures may still change'}`],
    ['from', timeText(figures.firstAt)],
    ['to', timeText(figures.lastAt)],
    ['log', `${count(figures.events)} events of ${report.origin}`],
    ['head', report.head],
    ['read from', report.source],
    ['report made', report.madeAt],
  ];
}

function timeText(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}

/** For a terminal: plain and aligned. */
export function reportText(report: AuditReport): string {
  return [pairs(factsOf(report).map(([name, value]) => [name, printable(value)])), ...sectionsOf(report.figures).map(sectionText)].join(
    '\n\n',
  );
}

/** Names come from whoever made the sale: what would steer a terminal is not printed. */
function printable(value: Cell): Cell {
  return typeof value === 'string' ? value.replace(/\p{Cc}/gu, '\ufffd') : value;
}

function sectionText({ title, tables }: Section): string {
  const texts = tables
    .filter(({ rows }) => rows.length > 0)
    .map(({ header, rows }) => (header === null ? pairs(rows.map(pairOf)) : table(header, rows)));
  return `${title}\n${texts.join('\n\n').replaceAll(/^(?=.)/gm, '  ')}`;
}

function pairOf([name, value]: readonly Cell[]): [string, Cell] {
  return [String(name), value];
}
