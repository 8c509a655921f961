import { assert } from '#shared/faults/assert.ts';
import { type ReadTile, rootAt, subtreeRoot, TILE_WIDTH, tileHashes, type TileId, tilesForRoot } from './tiles.ts';
import { HASH_BYTES, isTreeSize } from './tree-hash.ts';

/** A tile that changed, with all its hashes. */
export interface ChangedTile {
  readonly id: TileId;
  readonly hashes: Uint8Array;
}

/** What whoever stores a tree's tiles keeps in memory: the partial tile at the right edge of each level. */
export interface TileTree {
  /**
   * @param leafHashes any number of leaf hashes, 32 bytes each
   * @returns the tiles that are new or longer than before, each once and whole; their bytes are never written again
   */
  append(leafHashes: Uint8Array): readonly ChangedTile[];
  /** Leaves so far. */
  size(): number;
  /** Root of RFC 6962 over the leaves so far. */
  root(): Buffer;
}

const TILE_BYTES = TILE_WIDTH * HASH_BYTES;

/** The tiles `openTileTree` reads: the partial ones. */
export function tilesForOpening(size: number): readonly TileId[] {
  return tilesForRoot(size);
}

/**
 * Goes on where a tree of that size stopped. Tiles may hold more than the tree has:
 * what was stored of a longer one is written over when it is appended again.
 *
 * Throws where a tile is missing or too short.
 */
export function openTileTree(size: number, tile: ReadTile): TileTree {
  assert(isTreeSize(size), 'a tree has a size');
  let leaves = size;
  const levels: PartialTile[] = [];
  for (let level = 0, hashes = size; hashes > 0; level++, hashes = Math.floor(hashes / TILE_WIDTH)) {
    levels.push(openPartialTile({ level, index: Math.floor(hashes / TILE_WIDTH) }, hashes % TILE_WIDTH, tile));
  }

  /** Puts hashes at the right end of a level; a tile that is full is told and its root goes to the level above. */
  function extend(level: number, hashes: Uint8Array, changed: ChangedTile[]): void {
    levels[level] ??= openPartialTile({ level, index: 0 }, 0, tile);
    const partial = levels[level];
    for (let at = 0; at < hashes.length;) {
      const bytes = Math.min(hashes.length - at, TILE_BYTES - partial.length);
      partial.bytes.set(hashes.subarray(at, at + bytes), partial.length);
      partial.length += bytes;
      partial.changed = true;
      at += bytes;
      if (partial.length < TILE_BYTES) continue;
      changed.push({ id: { level, index: partial.index }, hashes: partial.bytes });
      const root = subtreeRoot(partial.bytes, 0, TILE_WIDTH);
      partial.bytes = Buffer.alloc(TILE_BYTES);
      partial.length = 0;
      partial.index += 1;
      partial.changed = false;
      extend(level + 1, root, changed);
    }
  }

  return {
    append(leafHashes) {
      assert(leafHashes.length % HASH_BYTES === 0, 'leaf hashes have 32 bytes each');
      assert(isTreeSize(leaves + leafHashes.length / HASH_BYTES), 'a tree has at most 2^53 - 1 leaves');
      const changed: ChangedTile[] = [];
      if (leafHashes.length > 0) extend(0, leafHashes, changed);
      leaves += leafHashes.length / HASH_BYTES;
      for (const [level, partial] of levels.entries()) {
        if (!partial.changed) continue;
        partial.changed = false;
        changed.push({ id: { level, index: partial.index }, hashes: partial.bytes.subarray(0, partial.length) });
      }
      return changed;
    },
    size: () => leaves,
    // A tree is made of perfect subtrees, and those of one level all stand in its partial tile.
    root: () => rootAt(leaves, ({ level }) => levels[level]!.bytes.subarray(0, levels[level]!.length)),
  };
}

interface PartialTile {
  index: number;
  /** Only ever extended, and given away when full: what was told of it stays as it was. */
  bytes: Buffer;
  /** Bytes in use. */
  length: number;
  /** Not told yet. */
  changed: boolean;
}

function openPartialTile(id: TileId, width: number, tile: ReadTile): PartialTile {
  const bytes = Buffer.alloc(TILE_BYTES);
  const length = width * HASH_BYTES;
  if (width > 0) bytes.set(tileHashes(id, width, tile).subarray(0, length));
  return { index: id.index, bytes, length, changed: false };
}
