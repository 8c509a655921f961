/**
 * Leaves as lines of bytes, as they are published and told: written one by one where
 * they will stand. Joined as a text first, a batch's would be copied twice more, and a
 * text of that size goes straight into the old generation.
 *
 * @param leaves canonical JSON, which holds no newline
 * @param heads what stands before each, where something does
 */
export function leafLines(leaves: readonly string[], heads?: readonly string[]): Buffer {
  let length = Math.max(0, leaves.length - 1);
  for (const leaf of leaves) length += Buffer.byteLength(leaf);
  if (heads !== undefined) for (const head of heads) length += Buffer.byteLength(head);
  const bytes = Buffer.allocUnsafeSlow(length);
  let at = 0;
  for (let index = 0; index < leaves.length; index++) {
    if (index > 0) bytes[at++] = NEWLINE;
    if (heads !== undefined) at += bytes.write(heads[index]!, at);
    at += bytes.write(leaves[index]!, at);
  }
  return bytes;
}

const NEWLINE = '\n'.charCodeAt(0);
