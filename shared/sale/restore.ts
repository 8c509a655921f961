import type { SaleSnapshot } from './snapshot.ts';
import type { SaleState } from './state.ts';

/** The state from which the next command is decided exactly as by the one that was snapshot. */
export function restore(_snapshot: SaleSnapshot): SaleState {
  throw new Error('not yet');
}
