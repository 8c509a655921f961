import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import type { Fingerprint, OrderId, RequestKey, ReservationId, SaleId, UserRef } from '#schemas/ids.ts';

/**
 * Ids that are functions of what they identify, so that an id is known before its
 * request is enqueued, a retry finds its original by primary key, and the primary
 * key is the idempotency constraint.
 */

/** UUIDv8 (RFC 9562, 5.8): 122 bits of a SHA-256 over the length-prefixed parts. */
function uuid8(hash: Hash | Hmac, parts: readonly string[]): string {
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part);
  const bytes = hash.digest();
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex', 0, 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The buyer's pseudonym. Without `secret` nobody can tell whose it is. */
export function userRef(secret: string, userId: string): UserRef {
  return uuid8(createHmac('sha256', secret), ['user', userId]) as UserRef;
}

export function reservationId(saleId: SaleId, user: UserRef, idempotencyKey: string): ReservationId {
  return uuid8(createHash('sha256'), ['reservation', saleId, user, idempotencyKey]) as ReservationId;
}

/** The sale is part of it because the order is decided on that sale's line. */
export function orderId(saleId: SaleId, user: UserRef, idempotencyKey: string): OrderId {
  return uuid8(createHash('sha256'), ['order', saleId, user, idempotencyKey]) as OrderId;
}

/** For every other request: `route` is the path with its ids. */
export function requestKey(user: string, route: string, idempotencyKey: string): RequestKey {
  return uuid8(createHash('sha256'), ['request', user, route, idempotencyKey]) as RequestKey;
}

/** What a request asks for, in 128 bits. `content` is any JSON value built with a fixed order of keys. */
export function fingerprint(content: unknown): Fingerprint {
  return createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 32) as Fingerprint;
}
