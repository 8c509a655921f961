import { problem, type Problem } from './problem.ts';

export interface RateLimitOptions {
  readonly requestsMax: number;
  readonly windowSeconds: number;
  /** Users counted one by one at the same time; those beyond share counters. */
  readonly usersMax?: number;
}

/** Counters that the users beyond `usersMax` share. */
const sharedCounters = 4_096;
/** No user's name begins so: they are printable. */
const sharedPrefix = '\n';
export type RateLimit = (user: string) => Problem | null;

/** One user's window, from the first request in it. */
interface Counter {
  requests: number;
  readonly until: number;
}

/**
 * Counts each user's requests in this process; null while there are no more than the
 * policy allows, else 429. Counters are kept by when they began and dropped all at
 * once: to look for those that are over would cost more than to count.
 */
export function createRateLimit({ requestsMax, windowSeconds, usersMax = 200_000 }: RateLimitOptions): RateLimit {
  const policy = `"user";q=${requestsMax};w=${windowSeconds}`;
  const windowMs = windowSeconds * 1_000;
  /** Begun in this stretch of one window's length, and in the one before: the latter are over when this one is. */
  let begun = new Map<string, Counter>();
  let begunBefore = new Map<string, Counter>();
  let stretch = 0;

  function move(now: number): void {
    const current = Math.floor(now / windowMs);
    if (current === stretch) return;
    begunBefore = current === stretch + 1 ? begun : new Map<string, Counter>();
    begun = new Map();
    stretch = current;
  }

  return (user) => {
    const now = Date.now();
    move(now);
    let name = user;
    let counter = begun.get(name) ?? begunBefore.get(name);
    if (counter === undefined && begun.size + begunBefore.size >= usersMax) {
      name = `${sharedPrefix}${sharedCounter(user)}`;
      counter = begun.get(name) ?? begunBefore.get(name);
    }
    if (counter === undefined || counter.until <= now) {
      begun.set(name, { requests: 1, until: now + windowMs });
      return null;
    }
    counter.requests += 1;
    if (counter.requests <= requestsMax) return null;
    const seconds = String(Math.max(1, Math.ceil((counter.until - now) / 1_000)));
    return problem('rate_limited', `more than ${requestsMax} requests in ${windowSeconds} s; go on in ${seconds} s`, {
      headers: { 'retry-after': seconds, 'ratelimit-policy': policy, ratelimit: `"user";r=0;t=${seconds}` },
    });
  };
}

function sharedCounter(user: string): number {
  let hash = 0;
  for (let i = 0; i < user.length; i++) hash = (hash * 31 + user.charCodeAt(i)) | 0;
  return (hash >>> 0) % sharedCounters;
}
