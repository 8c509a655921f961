import type { AuditReport } from './report-text.ts';

/** For programs: the names of its fields as the API writes them. None of them is data, so that each may be rewritten. */
export function reportJson(report: AuditReport): unknown {
  return renamed(report);
}

function renamed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(renamed);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, of]) => [snakeCase(name), renamed(of)]));
}

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
