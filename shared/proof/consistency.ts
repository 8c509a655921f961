import { HASH_BYTES, isTreeSize, nodeHash } from './tree-hash.ts';

/** That a tree continues a smaller one: its first leaves are the smaller one's. */
export interface ConsistencyProof {
  /** Leaves of the smaller tree. */
  readonly from: number;
  /** Leaves of the larger tree. */
  readonly to: number;
  /** 32 bytes each. */
  readonly hashes: readonly Uint8Array[];
}

/** What a consistency proof may have against it, in the order in which it is checked. */
export type ConsistencyFault =
  /** A size is no integer from 0 to 2^53 - 1. */
  | 'number_invalid'
  /** Every tree continues the empty one, so that a proof from it says nothing. */
  | 'from_empty'
  | 'from_beyond_to'
  /** A root or one of the proof's hashes has not 32 bytes. */
  | 'hash_length'
  | 'proof_too_long'
  | 'proof_too_short'
  /** The proof does not lead to the smaller tree's root. For two trees of one size: their roots differ. */
  | 'from_root_differs'
  /** It leads to the smaller tree's root and not to the larger one's. */
  | 'to_root_differs';

/**
 * Verifies a consistency proof after RFC 9162, section 2.1.4.2. Never throws. Two trees
 * of one size are consistent where the proof is empty and the roots are the same.
 *
 * @returns null where the proof holds
 */
export function verifyConsistency(proof: ConsistencyProof, fromRoot: Uint8Array, toRoot: Uint8Array): ConsistencyFault | null {
  const { from, to, hashes } = proof;
  if (!isTreeSize(from) || !isTreeSize(to)) return 'number_invalid';
  if (from === 0) return 'from_empty';
  if (from > to) return 'from_beyond_to';
  // Nothing is hashed here: what the roots are does not matter as long as they are the same.
  if (from === to) {
    if (hashes.length > 0) return 'proof_too_long';
    return Buffer.compare(fromRoot, toRoot) === 0 ? null : 'from_root_differs';
  }
  if (fromRoot.length !== HASH_BYTES || toRoot.length !== HASH_BYTES) return 'hash_length';
  if (hashes.some((hash) => hash.length !== HASH_BYTES)) return 'hash_length';

  // Sizes may lie beyond 2^31, where bit operations would cut them.
  let node = from - 1;
  let last = to - 1;
  while (node % 2 === 1) {
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  // A smaller tree that is perfect is a node of the larger one, which is not told again.
  const path = node === 0 ? [fromRoot, ...hashes] : hashes;
  const [first, ...rest] = path;
  if (first === undefined) return 'proof_too_short';
  let runningFrom = first;
  let runningTo = first;
  for (const hash of rest) {
    if (last === 0) return 'proof_too_long';
    if (node % 2 === 1 || node === last) {
      runningFrom = nodeHash(hash, runningFrom);
      runningTo = nodeHash(hash, runningTo);
      while (node % 2 === 0 && node !== 0) {
        node /= 2;
        last = Math.floor(last / 2);
      }
    } else {
      runningTo = nodeHash(runningTo, hash);
    }
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  if (last !== 0) return 'proof_too_short';
  if (Buffer.compare(runningFrom, fromRoot) !== 0) return 'from_root_differs';
  return Buffer.compare(runningTo, toRoot) === 0 ? null : 'to_root_differs';
}
