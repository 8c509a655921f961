import type { ListPlace } from '#shared/ledger/read/list-place.ts';
import { decodeCursor } from './cursor.ts';
import { waitSecondsMax } from './prefer.ts';
import { invalid } from './problem.ts';

export const limitDefault = 20;
export const limitMax = 100;

/** `?limit=` and `?cursor=` of a list whose rows have such ids. Refuses (400) a limit outside 1 to 100 and a bad cursor. */
export function pageAsked(query: URLSearchParams, isId: (id: string) => boolean): { limit: number; after: ListPlace | null } {
  const limitText = query.get('limit');
  let limit = limitDefault;
  if (limitText !== null) {
    limit = /^\d{1,4}$/.test(limitText) ? Number(limitText) : 0;
    if (limit < 1 || limit > limitMax) invalid('/limit', `must be a whole number from 1 to ${limitMax}`);
  }
  const cursor = query.get('cursor');
  return { limit, after: cursor === null ? null : decodeCursor(cursor, isId) };
}

/** `?wait=` in milliseconds, 0 where absent; above 30 s it is cut to 30 s. Refuses (400) what is not a whole number of seconds. */
export function waitAsked(query: URLSearchParams): number {
  const wait = query.get('wait');
  if (wait === null) return 0;
  if (!/^\d+$/.test(wait)) invalid('/wait', `must be a whole number of seconds, at most ${waitSecondsMax}`);
  return Math.min(Number(wait), waitSecondsMax) * 1_000;
}

/** A query parameter that is a whole number from `min` to `max`; null where absent. Refuses (400) anything else. */
export function numberAsked(query: URLSearchParams, name: string, min: number, max: number): number | null {
  const text = query.get(name);
  if (text === null) return null;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  return value >= min && value <= max ? value : invalid(`/${name}`, `must be a whole number from ${min} to ${max}`);
}

/** A query parameter that must be one of `values`; null where absent. */
export function oneOf<T extends string>(query: URLSearchParams, name: string, values: readonly T[]): T | null {
  const value = query.get(name);
  if (value === null) return null;
  const known = values.find((one) => one === value);
  return known ?? invalid(`/${name}`, `must be one of ${values.join(', ')}`);
}
