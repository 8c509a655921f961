import fc from 'fast-check';
import { type ConsistencyFault, type ConsistencyProof, verifyConsistency } from './consistency.ts';
import { a, bytes, c, d, e, five, four, left, right, three } from './testing/five-leaves.ts';
import vectors from './testing/vectors/rfc6962-consistency.json' with { type: 'json' };
import { EMPTY_ROOT, nodeHash } from './tree-hash.ts';

test.each(vectors.map((vector) => [vector.name, vector] as const))('the vector %s of transparency-dev/merkle', (_name, vector) => {
  const proof = { from: vector.size1, to: vector.size2, hashes: (vector.proof ?? []).map(bytes) };
  const fault = verifyConsistency(proof, bytes(vector.root1), bytes(vector.root2));
  if (vector.wantErr) expect(fault).not.toBeNull();
  else expect(fault).toBeNull();
});

test('the vectors have both', () => {
  expect(vectors.filter(({ wantErr }) => wantErr)).toHaveLength(vectors.length - 6);
});

/** That five leaves continue three. */
const proof: ConsistencyProof = { from: 3, to: 5, hashes: [c, d, left, e] };

test('a consistency proof of five leaves holds', () => {
  expect(verifyConsistency(proof, three, five)).toBeNull();
  expect(verifyConsistency({ from: 4, to: 5, hashes: [e] }, four, five)).toBeNull();
  expect(verifyConsistency({ from: 5, to: 5, hashes: [] }, five, five)).toBeNull();
});

const forked = nodeHash(left, d);

test.each<[string, Partial<ConsistencyProof>, ConsistencyFault, Buffer?, Buffer?]>([
  ['another smaller tree', {}, 'from_root_differs', forked],
  ['another larger tree', {}, 'to_root_differs', three, four],
  ['the trees swapped', {}, 'from_root_differs', five, three],
  ['a smaller tree that is forked, with a proof of its own', { hashes: [d, d, left, e] }, 'to_root_differs', forked],
  ['a smaller size where the proof would be shorter', { from: 2 }, 'proof_too_long'],
  ['a smaller size where it would be longer', { from: 1, to: 17 }, 'proof_too_short'],
  ['another larger size', { to: 6 }, 'to_root_differs', three, nodeHash(four, right)],
  ['a larger size where the proof would be shorter', { to: 4 }, 'proof_too_long'],
  ['a larger size where it would be longer', { to: 9 }, 'proof_too_short'],
  ['a hash too many', { hashes: [c, d, left, e, e] }, 'proof_too_long'],
  ['a hash too few', { hashes: [c, d, left] }, 'proof_too_short'],
  ['no hashes', { hashes: [] }, 'proof_too_short'],
  ['no hashes from a perfect tree', { from: 4, hashes: [] }, 'proof_too_short', four],
  ['two hashes swapped', { hashes: [d, c, left, e] }, 'from_root_differs'],
  ['a tree that shrinks', { from: 5, to: 3 }, 'from_beyond_to', five, three],
  ['from the empty tree', { from: 0, hashes: [] }, 'from_empty', EMPTY_ROOT],
  ['two roots of one size', { from: 3, to: 3, hashes: [] }, 'from_root_differs', three, forked],
  ['one size with hashes', { from: 3, to: 3, hashes: [c] }, 'proof_too_long', three, three],
  ['a negative size', { from: -3 }, 'number_invalid'],
  ['half a size', { from: 2.5 }, 'number_invalid'],
  ['no number', { to: NaN }, 'number_invalid'],
  ['a size beyond 2^53', { to: 2 ** 53 }, 'number_invalid'],
  ['a size that 32 bits would take for 5', { to: 2 ** 32 + 5 }, 'proof_too_short'],
  ['a hash of 31 bytes', { hashes: [c.subarray(1), d, left, e] }, 'hash_length'],
  ['a root with a byte more', {}, 'hash_length', Buffer.concat([three, Buffer.of(0)])],
  ['an empty root', {}, 'hash_length', three, Buffer.alloc(0)],
])('a consistency proof is refused: %s', (_what, change, fault, fromRoot = three, toRoot = five) => {
  expect(verifyConsistency({ ...proof, ...change }, fromRoot, toRoot)).toBe(fault);
});

test('sizes beyond 2^32 are counted in full', () => {
  expect(verifyConsistency({ from: 2 ** 40, to: 2 ** 40 + 1, hashes: [e] }, four, five)).toBeNull();
  expect(verifyConsistency({ from: 2 ** 40, to: 2 ** 40 + 2 ** 33, hashes: [e] }, four, five)).toBeNull();
});

test('verification never throws', () => {
  const number = fc.oneof(fc.nat(10), fc.double(), fc.maxSafeNat(), fc.integer());
  // No node among them together with both that it is hashed from: a is consistent with left by b, whatever sizes are told.
  const hash = fc.oneof(fc.constantFrom(a, c, left, five), fc.uint8Array({ maxLength: 40 }));
  fc.assert(
    fc.property(number, number, fc.array(hash, { maxLength: 60 }), hash, hash, (from, to, hashes, fromRoot, toRoot) => {
      const fault = verifyConsistency({ from, to, hashes }, fromRoot, toRoot);
      // What no tree was hashed for is consistent with itself only.
      if (fault === null) expect([from, Buffer.compare(fromRoot, toRoot)]).toEqual([to, 0]);
    }),
    { numRuns: 2_000 },
  );
});
