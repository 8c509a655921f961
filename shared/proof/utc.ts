import type { EpochMs } from '#schemas/ids.ts';

/** Formatting a time costs more than all else in a leaf, and the times of neighbours repeat: hence a small cache, by the low bits of the time. */
const CACHED_TIMES = 4_096;
const cachedMs = new Float64Array(CACHED_TIMES).fill(-1);
const cachedText = new Array<string>(CACHED_TIMES).fill('');

/** RFC 3339 in UTC with milliseconds. */
export function utcTime(ms: EpochMs): string {
  const slot = ms & (CACHED_TIMES - 1);
  if (cachedMs[slot] === ms) return cachedText[slot]!;
  const text = new Date(ms).toISOString();
  cachedMs[slot] = ms;
  cachedText[slot] = text;
  return text;
}

/** The inverse of `utcTime`. */
export function epochMs(text: string): EpochMs {
  return Date.parse(text) as EpochMs;
}
