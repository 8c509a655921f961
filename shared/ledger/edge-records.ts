import type { Pool } from 'pg';
import type { SaleId, UserRef } from '#schemas/ids.ts';
import { ask } from './ask.ts';
import { bare, texts, type Statement } from './columns.ts';
import { withLedgerFaults } from './ledger-fault.ts';

/** What the HTTP edge knows and the log must not hold. */

export interface BuyerRow {
  readonly userRef: UserRef;
  readonly userId: string;
  readonly firstSeenMs: number;
}

/** `anonymous`: nobody said who, or it was turned away before anyone looked. `operator`: whoever may do more than buy, auditors too. */
export type Tier = 'anonymous' | 'buyer' | 'operator';

export interface AttemptRow {
  readonly atMs: number;
  readonly saleId: SaleId | null;
  readonly userRef: UserRef | null;
  readonly reason: string;
  readonly tier: Tier;
  /** Hex. */
  readonly addressHash: string | null;
  readonly deviceHash: string | null;
  readonly requestId: string;
}

export interface EdgeRecordWrites {
  /** Keeps what is known already. Throws RetryableFault while PostgreSQL is away. */
  readonly buyers: (rows: readonly BuyerRow[]) => Promise<void>;
  /** Throws RetryableFault while PostgreSQL is away; the rows may have been written then. */
  readonly attempts: (rows: readonly AttemptRow[]) => Promise<void>;
}

export function createEdgeRecordWrites(pool: Pool): EdgeRecordWrites {
  return {
    async buyers(rows) {
      await withLedgerFaults('noting buyers', () => ask(pool, insertBuyers(rows)));
    },
    async attempts(rows) {
      await withLedgerFaults('noting attempts', () => ask(pool, insertAttempts(rows)));
    },
  };
}

function insertBuyers(rows: readonly BuyerRow[]): Statement {
  return {
    name: 'insert_buyers',
    text: INSERT_BUYERS,
    values: [bare(rows.map((row) => row.userRef)), texts(rows.map((row) => row.userId)), bare(rows.map((row) => row.firstSeenMs))],
  };
}

/** In one order, so that two processes that note the same buyers wait for each other and do not lock each other out. */
const INSERT_BUYERS = `
INSERT INTO buyers (user_ref, user_id, first_seen)
SELECT user_ref, user_id, to_timestamp(first_seen_ms / 1000.0)
FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS noted (user_ref, user_id, first_seen_ms)
ORDER BY user_ref
ON CONFLICT DO NOTHING`;

function insertAttempts(rows: readonly AttemptRow[]): Statement {
  return {
    name: 'insert_attempts',
    text: INSERT_ATTEMPTS,
    values: [
      bare(rows.map((row) => row.atMs)),
      // A sale's id may be the word NULL, which `bare` would take for none.
      texts(rows.map((row) => row.saleId)),
      bare(rows.map((row) => row.userRef)),
      bare(rows.map((row) => row.reason)),
      bare(rows.map((row) => row.tier)),
      bare(rows.map((row) => row.addressHash)),
      bare(rows.map((row) => row.deviceHash)),
      texts(rows.map((row) => row.requestId)),
    ],
  };
}

const INSERT_ATTEMPTS = `
INSERT INTO attempts (at, sale_id, user_ref, reason, tier, address_hash, device_hash, request_id)
SELECT to_timestamp(at_ms / 1000.0), sale_id, user_ref, reason, tier, decode(address, 'hex'), decode(device, 'hex'), request_id
FROM unnest($1::bigint[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
  AS noted (at_ms, sale_id, user_ref, reason, tier, address, device, request_id)`;
