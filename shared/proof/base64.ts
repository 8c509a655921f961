/**
 * Standard base64 (RFC 4648, section 4) in its one canonical form: padded, nothing
 * beside the alphabet, unused bits zero. Others are refused, so that nobody can write
 * the same bytes twice.
 *
 * @returns null where the text is not that
 */
export function fromBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : null;
}
