import { z } from 'zod';
import { SALE_STATUSES } from '#schemas/event.ts';
import { EpochMs, Offset, Partition, SaleId } from '#schemas/ids.ts';
import { commandBytesMax } from '#shared/line/topics.ts';

/** The files of an export, version 1: docs/AUDIT.md describes them; who changes one here raises the version. */

export const EXPORT_FORMAT = 'firstcome-export';
export const EXPORT_VERSION = 1;

export const MANIFEST = 'manifest.json';
/** In the order in which they are written. */
export const EXPORT_FILES = ['terms.json', 'keys.json', 'checkpoints.ndjson', 'events.ndjson', 'hashes.bin', 'line.ndjson'] as const;
export type ExportFile = (typeof EXPORT_FILES)[number];

/** What stands in the place of a payment method's token: no token leaves the system, and no decision depends on one. */
export const WITHHELD = 'withheld';

/**
 * What an export's files may have at most; who reads one holds no more of it in memory. A
 * sale's terms are the longest there are, as they came on the line: canonical form and the
 * event around them take less than the rest. Of terms.json, and of a line of a .ndjson, bytes without the newline.
 */
export const lineBytesMax = commandBytesMax + 1024 * 1024;
/** A partition that had very many sales names them all, each in some 100 bytes. */
export const manifestBytesMax = 16 * 1024 * 1024;
export const keysBytesMax = 1024 * 1024;
/** Items of a sale, as in `SaleTerms`; other sales in a manifest; keys. Counted before each of too many is looked at. */
export const termsItemsMax = 10_000;
export const othersMax = 100_000;
export const keysMax = 1_000;

const hex32 = z.string().regex(/^[0-9a-f]{64}$/);

export const Manifest = z.strictObject({
  format: z.literal(EXPORT_FORMAT),
  version: z.literal(EXPORT_VERSION),
  sale_id: SaleId,
  /** First line of the sale's checkpoints. */
  origin: z.string().min(1).max(500),
  status: z.enum(SALE_STATUSES),
  settled: z.boolean(),
  /** How many. */
  events: z.int().min(1),
  /** Hash of the last, hex. */
  head: hex32,
  /** Root of the tree over all of them, base64. */
  root: z.string().regex(/^[A-Za-z0-9+/]{43}=$/),
  created_at: z.iso.datetime(),
  /** null: the line was no longer kept when the export was made. */
  line: z
    .strictObject({
      partition: Partition,
      first_offset: Offset,
      /** Milliseconds since 1970. */
      first_at: EpochMs,
      through_offset: Offset,
      others: z.array(z.strictObject({ sale_id: SaleId, scheduled_offset: Offset })).max(othersMax),
    })
    .nullable(),
  files: z.partialRecord(z.enum(EXPORT_FILES), z.strictObject({ bytes: z.int().min(0), sha256: hex32 })),
});
export type Manifest = z.infer<typeof Manifest>;

export const Keys = z.strictObject({ keys: z.array(z.strictObject({ name: z.string(), vkey: z.string() })).max(keysMax) });
export const CheckpointLine = z.strictObject({ size: z.int().min(0), note: z.string() });
