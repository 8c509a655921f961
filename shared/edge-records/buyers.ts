import type { UserRef } from '#schemas/ids.ts';
import type { BuyerRow } from '#shared/ledger/edge-records.ts';
import type { RecentlySeen } from './recently-seen.ts';
import type { WriteBehind } from './write-behind.ts';

/** A caller as the edge knows him. */
interface KnownBuyer {
  readonly userId: string;
  readonly ref: UserRef;
}

/** Takes note of whose pseudonym stands in the line, once `placed` says that it does. Never throws. */
export type NoteBuyer = (buyer: KnownBuyer, placed: Promise<unknown>) => void;

export interface NoteBuyerOptions {
  readonly behind: Pick<WriteBehind<BuyerRow>, 'admits' | 'add'>;
  readonly seen: RecentlySeen;
  readonly now: () => number;
}

/**
 * Whoever was noted lately costs one look into a set; anyone else a row in the
 * buffer. A buyer whose row finds no room is noted at the next request instead.
 */
export function createNoteBuyer({ behind, seen, now }: NoteBuyerOptions): NoteBuyer {
  function note({ userId, ref }: KnownBuyer): void {
    // Two requests of one buyer may have been on their way at once.
    if (seen.has(ref) || !behind.admits()) return;
    seen.add(ref);
    behind.add({ userRef: ref, userId, firstSeenMs: now() });
  }
  return (buyer, placed) => {
    if (seen.has(buyer.ref)) return;
    placed.then(
      () => note(buyer),
      // Not in the line, so there is nothing to be explained by a name. Who enqueued hears of the fault.
      () => undefined,
    );
  };
}
