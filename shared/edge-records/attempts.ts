import { SaleId, type UserRef } from '#schemas/ids.ts';
import type { AttemptRow, Tier } from '#shared/ledger/edge-records.ts';
import type { KeyedHashes } from './keyed-hash.ts';
import type { WriteBehind } from './write-behind.ts';

/** A request that was turned away before it stood in a line, as the edge saw it. */
export interface Attempt {
  readonly atMs: number;
  /** As the path names it; null where it names none. */
  readonly saleId: string | null;
  readonly userRef: UserRef | null;
  /** The `code` it was refused with, or `sent_to_wait`. */
  readonly reason: string;
  readonly tier: Tier;
  /** Hashed before they are kept. */
  readonly address: string | null;
  readonly device: string | null;
  readonly requestId: string;
}

/** Takes note of an attempt. Never throws. */
export type NoteAttempt = (attempt: Attempt) => void;

export function createNoteAttempt(behind: Pick<WriteBehind<AttemptRow>, 'admits' | 'add'>, hashes: KeyedHashes): NoteAttempt {
  return ({ atMs, saleId, userRef, reason, tier, address, device, requestId }) => {
    // Asked first, so that a flood does not have us hash what cannot be kept.
    if (!behind.admits()) return;
    const sale = SaleId.safeParse(saleId);
    behind.add({
      atMs,
      saleId: sale.success ? sale.data : null,
      userRef,
      reason,
      tier,
      addressHash: hashes.address(address),
      deviceHash: hashes.device(device),
      requestId,
    });
  };
}
