import type { LinePlace } from '#shared/ledger/read/progress.ts';

const secondsMax = 30;

/** Seconds until a request at this place is likely to be decided, as `Retry-After` says them: 1 to 30. */
export function retryAfterOf({ estimated_wait_ms: waitMs }: LinePlace): string {
  return String(Math.min(secondsMax, Math.max(1, Math.ceil(waitMs / 1_000))));
}
