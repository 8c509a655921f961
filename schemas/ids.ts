import { z } from 'zod';

/**
 * Every id of the system, each its own branded type, so that one cannot be
 * passed where another is meant. Values are opaque to clients.
 */

const lowerUuid = z.string().regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);

/** A sale: 1-64 characters of `A-Z a-z 0-9 _ -`. */
export const SaleId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/)
  .brand<'SaleId'>();
export type SaleId = z.infer<typeof SaleId>;

/** An item within a sale: 1-64 characters safe in a path. Skus are keys of objects, where `__proto__` would vanish. */
export const Sku = z
  .string()
  .regex(/^(?!__proto__$)[A-Za-z0-9._:-]{1,64}$/)
  .brand<'Sku'>();
export type Sku = z.infer<typeof Sku>;

/** A reservation; derived from (sale, user, idempotency key), see `#shared/ids/derive.ts`. */
export const ReservationId = lowerUuid.brand<'ReservationId'>();
export type ReservationId = z.infer<typeof ReservationId>;

/** An order; derived from (user, idempotency key, reservation's sale). */
export const OrderId = lowerUuid.brand<'OrderId'>();
export type OrderId = z.infer<typeof OrderId>;

/** A buyer's pseudonym: keyed hash of the user id. No line, log or table holds the user id itself. */
export const UserRef = lowerUuid.brand<'UserRef'>();
export type UserRef = z.infer<typeof UserRef>;

/** Identifies one (user, route, idempotency key): the same key is the same request. */
export const RequestKey = lowerUuid.brand<'RequestKey'>();
export type RequestKey = z.infer<typeof RequestKey>;

/** First 16 bytes of SHA-256 over what a request asks for, in hex: the same key with another fingerprint is a conflict. */
export const Fingerprint = z
  .string()
  .regex(/^[0-9a-f]{32}$/)
  .brand<'Fingerprint'>();
export type Fingerprint = z.infer<typeof Fingerprint>;

/** A partition of `sale.commands`, which is also the partition of `sale.events`. */
export const Partition = z.int().min(0).brand<'Partition'>();
export type Partition = z.infer<typeof Partition>;

/** A record's place in its partition. Kafka counts in 64 bits; 2^53 is enough for 11,000 years at 25,000/s. */
export const Offset = z.int().min(0).brand<'Offset'>();
export type Offset = z.infer<typeof Offset>;

/** An event's place in its sale's log: dense, from 1. */
export const Seq = z.int().min(1).brand<'Seq'>();
export type Seq = z.infer<typeof Seq>;

/** How often a partition has changed hands; only the newest epoch can commit. */
export const Epoch = z.int().min(0).brand<'Epoch'>();
export type Epoch = z.infer<typeof Epoch>;

/** A sale's number within one ledger: narrow key of the large tables, never shown to clients. */
export const SaleNo = z.int().min(1).brand<'SaleNo'>();
export type SaleNo = z.infer<typeof SaleNo>;

/** The end of the year 9999: later times have no RFC 3339 form. */
export const epochMsMax = 253_402_300_799_999;

/** Milliseconds since 1970-01-01T00:00:00Z. */
export const EpochMs = z.int().min(0).max(epochMsMax).brand<'EpochMs'>();
export type EpochMs = z.infer<typeof EpochMs>;
