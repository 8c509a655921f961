import type { OrderStatus, ReservationStatus } from '#schemas/event.ts';
import { bare, type Statement } from '../columns.ts';
import type { Lookup } from '../ledger.ts';

export type EarlierRow =
  | {
      readonly kind: 'reservation';
      readonly id: string;
      readonly sale_no: number;
      readonly user_ref: string;
      readonly status: ReservationStatus;
      readonly fingerprint: string;
      readonly seq: string;
    }
  | {
      readonly kind: 'order';
      readonly id: string;
      readonly sale_no: number;
      readonly user_ref: string;
      readonly reservation_id: string;
      readonly amount: string;
      readonly currency: string;
      readonly status: OrderStatus;
      readonly fingerprint: string;
      readonly seq: string;
    }
  | { readonly kind: 'request'; readonly id: string; readonly sale_no: number; readonly fingerprint: string; readonly seq: string };

/** All that a batch refers to, by primary key. A checkout that was refused stands among the requests, under the order's id. */
export function findEarlier(lookup: Lookup): Statement {
  return {
    name: 'find_earlier',
    text,
    values: [
      bare([...lookup.reservationKeys, ...lookup.reservations]),
      bare([...lookup.orderKeys, ...lookup.orders]),
      bare([...lookup.requestKeys, ...lookup.orderKeys]),
    ],
  };
}

const text = `
SELECT 'reservation' AS kind, id, sale_no, user_ref, status, fingerprint, decided_seq AS seq,
       NULL::uuid AS reservation_id, NULL::bigint AS amount, NULL AS currency
FROM reservations WHERE id = ANY ($1::uuid[])
UNION ALL
SELECT 'order', id, sale_no, user_ref, status, fingerprint, decided_seq, reservation_id, amount, currency FROM orders WHERE id = ANY ($2::uuid[])
UNION ALL
SELECT 'request', key, sale_no, NULL, NULL, fingerprint, seq, NULL, NULL, NULL FROM requests WHERE key = ANY ($3::uuid[])`;
