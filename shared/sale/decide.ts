import type { Command } from '#schemas/command.ts';
import type { DecidedEvent } from '#schemas/event.ts';
import type { EpochMs, Offset, Seq } from '#schemas/ids.ts';
import type { SaleState } from './state.ts';

export interface Moment {
  readonly at: EpochMs;
  readonly offset: Offset;
}

/** `repeated`: event `seq` answered it earlier. `nothing`: a tick, a payment result known already, or a sale of which nothing is decided. */
export type Decision =
  | { readonly kind: 'decided'; readonly events: readonly DecidedEvent[] }
  | { readonly kind: 'repeated'; readonly seq: Seq }
  | { readonly kind: 'nothing' };

export function decide(_state: SaleState, _command: Command, _moment: Moment): Decision {
  throw new Error('not yet');
}
