import type { Command } from '#schemas/command.ts';
import type { OrderId, RequestKey, ReservationId, Seq } from '#schemas/ids.ts';
import type { Known } from './snapshot.ts';
import type { SaleState } from './state.ts';

/** Those of a command's references that memory cannot answer; the ledger can. Absent: known, or not referred to. */
export interface Unknown {
  readonly reservationKey?: ReservationId;
  readonly orderKey?: OrderId;
  readonly requestKey?: RequestKey;
  readonly reservation?: ReservationId;
  readonly order?: OrderId;
}

export function unknownTo(_state: SaleState, _command: Command): Unknown {
  throw new Error('not yet');
}

/**
 * Takes in what the ledger answered, right before the batch that asked is advanced.
 * What memory knows already is newer and stays.
 */
export function learn(_state: SaleState, _known: Known): void {
  throw new Error('not yet');
}

/**
 * Drops the earlier decisions and past reservations and orders recorded up to and
 * with event `throughSeq`, and what was learned before it. Call it when these events
 * are committed AND no command is left to be advanced whose `unknownTo` was asked or
 * whose prefetch was begun before that commit.
 */
export function forget(_state: SaleState, _throughSeq: Seq | 0): void {
  throw new Error('not yet');
}
