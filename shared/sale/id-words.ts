import { assert } from '#shared/faults/assert.ts';

/**
 * Ids are lower-case UUIDs; a million of them as strings would be 60 MB, as four
 * 32-bit words each they are 16 MB outside the heap.
 */
export const WORDS_PER_ID = 4;

const ID_LENGTH = 36;
const FINGERPRINT_LENGTH = 32;
const INVALID = 0x80;
const NIBBLES = new Uint8Array(256).fill(INVALID);
for (let value = 0; value < 16; value++) NIBBLES[value.toString(16).charCodeAt(0)] = value;
/** Where the eight digits of each word stand in the text. */
const DIGITS = Uint8Array.from([
  0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 16, 17, 19, 20, 21, 22, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35,
]);
const PLAIN_DIGITS = Uint8Array.from({ length: FINGERPRINT_LENGTH }, (_, digit) => digit);
const HEX_CODES = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));
const text = Buffer.alloc(ID_LENGTH, '-');
const written = Buffer.alloc(ID_LENGTH);

/** The ids that were read last, and their words: a decision looks for the same two or three in one table after the other. */
const RECENT = 4;
const recentIds = new Array<string | undefined>(RECENT).fill(undefined);
const recentWords = new Int32Array(RECENT * WORDS_PER_ID);
let newest = 0;

/** Writes the id's words to `words[at .. at + 3]`. */
export function writeWords(id: string, words: Int32Array, at: number): void {
  for (let recent = 0; recent < RECENT; recent++) {
    if (recentIds[recent] === id) return copyWords(recentWords, recent * WORDS_PER_ID, words, at);
  }
  assert(id.length === ID_LENGTH && writeDigits(id, DIGITS, words, at), `an id is a lower-case UUID of 36 characters, not "${id}"`);
  newest = (newest + 1) % RECENT;
  recentIds[newest] = id;
  copyWords(words, at, recentWords, newest * WORDS_PER_ID);
}

function copyWords(from: Int32Array, fromAt: number, to: Int32Array, toAt: number): void {
  for (let word = 0; word < WORDS_PER_ID; word++) to[toAt + word] = from[fromAt + word]!;
}

/** Writes the words of a fingerprint, 32 digits without dashes. */
export function writeFingerprint(fingerprint: string, words: Int32Array, at: number): void {
  assert(
    fingerprint.length === FINGERPRINT_LENGTH && writeDigits(fingerprint, PLAIN_DIGITS, words, at),
    `a fingerprint is 32 hexadecimal digits in lower case, not "${fingerprint}"`,
  );
}

/** false where one of the digits is none. Read through bytes: by `charCodeAt` each digit would ask anew what kind of string it looks at. */
function writeDigits(digits: string, places: Uint8Array, words: Int32Array, at: number): boolean {
  let invalid = written.write(digits) === digits.length ? 0 : INVALID;
  let digit = 0;
  for (let word = 0; word < WORDS_PER_ID; word++) {
    let bits = 0;
    for (const end = digit + 8; digit < end; digit++) {
      const nibble = NIBBLES[written[places[digit]!]!]!;
      invalid |= nibble;
      bits = (bits << 4) | nibble;
    }
    words[at + word] = bits;
  }
  return invalid < INVALID;
}

/** The id whose words stand at `words[at .. at + 3]`. */
export function readId(words: Int32Array, at: number): string {
  for (let digit = 0; digit < DIGITS.length; digit++) {
    const bits = words[at + (digit >> 3)]!;
    text[DIGITS[digit]!] = HEX_CODES[(bits >>> (28 - 4 * (digit & 7))) & 0xf]!;
  }
  return text.toString('latin1');
}

/** The fingerprint whose words stand at `words[at .. at + 3]`. */
export function readFingerprint(words: Int32Array, at: number): string {
  return readId(words, at).replaceAll('-', '');
}
