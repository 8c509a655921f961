import { hash } from 'node:crypto';
import { assert } from '#shared/faults/assert.ts';

/** The hashes of RFC 6962, section 2.1: SHA-256, leaves and inner nodes told apart by their first byte. */
export const HASH_BYTES = 32;

/** Root of the tree without leaves: SHA-256 of nothing. */
export const EMPTY_ROOT: Buffer = sha256(Buffer.alloc(0));

const LEAF_PREFIX = 0x00;
const NODE_PREFIX = 0x01;

/** A leaf is copied here behind its prefix; a longer one (a sale's terms) gets a buffer of its own. */
const SCRATCH_BYTES = 65_536;
const leafScratch = Buffer.alloc(SCRATCH_BYTES);
leafScratch[0] = LEAF_PREFIX;

/** SHA-256(0x00 || leaf) */
export function leafHash(leaf: Uint8Array): Buffer {
  const length = 1 + leaf.length;
  const bytes = length <= SCRATCH_BYTES ? leafScratch : Buffer.alloc(length, LEAF_PREFIX);
  bytes.set(leaf, 1);
  return sha256(bytes.subarray(0, length));
}

const nodeScratch = Buffer.alloc(1 + 2 * HASH_BYTES);
nodeScratch[0] = NODE_PREFIX;

/** SHA-256(0x01 || left || right) */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  assert(left.length === HASH_BYTES, 'a node has a left child of 32 bytes');
  assert(right.length === HASH_BYTES, 'a node has a right child of 32 bytes');
  nodeScratch.set(left, 1);
  nodeScratch.set(right, 1 + HASH_BYTES);
  return sha256(nodeScratch);
}

/** A short string of one byte a character is made so much faster than a Buffer that by way of it the hash takes half the time. */
function sha256(bytes: Uint8Array): Buffer {
  return Buffer.from(hash('sha256', bytes, 'latin1'), 'latin1');
}

/** Whether a number can be that of leaves: an integer that JavaScript counts exactly. */
export function isTreeSize(size: number): boolean {
  return Number.isSafeInteger(size) && size >= 0;
}
