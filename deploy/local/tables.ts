import type { Finding } from './doctor.ts';
import type { PartStatus } from './status.ts';

/** What the commands print. */

/** Rows with their columns aligned, two spaces between them, nothing at the end of a line. */
export function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, cell.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

export function statusLines(parts: readonly PartStatus[]): string[] {
  const head = ['PART', 'STATE', 'PID', 'PORT', 'SINCE'];
  const rows = parts.map(({ part, state, pid, port, since }) => [
    part,
    state,
    pid === null ? '-' : String(pid),
    String(port),
    since ?? '-',
  ]);
  const reasons = parts.flatMap(({ part, reason }) => (reason === null ? [] : [`${part}: ${reason}`]));
  return [...aligned([head, ...rows]), ...reasons];
}

export function findingLines(findings: readonly Finding[]): string[] {
  const rows = findings.map(({ check, ok, found, mend }) => [ok ? 'ok' : 'BAD', check, mend === '' ? found : `${found}: ${mend}`]);
  return aligned(rows);
}

/** Lines a shell can evaluate. */
export function shellLines(environment: Readonly<Record<string, string>>): string[] {
  return Object.entries(environment).map(([name, value]) => `export ${name}='${value.replaceAll("'", `'\\''`)}'`);
}
