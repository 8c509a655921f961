/** `Prefer` (RFC 7240) as far as we honour it: how long a client wants to wait for its decision. */

export const waitSecondsDefault = 5;
export const waitSecondsMax = 30;

export interface Preference {
  /** Do not wait at all: 202. */
  readonly respondAsync: boolean;
  /** How long to wait for the decision. */
  readonly waitMs: number;
  /** The client asked for this wait itself. */
  readonly explicitWait: boolean;
  /** Value of `Preference-Applied`; null where nothing was asked for that we honour. */
  readonly applied: string | null;
}

const NONE: Preference = { respondAsync: false, waitMs: waitSecondsDefault * 1_000, explicitWait: false, applied: null };

/** `respond-async` wins over `wait=N`; N above 30 is cut to 30; anything that is neither is ignored. */
export function preferenceOf(header: string | string[] | undefined): Preference {
  if (header === undefined) return NONE;
  const text = typeof header === 'string' ? header : header.join(',');
  let waitSeconds: number | null = null;
  for (const part of text.split(',')) {
    const preference = part.split(';', 1)[0]!.trim().toLowerCase();
    if (preference === 'respond-async') return { respondAsync: true, waitMs: 0, explicitWait: false, applied: 'respond-async' };
    const wait = /^wait\s*=\s*"?(\d+)"?$/.exec(preference);
    // The first of several counts, as RFC 7240 says.
    if (wait !== null) waitSeconds ??= Math.min(Number(wait[1]), waitSecondsMax);
  }
  if (waitSeconds === null) return NONE;
  return { respondAsync: false, waitMs: waitSeconds * 1_000, explicitWait: true, applied: `wait=${waitSeconds}` };
}
