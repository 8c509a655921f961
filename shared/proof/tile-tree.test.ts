import { hash } from 'node:crypto';
import fc from 'fast-check';
import { verifyConsistency } from './consistency.ts';
import { createGrowingTree } from './growing-tree.ts';
import { verifyInclusion } from './inclusion.ts';
import { openTileTree, tilesForOpening } from './tile-tree.ts';
import {
  consistencyProof,
  inclusionProof,
  type ReadTile,
  rootAt,
  type TileId,
  TILE_WIDTH,
  tilesForConsistency,
  tilesForInclusion,
  tilesForRoot,
} from './tiles.ts';
import { EMPTY_ROOT, HASH_BYTES, leafHash, nodeHash } from './tree-hash.ts';

/** Beyond it there are three levels of tiles: 2 + 256 of level 0 and one of level 1 are full. */
const LEAVES = TILE_WIDTH * TILE_WIDTH + 2 * TILE_WIDTH + 3;
const leaves: readonly Buffer[] = Array.from({ length: LEAVES }, (_, index) => leafHash(Buffer.from(`leaf ${index}`)));

/** MTH of RFC 6962, section 2.1, word for word, over the leaves from `start` to before `end`. */
function naiveRoot(start: number, end: number): Buffer {
  const size = end - start;
  if (size === 0) return hash('sha256', '', 'buffer');
  if (size === 1) return leaves[start]!;
  let k = 1;
  while (2 * k < size) k *= 2;
  const children = [naiveRoot(start, start + k), naiveRoot(start + k, end)];
  return hash('sha256', Buffer.concat([Buffer.of(1), ...children]), 'buffer');
}

/** PATH of RFC 6962, section 2.1.1. */
function naivePath(index: number, start: number, end: number): Buffer[] {
  const size = end - start;
  if (size === 1) return [];
  let k = 1;
  while (2 * k < size) k *= 2;
  return index < k
    ? [...naivePath(index, start, start + k), naiveRoot(start + k, end)]
    : [...naivePath(index - k, start + k, end), naiveRoot(start, start + k)];
}

/** SUBPROOF of RFC 6962, section 2.1.2. */
function naiveSubproof(from: number, start: number, end: number, known: boolean): Buffer[] {
  const size = end - start;
  if (from === size) return known ? [] : [naiveRoot(start, end)];
  let k = 1;
  while (2 * k < size) k *= 2;
  return from <= k
    ? [...naiveSubproof(from, start, start + k, known), naiveRoot(start + k, end)]
    : [...naiveSubproof(from - k, start + k, end, false), naiveRoot(start, start + k)];
}

interface Store {
  readonly tiles: Map<string, Uint8Array>;
  readonly read: ReadTile;
}

function createStore(): Store {
  const tiles = new Map<string, Uint8Array>();
  return { tiles, read: ({ level, index }) => tiles.get(`${level}/${index}`) };
}

/** Appends the leaves from where the tree stands up to `end`, in batches of the sizes that are drawn, and stores what changed. */
function grow(store: Store, tree: ReturnType<typeof openTileTree>, end: number, batch: number): void {
  while (tree.size() < end) {
    const start = tree.size();
    for (const { id, hashes } of tree.append(Buffer.concat(leaves.slice(start, Math.min(end, start + batch))))) {
      store.tiles.set(`${id.level}/${id.index}`, hashes);
    }
  }
}

/** Only the tiles that were named. */
function only(store: Store, ids: readonly TileId[]): ReadTile {
  const named = new Set(ids.map(({ level, index }) => `${level}/${index}`));
  return (id) => (named.has(`${id.level}/${id.index}`) ? store.read(id) : undefined);
}

const whole = createStore();
grow(whole, openTileTree(0, whole.read), LEAVES, 5_000);

/** Where tiles and levels of tiles begin and end. */
const EDGES = [0, 1, 2, 3, 127, 128, 255, 256, 257, 511, 512, 513, 65_279, 65_280, 65_535, 65_536, 65_537, 65_791, 65_792, LEAVES];
const size = fc.oneof(fc.integer({ min: 1, max: 2_000 }), fc.constantFrom(...EDGES.filter((edge) => edge > 0)));

describe('a tree of tiles', () => {
  test('has the tiles of C2SP tlog-tiles: as many as the size says, with the roots of full tiles in the level above', () => {
    const widths = Object.fromEntries([...whole.tiles].map(([id, hashes]) => [id, hashes.length / HASH_BYTES]));
    expect(Object.values(widths).reduce((sum, width) => sum + width)).toBe(LEAVES + 258 + 1);
    expect(widths).toMatchObject({ '0/0': 256, '0/257': 256, '0/258': 3, '1/0': 256, '1/1': 2, '2/0': 1 });
    expect(Buffer.from(whole.read({ level: 1, index: 1 })!)).toEqual(Buffer.concat([naiveRoot(65_536, 65_792), naiveRoot(65_792, 66_048)]));
    expect(Buffer.from(whole.read({ level: 2, index: 0 })!)).toEqual(naiveRoot(0, 65_536));
  });

  test.each(EDGES)('at size %d has the root of RFC 6962, by every way to it', (end) => {
    const root = naiveRoot(0, end);
    const store = createStore();
    const tree = openTileTree(0, store.read);
    grow(store, tree, end, 700);
    const growing = createGrowingTree();
    for (const leaf of leaves.slice(0, end)) growing.append(leaf);
    expect([tree.size(), growing.size()]).toEqual([end, end]);
    expect(tree.root()).toEqual(root);
    expect(growing.root()).toEqual(root);
    expect(rootAt(end, only(whole, tilesForRoot(end)))).toEqual(root);
  });

  test('has the root of RFC 6962 at any size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2_000 }), (end) => {
        expect(rootAt(end, only(whole, tilesForRoot(end)))).toEqual(naiveRoot(0, end));
      }),
      { numRuns: 100 },
    );
  });

  test('proves that any leaf is in any tree there ever was, with the tiles that were named', () => {
    fc.assert(
      fc.property(
        size.chain((treeSize) => fc.tuple(fc.integer({ min: 0, max: treeSize - 1 }), fc.constant(treeSize))),
        ([leafIndex, treeSize]) => {
          const proof = inclusionProof(leafIndex, treeSize, only(whole, tilesForInclusion(leafIndex, treeSize)));
          if (treeSize <= 2_000) expect(proof.hashes).toEqual(naivePath(leafIndex, 0, treeSize));
          expect(verifyInclusion(proof, leaves[leafIndex]!, rootAt(treeSize, whole.read))).toBeNull();
        },
      ),
      { numRuns: 150 },
    );
  });

  test('proves that any tree there ever was continues any smaller one, with the tiles that were named', () => {
    fc.assert(
      fc.property(size, size, (one, other) => {
        const [from, to] = [Math.min(one, other), Math.max(one, other)];
        const proof = consistencyProof(from, to, only(whole, tilesForConsistency(from, to)));
        if (to <= 2_000) expect(proof.hashes).toEqual(naiveSubproof(from, 0, to, true));
        expect(verifyConsistency(proof, rootAt(from, whole.read), rootAt(to, whole.read))).toBeNull();
      }),
      { numRuns: 150 },
    );
  });

  test('that is opened again goes on as one that never stopped', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1_200 }),
        fc.integer({ min: 0, max: 800 }),
        fc.integer({ min: 1, max: 600 }),
        (stopped, more, batch) => {
          const never = createStore();
          const uninterrupted = openTileTree(0, never.read);
          grow(never, uninterrupted, stopped + more, batch);
          const store = createStore();
          grow(store, openTileTree(0, store.read), stopped, 333);
          const opened = openTileTree(stopped, only(store, tilesForOpening(stopped)));
          grow(store, opened, stopped + more, batch);
          expect(opened.root()).toEqual(uninterrupted.root());
          expect(texts(store)).toEqual(texts(never));
        },
      ),
      { numRuns: 40 },
    );
  });

  test.each([65_279, 65_535, 65_536, 65_792])('that stopped at %d leaves goes on into the next tiles', (stopped) => {
    const store = createStore();
    for (const [id, hashes] of whole.tiles) store.tiles.set(id, hashes);
    const opened = openTileTree(stopped, only(whole, tilesForOpening(stopped)));
    expect(opened.root()).toEqual(rootAt(stopped, whole.read));
    grow(store, opened, LEAVES, 100);
    expect(opened.root()).toEqual(naiveRoot(0, LEAVES));
    expect(texts(store)).toEqual(texts(whole));
  });

  test('tells each tile that changed once and whole, and never writes again what it told', () => {
    const tree = openTileTree(0, () => undefined);
    const first = tree.append(Buffer.concat(leaves.slice(0, 250)));
    expect(first.map(({ id, hashes }) => [id, hashes.length / HASH_BYTES])).toEqual([[{ level: 0, index: 0 }, 250]]);
    const told = Buffer.from(first[0]!.hashes);
    const second = tree.append(Buffer.concat(leaves.slice(250, 520)));
    expect(second.map(({ id, hashes }) => [id, hashes.length / HASH_BYTES])).toEqual([
      [{ level: 0, index: 0 }, 256],
      [{ level: 0, index: 1 }, 256],
      [{ level: 0, index: 2 }, 8],
      [{ level: 1, index: 0 }, 2],
    ]);
    expect(Buffer.from(first[0]!.hashes)).toEqual(told);
    expect(tree.append(Buffer.alloc(0))).toEqual([]);
  });

  test.each([
    ['a proof', () => inclusionProof(3, 700, () => undefined)],
    ['a root', () => rootAt(700, ({ level, index }) => whole.read({ level, index })?.subarray(0, 31))],
    ['a tree that goes on', () => openTileTree(700, ({ level, index }) => whole.read({ level, index })?.subarray(0, HASH_BYTES))],
  ])('says what to do where a tile of %s is missing or too short', (_what, make) => {
    expect(make).toThrow(/the tile \d+ of level \d has \d+ hashes and \d+ are needed: load the tiles that were named/);
  });

  test.each<[string, () => unknown]>([
    ['a leaf beyond the tree', () => tilesForInclusion(5, 5)],
    ['a leaf that is no integer', () => tilesForInclusion(0.5, 5)],
    ['a tree that shrinks', () => tilesForConsistency(6, 5)],
    ['a tree of less than nothing', () => tilesForRoot(-1)],
    ['half a hash', () => openTileTree(0, () => undefined).append(Buffer.alloc(33))],
    ['a leaf hash that is too long', () => createGrowingTree().append(Buffer.alloc(33))],
    ['a node of half a hash', () => nodeHash(Buffer.alloc(32), Buffer.alloc(16))],
  ])('is not asked for %s', (_what, ask) => {
    expect(ask).toThrow('assertion failed');
  });
});

test('a growing tree has a root at every size on the way, and goes on from there', () => {
  const tree = createGrowingTree();
  expect(tree.root()).toEqual(EMPTY_ROOT);
  for (let index = 0; index < 300; index++) {
    tree.append(leaves[index]!);
    expect(tree.root()).toEqual(naiveRoot(0, index + 1));
    expect(tree.root()).toEqual(naiveRoot(0, index + 1));
  }
});

test.each([
  ['nothing', '', '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d'],
  ['a byte', '\0', '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7'],
])('the hash of the leaf of %s is that of RFC 6962', (_what, leaf, expected) => {
  expect(leafHash(Buffer.from(leaf)).toString('hex')).toBe(expected);
});

test.each([65_534, 65_535, 65_536, 200_000])('a leaf of %d bytes is hashed behind its zero byte, and so is the next one', (length) => {
  const leaf = Buffer.alloc(length, 'x');
  expect(leafHash(leaf)).toEqual(hash('sha256', Buffer.concat([Buffer.of(0), leaf]), 'buffer'));
  expect(leafHash(Buffer.of())).toEqual(hash('sha256', Buffer.of(0), 'buffer'));
});

function texts(store: Store): Record<string, string> {
  return Object.fromEntries(
    [...store.tiles]
      .map(([id, hashes]): [string, string] => [id, Buffer.from(hashes).toString('hex')])
      .sort(([one], [other]) => one.localeCompare(other)),
  );
}
