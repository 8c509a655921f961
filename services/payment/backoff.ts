/** When a call that brought no result is tried again. */
export interface RetryPolicy {
  /** The longest wait before the second try. */
  readonly baseMs: number;
  /** The longest wait before any try. */
  readonly waitMsMax: number;
  readonly triesMax: number;
}

/** 1 s, 2 s, 4 s ... 10 min, ten tries: about nine minutes on average until a person is asked. */
export const RETRY_POLICY: RetryPolicy = { baseMs: 1_000, waitMsMax: 600_000, triesMax: 10 };

/**
 * The wait in milliseconds after `attempts` tries (1 or more), or null where there
 * is no further try. Full jitter: anywhere between nothing and the exponential
 * bound, so that calls that failed together do not come back together.
 *
 * @param random from 0 to 1
 */
export function nextAttempt(attempts: number, random: number, policy: RetryPolicy = RETRY_POLICY): number | null {
  if (attempts >= policy.triesMax) return null;
  return Math.round(random * Math.min(policy.waitMsMax, policy.baseMs * 2 ** (attempts - 1)));
}
