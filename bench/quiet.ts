import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { hashMicroseconds, memoryNanoseconds } from './machine.ts';
import { median } from './median.ts';

/** Waiting for a quiet machine: for what a neighbour moves far more than he takes. */

/** How fast a core and the memory are just now. */
export const Speed = z.strictObject({ hashMicroseconds: z.number(), memoryNanoseconds: z.number() });
export type Speed = z.infer<typeof Speed>;

/** So much slower than at its best the machine still counts as quiet: beyond it, a third to a half of what is borne over HTTP was lost. */
const slowerMax = 1.08;
/** A probe of 200 ms each is itself disturbed by a tenth: the middle of so many. */
const probes = 5;
/** The fastest of a hundred probes was lucky: "at its best" is what one in ten reached. */
const bestShare = 0.1;
const againMs = 5_000;

/** Takes two seconds. */
export function speedNow(): Speed {
  const all = Array.from({ length: probes }, () => ({ hash: hashMicroseconds(), memory: memoryNanoseconds() }));
  return { hashMicroseconds: median(all.map(({ hash }) => hash)), memoryNanoseconds: median(all.map(({ memory }) => memory)) };
}

/** Of what was seen before; null: nothing was. */
export function atItsBest(seen: readonly Speed[]): Speed | null {
  if (seen.length === 0) return null;
  const oneInTen = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length * bestShare)]!;
  return {
    hashMicroseconds: oneInTen(seen.map((speed) => speed.hashMicroseconds)),
    memoryNanoseconds: oneInTen(seen.map((speed) => speed.memoryNanoseconds)),
  };
}

export function isQuiet(now: Speed, best: Speed | null): boolean {
  return (
    best === null ||
    (now.hashMicroseconds <= best.hashMicroseconds * slowerMax && now.memoryNanoseconds <= best.memoryNanoseconds * slowerMax)
  );
}

/** Until the machine is quiet, the time is up (milliseconds) or the signal is aborted. Returns how fast it is then, and the seconds waited. */
export async function untilQuiet(
  best: Speed | null,
  waitMsMax: number,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<{ readonly speed: Speed; readonly waitedSeconds: number }> {
  const begun = performance.now();
  const waitedMs = (): number => performance.now() - begun;
  let speed = speedNow();
  if (best === null || isQuiet(speed, best)) return { speed, waitedSeconds: 0 };
  say(`  not quiet (${textOf(speed)}, at its best ${textOf(best)}): waiting, ${Math.round(waitMsMax / 1_000)} s at most`);
  while (!isQuiet(speed, best) && waitedMs() < waitMsMax && !signal.aborted) {
    await pause(againMs, undefined, { signal }).catch(() => undefined);
    speed = speedNow();
  }
  const waitedSeconds = Math.round(waitedMs() / 1_000);
  say(`  ${isQuiet(speed, best) ? 'quiet' : 'not quiet'} after ${waitedSeconds} s (${textOf(speed)})`);
  return { speed, waitedSeconds };
}

const textOf = ({ hashMicroseconds: hash, memoryNanoseconds: memory }: Speed): string =>
  `SHA-256 ${hash.toFixed(2)} us, memory ${memory.toFixed(0)} ns`;
