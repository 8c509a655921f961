import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { problem, type Problem } from './problem.ts';

export interface RateLimitOptions {
  readonly requestsMax: number;
  readonly windowSeconds: number;
  /** Users counted one by one at the same time; those beyond share counters. */
  readonly usersMax?: number;
}

/** Counters that the users beyond `usersMax` share. */
const sharedCounters = 4_096;

export type RateLimit = (user: string) => Promise<Problem | null>;

/** Counts each user's requests in this process; null while there are no more than the policy allows, else 429. */
export function createRateLimit({ requestsMax, windowSeconds, usersMax = 200_000 }: RateLimitOptions): RateLimit {
  const limiter = new RateLimiterMemory({ points: requestsMax, duration: windowSeconds, keyPrefix: '' });
  const policy = `"user";q=${requestsMax};w=${windowSeconds}`;
  // Counters live for one window, so those begun in this window and the one before are at least all that live.
  let windowNo = 0;
  let begunNow = 0;
  let begunBefore = 0;

  return async (user) => {
    const current = Math.floor(Date.now() / (windowSeconds * 1_000));
    if (current !== windowNo) {
      begunBefore = current === windowNo + 1 ? begunNow : 0;
      begunNow = 0;
      windowNo = current;
    }
    const crowded = begunNow + begunBefore >= usersMax;
    try {
      const { isFirstInDuration } = await limiter.consume(crowded ? `shared:${sharedCounter(user)}` : `user:${user}`);
      if (isFirstInDuration) begunNow += 1;
      return null;
    } catch (refused) {
      if (!(refused instanceof RateLimiterRes)) throw refused;
      const seconds = String(Math.max(1, Math.ceil(refused.msBeforeNext / 1_000)));
      return problem('rate_limited', `more than ${requestsMax} requests in ${windowSeconds} s; go on in ${seconds} s`, {
        headers: { 'retry-after': seconds, 'ratelimit-policy': policy, ratelimit: `"user";r=0;t=${seconds}` },
      });
    }
  };
}

function sharedCounter(user: string): number {
  let hash = 0;
  for (let i = 0; i < user.length; i++) hash = (hash * 31 + user.charCodeAt(i)) | 0;
  return (hash >>> 0) % sharedCounters;
}
