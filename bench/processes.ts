import { readFileSync } from 'node:fs';

/** What Linux says about a process. */

const bytesInMb = 1_000_000;

/** Resident memory, and the part of it that the process shares with no file (its heap and the like). 0 where it has ended. */
export function memoryOf(pid: number): { readonly residentMb: number; readonly ownMb: number } {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return { residentMb: 0, ownMb: 0 };
  }
  const mb = (name: string): number =>
    Math.round((Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1_024) / bytesInMb);
  return { residentMb: mb('VmRSS'), ownMb: mb('RssAnon') };
}
