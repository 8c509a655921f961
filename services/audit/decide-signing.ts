/** Whether a sale's tree is signed as it stands now. */

export interface SigningView {
  /** Leaves of the tree. */
  readonly size: number;
  /** Of the newest event that the ledger has. */
  readonly ledgerSeq: number;
  /** Leaves of what was signed last, as the guard remembers it; 0 where nothing was. */
  readonly guardSize: number;
  /** The sale takes no reservations any more: few events come, and each is signed at once. */
  readonly closed: boolean;
  /** Signing was refused when it was last looked at. */
  readonly refused: boolean;
  readonly sinceLookedMs: number;
}

/**
 * `look`: compare the tree with the guard, and sign it where it has grown. `shrunk`: the ledger has
 * less than was signed.
 */
export type SigningStep = 'wait' | 'look' | 'shrunk';

export const signEveryMs = 1_000;

export function nextSigningStep({ size, ledgerSeq, guardSize, closed, refused, sinceLookedMs }: SigningView): SigningStep {
  const caughtUp = size >= ledgerSeq;
  if (ledgerSeq < size || (caughtUp && size < guardSize)) return 'shrunk';
  // The rest of the log is still to come.
  if (size < guardSize) return 'wait';
  const due = sinceLookedMs >= signEveryMs;
  if (refused) return due ? 'look' : 'wait';
  if (size === guardSize) return 'wait';
  return due || (closed && caughtUp) ? 'look' : 'wait';
}

export interface Roots {
  /** Of what was signed last; null where nothing was. */
  readonly guard: Buffer | null;
  /** Of the tree's first leaves, as many as the guard has; null where nothing was signed. */
  readonly atGuard: Buffer | null;
  /** Of the tree as its tiles are stored. */
  readonly stored: Buffer;
  /** Of the tree as this process has grown it. */
  readonly grown: Buffer;
}

/**
 * Why the tree may not be signed; null where it may. `log_forked`: it does not continue what was
 * signed. `tiles_altered`: someone wrote into its tiles.
 */
export function refusalOf({ guard, atGuard, stored, grown }: Roots): 'log_forked' | 'tiles_altered' | null {
  if (guard !== null && atGuard?.equals(guard) !== true) return 'log_forked';
  return stored.equals(grown) ? null : 'tiles_altered';
}
