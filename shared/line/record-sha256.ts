import { createHash } from 'node:crypto';
import type { LineRecord } from './line.ts';

/** SHA-256 (hex) of a record's bytes; a tombstone counts as no bytes. */
export function recordSha256(record: LineRecord): string {
  const hash = createHash('sha256');
  if (record.value !== null) hash.update(record.value);
  return hash.digest('hex');
}
