import type { Pool } from 'pg';
import type { UserRef } from '#schemas/ids.ts';
import { ask } from './ask.ts';
import { bare, type Statement } from './columns.ts';
import { withLedgerFaults } from './ledger-fault.ts';

/** Taking a name away from the pseudonyms it had. What was decided about them stays and still verifies. */

/** What the ledger has of one user. */
export interface BuyerTraces {
  /** Rows that say whose pseudonym it is. */
  readonly names: number;
  /** Made under a pseudonym of his. */
  readonly attempts: number;
  /** What remains, by pseudonym: reservations and orders, and with them their events. */
  readonly reservations: number;
  readonly orders: number;
}

export interface BuyerToErase {
  readonly userId: string;
  /** Pseudonyms that follow from the present secret, known to the ledger or not. */
  readonly derived: readonly UserRef[];
}

/** @param owner connections of the role that owns the tables. Throws RetryableFault while PostgreSQL is away. */
export function tracesOf(owner: Pool, buyer: BuyerToErase): Promise<BuyerTraces> {
  return withLedgerFaults('looking for what is kept of a user', () =>
    one(owner, { name: 'traces_of_buyer', text: TRACES, values: keyOf(buyer) }),
  );
}

/** Erases all of it or nothing, and puts on record that it was done, without saying of whom. */
export function eraseBuyer(owner: Pool, buyer: BuyerToErase, record: { caller: string; requestId: string }): Promise<BuyerTraces> {
  const values = [...keyOf(buyer), record.caller, record.requestId];
  return withLedgerFaults('erasing a user', () => one(owner, { name: 'erase_buyer', text: ERASE, values }));
}

const keyOf = ({ userId, derived }: BuyerToErase) => [userId, bare(derived)];

async function one(owner: Pool, statement: Statement): Promise<BuyerTraces> {
  const [row] = await ask<Record<keyof BuyerTraces, string>>(owner, statement);
  return {
    names: Number(row!.names),
    attempts: Number(row!.attempts),
    reservations: Number(row!.reservations),
    orders: Number(row!.orders),
  };
}

const REMAINING = `
  (SELECT count(*) FROM reservations WHERE user_ref IN (SELECT user_ref FROM refs)) AS reservations,
  (SELECT count(*) FROM orders WHERE user_ref IN (SELECT user_ref FROM refs)) AS orders`;

const TRACES = `
WITH refs AS (SELECT user_ref FROM buyers WHERE user_id = $1 UNION SELECT unnest($2::uuid[]))
SELECT
  (SELECT count(*) FROM buyers WHERE user_ref IN (SELECT user_ref FROM refs)) AS names,
  (SELECT count(*) FROM attempts WHERE user_ref IN (SELECT user_ref FROM refs)) AS attempts,
  ${REMAINING}`;

const ERASE = `
WITH
  refs AS (SELECT user_ref FROM buyers WHERE user_id = $1 UNION SELECT unnest($2::uuid[])),
  names AS (DELETE FROM buyers WHERE user_ref IN (SELECT user_ref FROM refs) RETURNING user_ref),
  cleared AS (
    UPDATE attempts SET user_ref = NULL, address_hash = NULL, device_hash = NULL
    WHERE user_ref IN (SELECT user_ref FROM refs) RETURNING id),
  recorded AS (INSERT INTO audit_reads (caller, action, subject, request_id) VALUES ($3, 'erase_user', 'one user', $4))
SELECT
  (SELECT count(*) FROM names) AS names,
  (SELECT count(*) FROM cleared) AS attempts,
  ${REMAINING}`;
