import { createHmac, hash } from 'node:crypto';
import type { Fingerprint, OrderId, RequestKey, ReservationId, SaleId, UserRef } from '#schemas/ids.ts';

/**
 * Ids that are functions of what they identify, so that an id is known before its
 * request is enqueued, a retry finds its original by primary key, and the primary
 * key is the idempotency constraint.
 */

/** UUIDv8 (RFC 9562, 5.8): 122 bits of a SHA-256, given in hex. */
function uuid8(sha256: string): string {
  // Two bits of the variant and two of the hash.
  const variant = '89ab'[Number.parseInt(sha256[16]!, 16) & 3]!;
  return `${sha256.slice(0, 8)}-${sha256.slice(8, 12)}-8${sha256.slice(13, 16)}-${variant}${sha256.slice(17, 20)}-${sha256.slice(20, 32)}`;
}

/** One text for the parts, each with its length in front, so that no two lists of parts have the same. */
function joined(parts: readonly string[]): string {
  let text = '';
  for (const part of parts) text += `${Buffer.byteLength(part)}:${part}`;
  return text;
}

// Hashing in one call costs a third of what a hash object does.
const idOf = (...parts: readonly string[]): string => uuid8(hash('sha256', joined(parts), 'hex'));

/** The buyer's pseudonym. Without `secret` nobody can tell whose it is. */
export function userRef(secret: string, userId: string): UserRef {
  return uuid8(
    createHmac('sha256', secret)
      .update(joined(['user', userId]))
      .digest('hex'),
  ) as UserRef;
}

export function reservationId(saleId: SaleId, user: UserRef, idempotencyKey: string): ReservationId {
  return idOf('reservation', saleId, user, idempotencyKey) as ReservationId;
}

/** The sale is part of it because the order is decided on that sale's line. */
export function orderId(saleId: SaleId, user: UserRef, idempotencyKey: string): OrderId {
  return idOf('order', saleId, user, idempotencyKey) as OrderId;
}

/** For every other request: `route` is the path with its ids. */
export function requestKey(user: string, route: string, idempotencyKey: string): RequestKey {
  return idOf('request', user, route, idempotencyKey) as RequestKey;
}

/** What a request asks for, in 128 bits. `content` is any JSON value built with a fixed order of keys. */
export function fingerprint(content: unknown): Fingerprint {
  return hash('sha256', JSON.stringify(content), 'hex').slice(0, 32) as Fingerprint;
}
