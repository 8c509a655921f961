import { z } from 'zod';
import { SALE_STATUSES } from '#schemas/event.ts';
import { EpochMs, Offset, Partition, SaleId } from '#schemas/ids.ts';

/** The files of an export, version 1: docs/AUDIT.md describes them; who changes one here raises the version. */

export const EXPORT_FORMAT = 'firstcome-export';
export const EXPORT_VERSION = 1;

export const MANIFEST = 'manifest.json';
/** In the order in which they are written. */
export const EXPORT_FILES = ['terms.json', 'keys.json', 'checkpoints.ndjson', 'events.ndjson', 'hashes.bin', 'line.ndjson'] as const;
export type ExportFile = (typeof EXPORT_FILES)[number];

/** What stands in the place of a payment method's token: no token leaves the system, and no decision depends on one. */
export const WITHHELD = 'withheld';

const hex32 = z.string().regex(/^[0-9a-f]{64}$/);

export const Manifest = z.object({
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
  root: z.string(),
  created_at: z.iso.datetime(),
  /** null: the line was no longer kept when the export was made. */
  line: z
    .object({
      partition: Partition,
      first_offset: Offset,
      /** Milliseconds since 1970. */
      first_at: EpochMs,
      through_offset: Offset,
      others: z.array(z.object({ sale_id: SaleId, scheduled_offset: Offset })),
    })
    .nullable(),
  files: z.record(z.string(), z.object({ bytes: z.int().min(0), sha256: hex32 })),
});
export type Manifest = z.infer<typeof Manifest>;

export const Keys = z.object({ keys: z.array(z.object({ name: z.string(), vkey: z.string() })) });
export const CheckpointLine = z.object({ size: z.int().min(0), note: z.string() });
