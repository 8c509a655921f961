import type { Command } from '#schemas/command.ts';
import type { DecidedEvent } from '#schemas/event.ts';
import type { EpochMs, Offset, Seq } from '#schemas/ids.ts';
import type { SaleState } from './state.ts';

/** One record of the line: a command, or bytes that could not be read as one. */
export type Entry =
  | { readonly offset: Offset; readonly at: EpochMs; readonly command: Command }
  | { readonly offset: Offset; readonly at: EpochMs; readonly malformed: { readonly sha256: string; readonly requestId: string } };

export type Answer =
  | { readonly kind: 'event'; readonly event: DecidedEvent }
  | { readonly kind: 'repeated'; readonly seq: Seq }
  | { readonly kind: 'nothing' };

export interface Advanced {
  /** In the order of their seq; already applied to the state. */
  readonly events: readonly DecidedEvent[];
  readonly answer: Answer;
}

export function advance(_state: SaleState, _entry: Entry): Advanced {
  throw new Error('not yet');
}
