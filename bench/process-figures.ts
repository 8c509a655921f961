import { readFileSync } from 'node:fs';

/** What the system tells of a process; 0 or nothing where it does not, because the process has ended or this is no Linux. */

const ticksPerSecond = 100;

/** Processor time so far. */
export function cpuSeconds(pid: number | undefined): number {
  const fields = statFields(pid);
  return fields.length > 12 ? (Number(fields[11]) + Number(fields[12])) / ticksPerSecond : 0;
}

/** Of several together. */
export function cpuSecondsOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
}

/** Highest resident memory so far, in MB. */
export function peakRssMb(pid: number | undefined): number {
  return megabytes(told(pid, 'status'), 'VmHWM');
}

/** Resident memory now, in MB. */
export function rssMb(pid: number | undefined): number {
  return megabytes(told(pid, 'status'), 'VmRSS');
}

/** Resident memory, and the part of it that the process shares with no file (its heap and the like), in whole MB. */
export function memoryOf(pid: number): { readonly residentMb: number; readonly ownMb: number } {
  const status = told(pid, 'status');
  return { residentMb: Math.round(megabytes(status, 'VmRSS')), ownMb: Math.round(megabytes(status, 'RssAnon')) };
}

export function childrenOf(pid: number): readonly number[] {
  return told(pid, `task/${String(pid)}/children`)
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number);
}

/** The system says kB and means 1,024 bytes. */
function megabytes(status: string, name: string): number {
  return (Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1_024) / 1e6;
}

/** Of `stat`, from the process's state on: its name before that may hold anything. */
function statFields(pid: number | undefined): string[] {
  const stat = told(pid, 'stat');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function told(pid: number | undefined, file: string): string {
  try {
    return readFileSync(`/proc/${String(pid)}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
