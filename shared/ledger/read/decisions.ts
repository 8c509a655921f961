import type { Fingerprint, OrderId, RequestKey, ReservationId, SaleNo, Seq } from '#schemas/ids.ts';
import { coalesce } from './coalesce.ts';
import type { Reads, Statement } from './reads.ts';

/** What identifies a request, and where its decision is found. */
export interface DecisionKey {
  readonly kind: 'reservation' | 'order' | 'request';
  readonly key: ReservationId | OrderId | RequestKey;
}

export interface FoundDecision {
  readonly fingerprint: Fingerprint;
  /** Of the event that answered the request. */
  readonly leaf: string;
}

/** A refused checkout made no order: it stands among the requests, under the order's id. */
const DECISIONS_BY_KEY: Statement = {
  name: 'decisions_by_key',
  text: `
    WITH decided AS (
      SELECT id AS key, sale_no, fingerprint, decided_seq AS seq FROM reservations WHERE id = ANY ($1::uuid[])
      UNION ALL
      SELECT id, sale_no, fingerprint, decided_seq FROM orders WHERE id = ANY ($2::uuid[])
      UNION ALL
      SELECT key, sale_no, fingerprint, seq FROM requests WHERE key = ANY ($3::uuid[])
    )
    SELECT decided.key, decided.fingerprint, convert_from(events.leaf, 'UTF8') AS leaf
    FROM decided JOIN events USING (sale_no, seq)`,
};

/** Requests that have been decided, by key. */
export function createFindDecisions(reads: Reads): (keys: readonly DecisionKey[]) => Promise<ReadonlyMap<string, FoundDecision>> {
  return async (keys) => {
    const reservations: string[] = [];
    const orders: string[] = [];
    const requests: string[] = [];
    for (const { kind, key } of keys) {
      if (kind === 'reservation') reservations.push(key);
      else requests.push(key);
      if (kind === 'order') orders.push(key);
    }
    const rows = await reads.rows<{ key: string; fingerprint: string; leaf: string }>(DECISIONS_BY_KEY, [reservations, orders, requests]);
    return new Map(rows.map(({ key, fingerprint, leaf }) => [key, { fingerprint: fingerprint.replaceAll('-', '') as Fingerprint, leaf }]));
  };
}

const LEAVES: Statement = {
  name: 'leaves',
  text: `
    SELECT sale_no, seq, convert_from(leaf, 'UTF8') AS leaf
    FROM unnest($1::integer[], $2::bigint[]) AS asked (sale_no, seq) JOIN events USING (sale_no, seq)`,
};

/** One event's leaf; those asked for together are read together. */
export function createReadLeaf(reads: Reads): (saleNo: SaleNo, seq: Seq) => Promise<string | null> {
  const nameOf = (place: { sale_no: number; seq: number }) => `${place.sale_no}/${place.seq}`;
  const load = coalesce<{ sale_no: number; seq: number }, string>(async (places) => {
    const rows = await reads.rows<{ sale_no: number; seq: number; leaf: string }>(LEAVES, [
      places.map(({ sale_no }) => sale_no),
      places.map(({ seq }) => seq),
    ]);
    return new Map(rows.map((row) => [nameOf(row), row.leaf]));
  }, nameOf);
  return (saleNo, seq) => load({ sale_no: saleNo, seq });
}
