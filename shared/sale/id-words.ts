import { assert } from '#shared/faults/assert.ts';

/**
 * Ids are lower-case UUIDs; a million of them as strings would be 60 MB, as four
 * 32-bit words each they are 16 MB outside the heap.
 */
export const WORDS_PER_ID = 4;

const ID_LENGTH = 36;
const INVALID = 0x80;
const NIBBLES = new Uint8Array(128).fill(INVALID);
for (let value = 0; value < 16; value++) NIBBLES[value.toString(16).charCodeAt(0)] = value;
/** Where the eight digits of each word stand in the text. */
const DIGITS = [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 16, 17, 19, 20, 21, 22, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35];
const HEX_CODES = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));
const text = Buffer.alloc(ID_LENGTH, '-');

/** Writes the id's words to `words[at .. at + 3]`. */
export function writeWords(id: string, words: Int32Array, at: number): void {
  assert(id.length === ID_LENGTH, `an id is a UUID of 36 characters, not "${id}"`);
  let invalid = 0;
  let digit = 0;
  for (let word = 0; word < WORDS_PER_ID; word++) {
    let bits = 0;
    for (const end = digit + 8; digit < end; digit++) {
      const nibble = NIBBLES[id.charCodeAt(DIGITS[digit]!)] ?? INVALID;
      invalid |= nibble;
      bits = (bits << 4) | nibble;
    }
    words[at + word] = bits;
  }
  assert(invalid < INVALID, `an id is a lower-case UUID, not "${id}"`);
}

/** The id whose words stand at `words[at .. at + 3]`. */
export function readId(words: Int32Array, at: number): string {
  for (let digit = 0; digit < DIGITS.length; digit++) {
    const bits = words[at + (digit >> 3)]!;
    text[DIGITS[digit]!] = HEX_CODES[(bits >>> (28 - 4 * (digit & 7))) & 0xf]!;
  }
  return text.toString('latin1');
}
