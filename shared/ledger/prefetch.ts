import type { Pool } from 'pg';
import type { Fingerprint, OrderId, RequestKey, ReservationId, Seq, UserRef } from '#schemas/ids.ts';
import type { EarlierDecision, Known } from '#shared/sale/snapshot.ts';
import { ask } from './ask.ts';
import { withLedgerFaults } from './ledger-fault.ts';
import type { Lookup } from './ledger.ts';
import { type EarlierRow, findEarlier } from './sql/find-earlier.ts';

/** See WriterLedger. What a sale's line refers to and another sale has is not known to it. */
export async function prefetch(pool: Pool, lookup: Lookup): Promise<Known> {
  const asked = [lookup.reservationKeys, lookup.orderKeys, lookup.requestKeys, lookup.reservations, lookup.orders];
  if (asked.every((ids) => ids.length === 0)) return { decisions: [], reservations: [], orders: [] };
  const rows = await withLedgerFaults('looking up earlier decisions', () => ask<EarlierRow>(pool, findEarlier(lookup)));

  const keys = new Set<string>([...lookup.reservationKeys, ...lookup.orderKeys, ...lookup.requestKeys]);
  const referred = new Set<string>([...lookup.reservations, ...lookup.orders]);
  const decisions: EarlierDecision[] = [];
  const reservations: Known['reservations'][number][] = [];
  const orders: Known['orders'][number][] = [];
  for (const row of rows) {
    // A key is answered whatever its sale: it stands in a primary key, which knows no sales.
    if (keys.has(row.id)) {
      const key = row.id as ReservationId | OrderId | RequestKey;
      decisions.push({ key, fingerprint: row.fingerprint.replaceAll('-', '') as Fingerprint, seq: Number(row.seq) as Seq });
    }
    if (row.sale_no !== lookup.saleNo || !referred.has(row.id)) continue;
    if (row.kind === 'reservation') reservations.push({ id: row.id as ReservationId, user: row.user_ref as UserRef, status: row.status });
    if (row.kind === 'order')
      orders.push({
        id: row.id as OrderId,
        status: row.status,
        reservationId: row.reservation_id as ReservationId,
        user: row.user_ref as UserRef,
        amount: Number(row.amount),
        currency: row.currency,
      });
  }
  return { decisions, reservations, orders };
}
