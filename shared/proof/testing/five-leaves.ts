import { leafHash, nodeHash } from '../tree-hash.ts';

/** The nodes of a tree of five leaves, put together by hand, and its roots on the way. */
export const [a, b, c, d, e] = ['a', 'b', 'c', 'd', 'e'].map((leaf) => leafHash(Buffer.from(leaf))) as [
  Buffer,
  Buffer,
  Buffer,
  Buffer,
  Buffer,
];
export const left = nodeHash(a, b);
export const right = nodeHash(c, d);
export const three = nodeHash(left, c);
export const four = nodeHash(left, right);
export const five = nodeHash(four, e);

/** A hash as the public vectors write it. */
export const bytes = (base64: string | null): Buffer => Buffer.from(base64 ?? '', 'base64');
