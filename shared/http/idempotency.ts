import type { IncomingHttpHeaders } from 'node:http';
import { invalid, refuse } from './problem.ts';

const KEY = /^[\x20-\x7e]{1,255}$/;

/**
 * The request's idempotency key: header `Idempotency-Key`, header
 * `X-Idempotency-Key` or body field `idempotency_key`, which mean the same.
 * null where there is none. Refuses (400) a key that is not 1 to 255 printable
 * ASCII characters, and keys that differ from each other.
 */
export function idempotencyKeyOf(headers: IncomingHttpHeaders, bodyField: unknown): string | null {
  let key: string | null = null;
  for (const name of ['idempotency-key', 'x-idempotency-key'] as const) {
    const value = headers[name];
    if (value === undefined || value === '') continue;
    if (typeof value !== 'string' || !KEY.test(value)) invalid('', `has a header ${name} that is not 1 to 255 printable ASCII characters`);
    key = sameKey(key, value, '');
  }
  if (bodyField !== undefined && bodyField !== null) {
    if (typeof bodyField !== 'string' || !KEY.test(bodyField)) invalid('/idempotency_key', 'must be 1 to 255 printable ASCII characters');
    key = sameKey(key, bodyField, '/idempotency_key');
  }
  return key;
}

function sameKey(known: string | null, next: string, pointer: string): string {
  if (known !== null && known !== next) invalid(pointer, 'has two idempotency keys that differ: send one, or the same in each place');
  return next;
}

/** As `idempotencyKeyOf`, where a key must be given: 400 `idempotency_key_required` without. */
export function requiredIdempotencyKey(headers: IncomingHttpHeaders, bodyField: unknown): string {
  const key = idempotencyKeyOf(headers, bodyField);
  if (key === null) {
    refuse('idempotency_key_required', 'send a header Idempotency-Key of 1 to 255 printable ASCII characters, the same for each retry');
  }
  return key;
}
