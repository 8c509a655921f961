import type { SaleId } from '#schemas/ids.ts';
import type { Rows, Statement } from '../read/reads.ts';

/** One read of a person's data, as it is put on record before it is answered. */
export interface ReadOnRecord {
  /** Who asked, as the token says. */
  readonly caller: string;
  readonly action: string;
  /** Of whom, by pseudonym: a user id could not be erased here. */
  readonly subject: string;
  readonly saleId: SaleId | null;
  readonly requestId: string;
}

export type RecordRead = (read: ReadOnRecord) => Promise<void>;

const RECORD: Statement = {
  name: 'record_audit_read',
  text: 'INSERT INTO audit_reads (caller, action, subject, sale_id, request_id) VALUES ($1, $2, $3, $4, $5)',
};

/** Throws RetryableFault while PostgreSQL is away: then nothing may be answered. */
export function createRecordRead(reads: Rows): RecordRead {
  return async ({ caller, action, subject, saleId, requestId }) => {
    await reads.rows(RECORD, [caller, action, subject, saleId, requestId]);
  };
}
