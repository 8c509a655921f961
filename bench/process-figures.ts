import { readFileSync } from 'node:fs';

/** What the system tells of a process; 0 or nothing where it does not, because the process has ended or this is no Linux. */

const ticksPerSecond = 100;
const bytesInMb = 1_000_000;

/** Processor time so far. */
export function cpuSeconds(pid: number | undefined): number {
  const fields = statFields(pid);
  return fields.length > 12 ? (Number(fields[11]) + Number(fields[12])) / ticksPerSecond : 0;
}

/** Of several together. */
export function cpuSecondsOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
}

/** Highest resident memory so far, in MiB. */
export function peakRssMb(pid: number | undefined): number {
  return kibibytes(told(pid, 'status'), 'VmHWM') / 1_024;
}

/** Resident memory now, in MiB. */
export function rssMb(pid: number | undefined): number {
  return kibibytes(told(pid, 'status'), 'VmRSS') / 1_024;
}

/** Resident memory, and the part of it that the process shares with no file (its heap and the like), in whole MB. */
export function memoryOf(pid: number): { readonly residentMb: number; readonly ownMb: number } {
  const status = told(pid, 'status');
  const mb = (name: string): number => Math.round((kibibytes(status, name) * 1_024) / bytesInMb);
  return { residentMb: mb('VmRSS'), ownMb: mb('RssAnon') };
}

export function childrenOf(pid: number): readonly number[] {
  return told(pid, `task/${String(pid)}/children`)
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number);
}

function kibibytes(status: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0);
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
