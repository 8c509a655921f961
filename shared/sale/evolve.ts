import type { DecidedEvent } from '#schemas/event.ts';
import type { SaleState } from './state.ts';

/** Applies one event in place and returns the same state. */
export function evolve(_state: SaleState, _event: DecidedEvent): SaleState {
  throw new Error('not yet');
}
