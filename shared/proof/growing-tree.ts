import { hash } from 'node:crypto';
import { assert } from '#shared/faults/assert.ts';
import { EMPTY_ROOT, HASH_BYTES } from './tree-hash.ts';

/** A tree of which only the root is wanted: it takes leaf after leaf and remembers one hash a level. */
export interface GrowingTree {
  /** @param leafHash 32 bytes, copied */
  append(leafHash: Uint8Array): void;
  /** Leaves so far. */
  size(): number;
  /** Root of RFC 6962 over the leaves so far. */
  root(): Buffer;
}

/** 2^53 leaves have this many levels. */
const LEVELS_MAX = 54;

export function createGrowingTree(): GrowingTree {
  let leaves = 0;
  /** Root of the perfect subtree of 2^level leaves at the right edge, where the size has that bit. */
  const rightEdge = Buffer.alloc(LEVELS_MAX * HASH_BYTES);
  /** What is hashed: the prefix, the left child, the right child. */
  const node = Buffer.alloc(1 + 2 * HASH_BYTES);
  node[0] = 0x01;

  /** Hashes the left child at `level` with the right one that stands in the node already; the result stands there as the next right child. */
  function joinLeft(level: number): void {
    rightEdge.copy(node, 1, level * HASH_BYTES, (level + 1) * HASH_BYTES);
    // As a string for the same reason as in tree-hash.ts.
    node.write(hash('sha256', node, 'latin1'), 1 + HASH_BYTES, 'latin1');
  }

  return {
    append(leafHash) {
      assert(leafHash.length === HASH_BYTES, 'a leaf hash has 32 bytes');
      assert(leaves < Number.MAX_SAFE_INTEGER, 'a tree has at most 2^53 - 1 leaves');
      if (leaves % 2 === 0) {
        rightEdge.set(leafHash, 0);
        leaves += 1;
        return;
      }
      node.set(leafHash, 1 + HASH_BYTES);
      let level = 0;
      for (let rest = leaves; rest % 2 === 1; rest = (rest - 1) / 2) joinLeft(level++);
      node.copy(rightEdge, level * HASH_BYTES, 1 + HASH_BYTES);
      leaves += 1;
    },
    size: () => leaves,
    root() {
      if (leaves === 0) return Buffer.from(EMPTY_ROOT);
      let right = false;
      let level = 0;
      for (let rest = leaves; rest > 0; rest = Math.floor(rest / 2)) {
        if (rest % 2 === 1) {
          if (right) joinLeft(level);
          else rightEdge.copy(node, 1 + HASH_BYTES, level * HASH_BYTES, (level + 1) * HASH_BYTES);
          right = true;
        }
        level += 1;
      }
      return Buffer.from(node.subarray(1 + HASH_BYTES));
    },
  };
}
