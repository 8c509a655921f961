import { readFile } from 'node:fs/promises';

/** What the system tells of a process; 0 where it does not. */

/** Processor time so far. */
export async function cpuSeconds(pid: number | undefined): Promise<number> {
  const stat = await told(pid, 'stat');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.length > 12 ? (Number(fields[11]) + Number(fields[12])) / 100 : 0;
}

/** Highest resident memory so far. */
export async function peakRssMb(pid: number | undefined): Promise<number> {
  return megabytes(await told(pid, 'status'), 'VmHWM');
}

/** Resident memory now. */
export async function rssMb(pid: number | undefined): Promise<number> {
  return megabytes(await told(pid, 'status'), 'VmRSS');
}

function megabytes(status: string, name: string): number {
  return Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1_024;
}

async function told(pid: number | undefined, file: string): Promise<string> {
  try {
    return await readFile(`/proc/${String(pid)}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
