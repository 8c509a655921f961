import { HASH_BYTES, isTreeSize, nodeHash } from './tree-hash.ts';

/** That a leaf stands at its place in a tree. */
export interface InclusionProof {
  /** From 0. */
  readonly leafIndex: number;
  readonly treeSize: number;
  /** The siblings on the way to the root, the lowest first; 32 bytes each. */
  readonly hashes: readonly Uint8Array[];
}

/** What an inclusion proof may have against it, in the order in which it is checked. */
export type InclusionFault =
  /** The size or the index is no integer from 0 to 2^53 - 1. */
  | 'number_invalid'
  | 'index_beyond_size'
  /** The leaf's, the root's or one of the proof's hashes has not 32 bytes. */
  | 'hash_length'
  | 'proof_too_long'
  | 'proof_too_short'
  /** The proof leads to another root: the leaf, its place or a hash is not the tree's. */
  | 'root_differs';

/**
 * Verifies an inclusion proof after RFC 9162, section 2.1.3.2. Never throws.
 *
 * The proof alone does not tell sizes apart between which the path stays as long: size
 * and root belong together and come from one source that is trusted, a signed checkpoint.
 *
 * @param leafHash SHA-256(0x00 || leaf)
 * @param root of the tree of `treeSize` leaves
 * @returns null where the proof holds
 */
export function verifyInclusion(proof: InclusionProof, leafHash: Uint8Array, root: Uint8Array): InclusionFault | null {
  const { leafIndex, treeSize, hashes } = proof;
  if (!isTreeSize(leafIndex) || !isTreeSize(treeSize)) return 'number_invalid';
  if (leafIndex >= treeSize) return 'index_beyond_size';
  if (leafHash.length !== HASH_BYTES || root.length !== HASH_BYTES) return 'hash_length';
  if (hashes.some((hash) => hash.length !== HASH_BYTES)) return 'hash_length';

  // Sizes may lie beyond 2^31, where bit operations would cut them.
  let node = leafIndex;
  let last = treeSize - 1;
  let running = leafHash;
  for (const hash of hashes) {
    if (last === 0) return 'proof_too_long';
    if (node % 2 === 1 || node === last) {
      running = nodeHash(hash, running);
      while (node % 2 === 0 && node !== 0) {
        node /= 2;
        last = Math.floor(last / 2);
      }
    } else {
      running = nodeHash(running, hash);
    }
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  if (last !== 0) return 'proof_too_short';
  return Buffer.compare(running, root) === 0 ? null : 'root_differs';
}
