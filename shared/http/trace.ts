import { randomFillSync } from 'node:crypto';

/** Ids of a request: for its logs and for its trace. */

const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;
const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Random bytes are drawn in blocks: one call of the system serves many requests. */
const blockBytes = 8_192;
const block = Buffer.alloc(blockBytes);
let used = blockBytes;

function randomHex(bytes: number): string {
  if (used + bytes > blockBytes) {
    randomFillSync(block);
    used = 0;
  }
  const hex = block.toString('hex', used, used + bytes);
  used += bytes;
  return hex;
}

/** The client's `X-Request-Id` where it is 1 to 128 visible ASCII characters, else a new one. */
export function requestIdOf(header: string | string[] | undefined): string {
  return typeof header === 'string' && REQUEST_ID.test(header) ? header : `req_${randomHex(12)}`;
}

/** The client's W3C `traceparent` where it is a valid version 00, else a new sampled one. */
export function traceparentOf(header: string | string[] | undefined): string {
  if (typeof header === 'string' && TRACEPARENT.test(header)) return header;
  return `00-${randomHex(16)}-${randomHex(8)}-01`;
}
