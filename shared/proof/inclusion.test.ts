import fc from 'fast-check';
import { type InclusionFault, type InclusionProof, verifyInclusion } from './inclusion.ts';
import { a, b, bytes, c, d, e, five, four, left, right } from './testing/five-leaves.ts';
import vectors from './testing/vectors/rfc6962-inclusion.json' with { type: 'json' };
import { leafHash, nodeHash } from './tree-hash.ts';

test.each(vectors.map((vector) => [vector.name, vector] as const))('the vector %s of transparency-dev/merkle', (_name, vector) => {
  const proof = { leafIndex: vector.leafIdx, treeSize: vector.treeSize, hashes: (vector.proof ?? []).map(bytes) };
  const fault = verifyInclusion(proof, bytes(vector.leafHash), bytes(vector.root));
  if (vector.wantErr) expect(fault).not.toBeNull();
  else expect(fault).toBeNull();
});

test('the vectors have both', () => {
  expect(vectors.filter(({ wantErr }) => wantErr)).toHaveLength(vectors.length - 6);
});

/** That c stands third of five. */
const proof: InclusionProof = { leafIndex: 2, treeSize: 5, hashes: [d, left, e] };

test('an inclusion proof of five leaves holds', () => {
  expect(verifyInclusion(proof, c, five)).toBeNull();
  expect(verifyInclusion({ leafIndex: 4, treeSize: 5, hashes: [four] }, e, five)).toBeNull();
  expect(verifyInclusion({ leafIndex: 0, treeSize: 1, hashes: [] }, a, a)).toBeNull();
});

test.each<[string, Partial<InclusionProof>, InclusionFault, Buffer?, Buffer?]>([
  ['another leaf', {}, 'root_differs', d],
  ['another place', { leafIndex: 3 }, 'root_differs'],
  ['a place where the proof would be shorter', { leafIndex: 4 }, 'proof_too_long'],
  ['a size where the proof would be shorter', { treeSize: 4 }, 'proof_too_long'],
  ['a size where it would be longer', { treeSize: 9 }, 'proof_too_short'],
  ['a hash too many', { hashes: [d, left, e, e] }, 'proof_too_long'],
  ['a hash too few', { hashes: [d, left] }, 'proof_too_short'],
  ['no hashes', { hashes: [] }, 'proof_too_short'],
  ['two hashes swapped', { hashes: [left, d, e] }, 'root_differs'],
  ['another tree', {}, 'root_differs', c, four],
  ['a place behind the end', { leafIndex: 5 }, 'index_beyond_size'],
  ['the empty tree', { leafIndex: 0, treeSize: 0, hashes: [] }, 'index_beyond_size'],
  ['a negative place', { leafIndex: -1 }, 'number_invalid'],
  ['half a place', { leafIndex: 0.5 }, 'number_invalid'],
  ['no number as a place', { leafIndex: NaN }, 'number_invalid'],
  ['a text as a place', { leafIndex: '2' as unknown as number }, 'number_invalid'],
  ['a size beyond 2^53', { treeSize: 2 ** 53 }, 'number_invalid'],
  ['an infinite size', { treeSize: Infinity }, 'number_invalid'],
  ['a place that 32 bits would take for 2', { leafIndex: 2 ** 32 + 2 }, 'index_beyond_size'],
  ['a size that 32 bits would take for 5', { treeSize: 2 ** 32 + 5 }, 'proof_too_short'],
  ['a hash of 31 bytes', { hashes: [d.subarray(1), left, e] }, 'hash_length'],
  ['a hash of 33 bytes', { hashes: [d, Buffer.alloc(33), e] }, 'hash_length'],
  ['an empty leaf hash', {}, 'hash_length', Buffer.alloc(0)],
  ['a root with a byte more', {}, 'hash_length', c, Buffer.concat([five, Buffer.of(0)])],
  // Without the first byte of what is hashed, the two children of a node would be a leaf of a smaller tree.
  ['a node as a leaf', { leafIndex: 0, treeSize: 3, hashes: [right, e] }, 'root_differs', leafHash(Buffer.concat([a, b]))],
])('an inclusion proof is refused: %s', (_what, change, fault, leaf = c, root = five) => {
  expect(verifyInclusion({ ...proof, ...change }, leaf, root)).toBe(fault);
});

test('places and sizes beyond 2^32 are counted in full', () => {
  // The last leaf of 2^40 + 1 has one sibling: the root of all before.
  expect(verifyInclusion({ leafIndex: 2 ** 40, treeSize: 2 ** 40 + 1, hashes: [left] }, c, nodeHash(left, c))).toBeNull();
  // The first of 2^40 + 1 has 41.
  const hashes = Array.from({ length: 41 }, (_, level) => leafHash(Buffer.of(level)));
  const root = hashes.reduce((running, sibling) => nodeHash(running, sibling), c);
  expect(verifyInclusion({ leafIndex: 0, treeSize: 2 ** 40 + 1, hashes }, c, root)).toBeNull();
  expect(verifyInclusion({ leafIndex: 0, treeSize: 2 ** 40, hashes }, c, root)).toBe('proof_too_long');
});

test('verification never throws', () => {
  const number = fc.oneof(fc.nat(10), fc.double(), fc.maxSafeNat(), fc.integer());
  const hash = fc.oneof(fc.constantFrom(a, b, left, five), fc.uint8Array({ maxLength: 40 }));
  fc.assert(
    fc.property(number, number, fc.array(hash, { maxLength: 60 }), hash, hash, (leafIndex, treeSize, hashes, leaf, root) => {
      const fault = verifyInclusion({ leafIndex, treeSize, hashes }, leaf, root);
      // What no tree was hashed for is the root of a tree of itself only.
      if (fault === null) expect([leafIndex, treeSize, Buffer.compare(leaf, root)]).toEqual([0, 1, 0]);
    }),
    { numRuns: 2_000 },
  );
});
