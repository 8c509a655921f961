import { assert } from '#shared/faults/assert.ts';
import { TerminalFault } from '#shared/faults/faults.ts';
import type { ConsistencyProof } from './consistency.ts';
import type { InclusionProof } from './inclusion.ts';
import { EMPTY_ROOT, HASH_BYTES, isTreeSize, nodeHash } from './tree-hash.ts';

/**
 * A tree's hashes as they are stored, after C2SP tlog-tiles: a tile holds up to 256
 * neighbouring hashes of one level. Level 0 has the hashes of the leaves, level n + 1
 * the root of each full tile of level n; what lies between is hashed again when asked
 * for. Every proof, for any tree there ever was, is made from a few tiles.
 */
export const TILE_WIDTH = 256;
const TILE_HEIGHT = 8;

/** `index`: from 0, counted in tiles of that level. */
export interface TileId {
  readonly level: number;
  readonly index: number;
}

/** The hashes of a tile, 32 bytes each: at least as many as the tree that is asked about had; undefined where there is no such tile. */
export type ReadTile = (id: TileId) => Uint8Array | undefined;

/** The tiles `inclusionProof` reads. */
export function tilesForInclusion(leafIndex: number, treeSize: number): readonly TileId[] {
  return tilesOf(inclusionRanges(leafIndex, treeSize));
}

/** PATH(leafIndex, D[treeSize]) of RFC 6962, section 2.1.1. Throws where a tile is missing or too short. */
export function inclusionProof(leafIndex: number, treeSize: number, tile: ReadTile): InclusionProof {
  return { leafIndex, treeSize, hashes: inclusionRanges(leafIndex, treeSize).map((range) => rangeRoot(range, tile)) };
}

/** The tiles `consistencyProof` reads. */
export function tilesForConsistency(from: number, to: number): readonly TileId[] {
  return tilesOf(consistencyRanges(from, to));
}

/**
 * PROOF(from, D[to]) of RFC 6962, section 2.1.2; nothing to prove from size 0, as every
 * tree continues the empty one. Throws where a tile is missing or too short.
 */
export function consistencyProof(from: number, to: number, tile: ReadTile): ConsistencyProof {
  return { from, to, hashes: consistencyRanges(from, to).map((range) => rangeRoot(range, tile)) };
}

/** The tiles `rootAt` reads: the right edge of the tree. */
export function tilesForRoot(size: number): readonly TileId[] {
  assert(isTreeSize(size), 'a tree has a size');
  return tilesOf([{ start: 0, end: size }]);
}

/** MTH(D[size]) of RFC 6962, section 2.1. Throws where a tile is missing or too short. */
export function rootAt(size: number, tile: ReadTile): Buffer {
  assert(isTreeSize(size), 'a tree has a size');
  return size === 0 ? Buffer.from(EMPTY_ROOT) : rangeRoot({ start: 0, end: size }, tile);
}

/** Leaves from `start` up to but not `end`, which are one subtree of the tree. */
interface LeafRange {
  readonly start: number;
  readonly end: number;
}

/** The siblings on the way from a leaf to the root, the lowest first. */
function inclusionRanges(leafIndex: number, treeSize: number): LeafRange[] {
  assert(isTreeSize(treeSize), 'a tree has a size');
  assert(isTreeSize(leafIndex) && leafIndex < treeSize, 'a leaf that is proven lies within the tree');
  const ranges: LeafRange[] = [];
  let start = 0;
  let end = treeSize;
  while (end - start > 1) {
    const middle = start + leftSize(end - start);
    if (leafIndex < middle) {
      ranges.push({ start: middle, end });
      end = middle;
    } else {
      ranges.push({ start, end: middle });
      start = middle;
    }
  }
  return ranges.reverse();
}

/** What of the larger tree, with the smaller one's root, makes both roots; the lowest first. */
function consistencyRanges(from: number, to: number): LeafRange[] {
  assert(isTreeSize(to), 'a tree has a size');
  assert(isTreeSize(from) && from <= to, 'the tree that is continued is not the larger one');
  if (from === 0 || from === to) return [];
  const ranges: LeafRange[] = [];
  let start = 0;
  let end = to;
  while (end !== from) {
    const middle = start + leftSize(end - start);
    if (from <= middle) {
      ranges.push({ start: middle, end });
      end = middle;
    } else {
      ranges.push({ start, end: middle });
      start = middle;
    }
  }
  // The smaller tree itself is known to whoever verifies.
  if (start > 0) ranges.push({ start, end });
  return ranges.reverse();
}

/** The largest power of two below `size`, which is at least 2. */
function leftSize(size: number): number {
  let left = 1;
  while (left * 2 < size) left *= 2;
  return left;
}

/** A subtree of 2^height leaves, all of which are there. */
interface PerfectSubtree {
  readonly height: number;
  /** Counted in subtrees of that height. */
  readonly index: number;
}

/** A range as the perfect subtrees it is made of, from the left, each smaller than the one before. */
function perfectSubtrees({ start, end }: LeafRange): PerfectSubtree[] {
  const subtrees: PerfectSubtree[] = [];
  for (let at = start; at < end;) {
    let height = 0;
    let leaves = 1;
    while (leaves * 2 <= end - at) {
      leaves *= 2;
      height += 1;
    }
    assert(at % leaves === 0, 'a perfect subtree begins at a multiple of its size');
    subtrees.push({ height, index: at / leaves });
    at += leaves;
  }
  return subtrees;
}

/** Where the hashes of a perfect subtree stand: `count` of them from the `first` of one tile. */
interface TilePart {
  readonly id: TileId;
  readonly first: number;
  readonly count: number;
}

function tilePart({ height, index }: PerfectSubtree): TilePart {
  const count = 2 ** (height % TILE_HEIGHT);
  const subtreesInTile = TILE_WIDTH / count;
  return {
    id: { level: Math.floor(height / TILE_HEIGHT), index: Math.floor(index / subtreesInTile) },
    first: (index % subtreesInTile) * count,
    count,
  };
}

function tilesOf(ranges: readonly LeafRange[]): TileId[] {
  const tiles = new Map<string, TileId>();
  for (const range of ranges) {
    for (const subtree of perfectSubtrees(range)) {
      const { id } = tilePart(subtree);
      tiles.set(`${id.level}/${id.index}`, id);
    }
  }
  return [...tiles.values()];
}

/** MTH of a range that is a subtree. */
function rangeRoot(range: LeafRange, tile: ReadTile): Buffer {
  return perfectSubtrees(range)
    .map((subtree) => perfectRoot(tilePart(subtree), tile))
    .reduceRight((right, left) => nodeHash(left, right));
}

function perfectRoot({ id, first, count }: TilePart, tile: ReadTile): Buffer {
  return subtreeRoot(tileHashes(id, first + count, tile), first, count);
}

/** A tile that has at least that many hashes. Throws where it is missing or too short. */
export function tileHashes(id: TileId, countMin: number, tile: ReadTile): Uint8Array {
  const hashes = tile(id);
  const stored = hashes === undefined ? 0 : Math.floor(hashes.length / HASH_BYTES);
  if (hashes === undefined || stored < countMin) {
    throw new TerminalFault(
      'tile_incomplete',
      `the tile ${id.index} of level ${id.level} has ${stored} hashes and ${countMin} are needed: load the tiles that were named; ` +
        'where it is stored so, make the tiles anew from the hashes of the log',
    );
  }
  return hashes;
}

/**
 * Root of the perfect subtree over `count` neighbouring hashes, a power of two.
 *
 * @param first index of the leftmost of them in `hashes`
 */
export function subtreeRoot(hashes: Uint8Array, first: number, count: number): Buffer {
  if (count === 1) return Buffer.from(hashes.subarray(first * HASH_BYTES, (first + 1) * HASH_BYTES));
  const half = count / 2;
  return nodeHash(subtreeRoot(hashes, first, half), subtreeRoot(hashes, first + half, half));
}
