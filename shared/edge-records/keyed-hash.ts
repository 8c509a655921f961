import { createHmac } from 'node:crypto';

/** What an attempt keeps of an address and a device: the same one gives the same hash, and the hash does not give it back. */
export interface KeyedHashes {
  /** 32 hex digits: the first 16 bytes of an HMAC-SHA-256. null for null and for an empty text. */
  readonly address: (text: string | null) => string | null;
  readonly device: (text: string | null) => string | null;
}

const hashBytes = 16;
/** Of a `User-Agent`; nginx cuts at the same length. */
const deviceCharactersMax = 512;

/**
 * Keys of their own for each kind, derived from the stack's secret: neither an
 * address nor a device can be hashed to a pseudonym of a buyer, or to each other.
 */
export function createKeyedHashes(secret: string): KeyedHashes {
  const hasher = (kind: string) => {
    // Pseudonyms are made from texts that begin with a length, which these do not.
    const key = createHmac('sha256', secret).update(`firstcome attempts/${kind}`).digest();
    return (text: string | null) =>
      text === null || text === ''
        ? null
        : createHmac('sha256', key)
            .update(text)
            .digest('hex')
            .slice(0, hashBytes * 2);
  };
  const address = hasher('address');
  const device = hasher('device');
  return {
    // The same client comes as ::ffff:192.0.2.1 where the listener speaks IPv6 too.
    address: (text) => address(text?.replace(/^::ffff:(?=\d+\.)/i, '') ?? null),
    device: (text) => device(text?.slice(0, deviceCharactersMax) ?? null),
  };
}
