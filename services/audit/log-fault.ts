import type { SaleId } from '#schemas/ids.ts';
import type { EventFault } from './check-page.ts';

/** Why a sale's log is not followed or not signed any further. */
export type LogFaultCode =
  /** An event does not fit; the log stops before it. */
  | 'log_broken'
  /** The ledger has less than was signed. */
  | 'log_shrunk'
  /** The ledger's log does not continue what was signed. */
  | 'log_forked'
  /** The stored tree is not the one that was grown. */
  | 'tiles_altered'
  | 'tiles_missing'
  /** What was signed last cannot be read, or cannot be written. */
  | 'guard_unreadable'
  | 'guard_unwritable';

export interface LogFault {
  readonly code: LogFaultCode;
  /** The first event that is wrong, where it is known which. */
  readonly seq: number | null;
  /** What was found and what to do, for the operator. */
  readonly detail: string;
}

const SEE = 'see "A log that is not signed" in docs/OPERATIONS.md';

const EVENT_FAULTS: Readonly<Record<EventFault | 'head_mismatch', string>> = {
  seq_gap: 'is missing, or another stands in its place',
  hash_mismatch: 'does not have the hash that is stored with it',
  unreadable: 'is no event',
  other_sale: 'is of another sale',
  prev_mismatch: 'does not name the event before it',
  head_mismatch: 'is not the newest that the sale’s row names',
};

export function brokenLog(saleId: SaleId, seq: number, why: EventFault | 'head_mismatch'): LogFault {
  return {
    code: 'log_broken',
    seq,
    detail: `event ${seq} of sale ${saleId} ${EVENT_FAULTS[why]}; the log is signed up to the one before. Someone else wrote to the ledger: ${SEE}`,
  };
}

export function shrunkLog(saleId: SaleId, found: number, signed: number): LogFault {
  return {
    code: 'log_shrunk',
    seq: null,
    detail: `the ledger has ${found} events of sale ${saleId}, and ${signed} are signed. Restore the newest backup, nothing is signed until it has them again: ${SEE}`,
  };
}

export function forkedLog(saleId: SaleId, signed: number): LogFault {
  return {
    code: 'log_forked',
    seq: null,
    detail: `the first ${signed} events of sale ${saleId} are not those that were signed. The ledger was altered, or restored and gone on otherwise; keep everything as it is: ${SEE}`,
  };
}

export function alteredTiles(saleId: SaleId, code: 'tiles_altered' | 'tiles_missing'): LogFault {
  return {
    code,
    seq: null,
    detail: `the stored tree of sale ${saleId} is ${code === 'tiles_missing' ? 'not whole' : 'not the one that was grown from its events'}. As the owner of the database delete its rows of log_tiles and log_trees: it is grown anew from the events; ${SEE}`,
  };
}

export function unusableGuard(saleId: SaleId, code: 'guard_unreadable' | 'guard_unwritable', why: string): LogFault {
  return {
    code,
    seq: null,
    detail:
      `what was signed last of sale ${saleId} cannot be ${code === 'guard_unreadable' ? 'read' : 'written'} in AUDIT_STATE_DIR: ${why}. ` +
      `${code === 'guard_unreadable' ? 'Restore the file or the keys' : 'Make room, or let the service write there'}: ${SEE}`,
  };
}
