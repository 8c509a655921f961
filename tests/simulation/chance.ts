/**
 * Chance that depends on the seed, on what it is asked for and on how often that was
 * asked, and on nothing else: taking one fault out of a run does not move all others,
 * which is what makes a trace small (minimise.ts).
 */

/** A number in [0, 1). */
export function chanceAt(seed: number, what: string, time: number): number {
  let mixed = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(hashOf(what), 0xc2b2ae35) ^ Math.imul(time + 1, 0x27d4eb2f);
  // The finalizer of MurmurHash3, twice: neighbouring seeds must not resemble each other.
  for (let round = 0; round < 2; round++) {
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    mixed ^= mixed >>> 16;
  }
  return (mixed >>> 0) / 4_294_967_296;
}

const hashes = new Map<string, number>();

/** FNV-1a. */
function hashOf(text: string): number {
  const known = hashes.get(text);
  if (known !== undefined) return known;
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hashes.set(text, hash);
  return hash;
}

/** Draws with names, counted by name. */
export interface Chance {
  readonly next: (what: string) => number;
  readonly below: (what: string, bound: number) => number;
  readonly pick: <T>(what: string, of: readonly T[]) => T;
}

export function createChance(seed: number): Chance {
  const counts = new Map<string, number>();
  const next = (what: string): number => {
    const time = counts.get(what) ?? 0;
    counts.set(what, time + 1);
    return chanceAt(seed, what, time);
  };
  const below = (what: string, bound: number): number => Math.floor(next(what) * bound);
  return { next, below, pick: (what, of) => of[below(what, of.length)]! };
}
