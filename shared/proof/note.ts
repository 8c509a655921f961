import { createPrivateKey, createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto';
import { assert } from '#shared/faults/assert.ts';
import { fromBase64 } from './base64.ts';

/**
 * Signed notes, after C2SP signed-note and tlog-cosignature, as Go's checksum database
 * and the transparency logs write them: a text, a blank line, and a line a signature.
 */

/** As in Go's package note; the specification asks for 16 signatures at least, and those of later algorithms are long. */
export const noteCharactersMax = 1_000_000;
export const noteSignaturesMax = 100;

/** `ed25519`: signs the text. `cosignature-v1`: a witness, which signs the text and when it saw it. */
export type NoteAlgorithm = 'ed25519' | 'cosignature-v1';

export interface VerifierKey {
  readonly name: string;
  /** First four bytes of SHA-256(name || 0x0A || type || public key), big-endian. */
  readonly id: number;
  readonly algorithm: NoteAlgorithm;
  /** 32 bytes. */
  readonly publicKey: Buffer;
}

export interface SigningKey {
  readonly verifier: VerifierKey;
  /** 32 secret bytes. */
  readonly seed: Buffer;
}

/** What a note may have against it. */
export type NoteFault =
  /** It is longer than any note may be, or has more signatures. */
  | 'note_too_large'
  | 'note_malformed'
  /** Two of the given keys share a name and an id, so that nobody can say whose signature it is. */
  | 'key_ambiguous'
  /** A signature that names one of the given keys is not of that key over this text. */
  | 'signature_invalid'
  /** None of the given keys has signed it. */
  | 'no_known_signature';

export interface NoteSignature {
  readonly key: VerifierKey;
  /** Of a cosignature: when the witness signed, in seconds since 1970. */
  readonly timestamp?: number;
}

export type OpenedNote =
  | { readonly kind: 'opened'; readonly text: string; readonly signedBy: readonly NoteSignature[] }
  | { readonly kind: 'refused'; readonly fault: NoteFault };

const SEED_BYTES = 32;
const PUBLIC_KEY_BYTES = 32;
const ED25519_SIGNATURE_BYTES = 64;
const ID_BYTES = 4;
const TIMESTAMP_BYTES = 8;
const TYPE_BYTES: Readonly<Record<NoteAlgorithm, number>> = { ed25519: 0x01, 'cosignature-v1': 0x04 };

/** A name without spaces and pluses, such as `example.com/log`. */
export function isKeyName(name: string): boolean {
  return name !== '' && name.isWellFormed() && !/[\p{White_Space}\p{Cc}\ufeff+]/u.test(name);
}

/**
 * @param name see `isKeyName`
 * @param seed 32 bytes of randomness
 */
export function createSigningKey(name: string, seed: Buffer, algorithm: NoteAlgorithm = 'ed25519'): SigningKey {
  assert(isKeyName(name), 'the name of a key has no spaces, control characters and pluses');
  assert(seed.length === SEED_BYTES, 'the seed of a key has 32 bytes');
  const publicKey = createPublicKey(privateKeyOf(seed)).export({ format: 'der', type: 'spki' }).subarray(SPKI_PREFIX.length);
  return { verifier: verifierKey(name, algorithm, Buffer.from(publicKey)), seed: Buffer.from(seed) };
}

function verifierKey(name: string, algorithm: NoteAlgorithm, publicKey: Buffer): VerifierKey {
  const named = Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(TYPE_BYTES[algorithm]), publicKey]);
  return { name, id: hash('sha256', named, 'buffer').readUInt32BE(0), algorithm, publicKey };
}

/** `name+id+base64(type || public key)`, the id in eight hexadecimal digits. */
export function formatVerifierKey({ name, id, algorithm, publicKey }: VerifierKey): string {
  return `${name}+${hexId(id)}+${typed(algorithm, publicKey)}`;
}

/** The inverse of `formatVerifierKey`; null for anything else, and for an id that is not the key's. */
export function parseVerifierKey(vkey: string): VerifierKey | null {
  const parts = parseKey(vkey, PUBLIC_KEY_BYTES);
  if (parts === null) return null;
  const key = verifierKey(parts.name, parts.algorithm, parts.material);
  return key.id === parts.id ? key : null;
}

const SIGNING_KEY_PREFIX = 'PRIVATE+KEY+';

/** `PRIVATE+KEY+name+id+base64(type || seed)`, as Go's package note writes it. */
export function formatSigningKey({ verifier, seed }: SigningKey): string {
  return `${SIGNING_KEY_PREFIX}${verifier.name}+${hexId(verifier.id)}+${typed(verifier.algorithm, seed)}`;
}

/** The inverse of `formatSigningKey`; null for anything else, and for an id that is not the key's. */
export function parseSigningKey(skey: string): SigningKey | null {
  if (!skey.startsWith(SIGNING_KEY_PREFIX)) return null;
  const parts = parseKey(skey.slice(SIGNING_KEY_PREFIX.length), SEED_BYTES);
  if (parts === null) return null;
  const key = createSigningKey(parts.name, parts.material, parts.algorithm);
  return key.verifier.id === parts.id ? key : null;
}

function hexId(id: number): string {
  return id.toString(16).padStart(2 * ID_BYTES, '0');
}

function typed(algorithm: NoteAlgorithm, material: Buffer): string {
  return Buffer.concat([Buffer.of(TYPE_BYTES[algorithm]), material]).toString('base64');
}

function parseKey(key: string, materialBytes: number): { name: string; id: number; algorithm: NoteAlgorithm; material: Buffer } | null {
  // Base64 has pluses of its own; a name has none.
  const [, name, id, base64] = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(key) ?? [];
  if (name === undefined || id === undefined || base64 === undefined || !isKeyName(name)) return null;
  const bytes = fromBase64(base64);
  if (bytes?.length !== 1 + materialBytes) return null;
  const algorithm = (Object.keys(TYPE_BYTES) as NoteAlgorithm[]).find((one) => TYPE_BYTES[one] === bytes[0]);
  return algorithm === undefined ? null : { name, id: parseInt(id, 16), algorithm, material: Buffer.from(bytes.subarray(1)) };
}

/**
 * @param text see `isNoteText`
 * @param keys of the algorithm `ed25519`, at least one; witnesses sign with `cosign`
 */
export function signNote(text: string, keys: readonly SigningKey[]): string {
  assert(isNoteText(text), 'the text of a note ends in a newline and has no other control characters');
  assert(keys.length > 0 && keys.length <= noteSignaturesMax, 'a note has 1 to 100 signatures');
  const lines = keys.map(({ verifier, seed }) => {
    assert(verifier.algorithm === 'ed25519', 'a witness signs with cosign');
    return signatureLine(verifier, sign(null, Buffer.from(text), privateKeyOf(seed)));
  });
  return `${text}\n${lines.join('')}`;
}

/**
 * Adds a witness's signature to a note. Whoever calls has opened the note and checked that
 * it continues what this witness signed before.
 *
 * @param key of the algorithm `cosignature-v1`
 */
export function cosign(note: string, key: SigningKey, timestampSeconds: number): string {
  const parsed = parseNote(note);
  assert(typeof parsed !== 'string', 'what a witness signs is a note');
  assert(parsed.signatures.length < noteSignaturesMax, 'a note has at most 100 signatures');
  assert(key.verifier.algorithm === 'cosignature-v1', 'a witness has a key for cosignatures');
  assert(Number.isSafeInteger(timestampSeconds) && timestampSeconds >= 0, 'a time is a whole number of seconds since 1970');
  const timestamp = Buffer.alloc(TIMESTAMP_BYTES);
  timestamp.writeBigUInt64BE(BigInt(timestampSeconds));
  const signature = sign(null, cosignedMessage(parsed.text, timestampSeconds), privateKeyOf(key.seed));
  return note + signatureLine(key.verifier, Buffer.concat([timestamp, signature]));
}

function cosignedMessage(text: string, timestampSeconds: number): Buffer {
  return Buffer.from(`cosignature/v1\ntime ${timestampSeconds}\n${text}`);
}

function signatureLine({ name, id }: VerifierKey, signature: Buffer): string {
  const bytes = Buffer.alloc(ID_BYTES + signature.length);
  bytes.writeUInt32BE(id);
  signature.copy(bytes, ID_BYTES);
  return `— ${name} ${bytes.toString('base64')}\n`;
}

/**
 * Reads a note and verifies what the given keys signed. Never throws.
 *
 * Signatures of other keys are ignored. One of a given key that does not verify refuses
 * the whole note, whatever else stands under it.
 *
 * @returns the text and each given key that signed it, once, in the order of the lines
 */
export function openNote(note: string, keys: readonly VerifierKey[]): OpenedNote {
  const parsed = parseNote(note);
  if (typeof parsed === 'string') return { kind: 'refused', fault: parsed };
  const signedBy: NoteSignature[] = [];
  for (const { name, id, signature } of parsed.signatures) {
    const [key, ...others] = keys.filter((one) => one.name === name && one.id === id);
    if (key === undefined) continue;
    if (others.some((other) => formatVerifierKey(other) !== formatVerifierKey(key))) return { kind: 'refused', fault: 'key_ambiguous' };
    const verified = verifySignature(key, parsed.text, signature);
    if (verified === null) return { kind: 'refused', fault: 'signature_invalid' };
    if (!signedBy.some((one) => one.key === key)) signedBy.push(verified);
  }
  return signedBy.length > 0 ? { kind: 'opened', text: parsed.text, signedBy } : { kind: 'refused', fault: 'no_known_signature' };
}

function verifySignature(key: VerifierKey, text: string, signature: Buffer): NoteSignature | null {
  switch (key.algorithm) {
    case 'ed25519':
      return verifyEd25519(key, Buffer.from(text), signature) ? { key } : null;
    case 'cosignature-v1': {
      if (signature.length !== TIMESTAMP_BYTES + ED25519_SIGNATURE_BYTES) return null;
      const timestamp = Number(signature.readBigUInt64BE());
      // The year 285,428,751 comes before this; later ones are nobody's honest time.
      if (!Number.isSafeInteger(timestamp)) return null;
      const verified = verifyEd25519(key, cosignedMessage(text, timestamp), signature.subarray(TIMESTAMP_BYTES));
      return verified ? { key, timestamp } : null;
    }
  }
}

function verifyEd25519(key: VerifierKey, message: Buffer, signature: Buffer): boolean {
  return signature.length === ED25519_SIGNATURE_BYTES && verify(null, message, publicKeyOf(key), signature);
}

interface ParsedNote {
  readonly text: string;
  readonly signatures: readonly { readonly name: string; readonly id: number; readonly signature: Buffer }[];
}

/** Text that can be signed: at least one line, each ending in a newline, no other control characters, nothing that UTF-8 cannot say. */
export function isNoteText(text: string): boolean {
  return text.endsWith('\n') && text.isWellFormed() && !CONTROL_CHARACTERS.test(text);
}

const CONTROL_CHARACTERS = /[\u0000-\u0009\u000b-\u001f]/;

const SIGNATURE_LINE = /^— (\S+) ([A-Za-z0-9+/=]+)$/u;

function parseNote(note: string): ParsedNote | 'note_too_large' | 'note_malformed' {
  if (note.length > noteCharactersMax) return 'note_too_large';
  if (!isNoteText(note)) return 'note_malformed';
  // The last blank line: the text may have some of its own.
  const split = note.lastIndexOf('\n\n');
  if (split === -1 || split + 2 === note.length) return 'note_malformed';
  const lines = note.slice(split + 2, -1).split('\n');
  if (lines.length > noteSignaturesMax) return 'note_too_large';
  const signatures: ParsedNote['signatures'][number][] = [];
  for (const line of lines) {
    const [, name, base64] = SIGNATURE_LINE.exec(line) ?? [];
    if (name === undefined || base64 === undefined || !isKeyName(name)) return 'note_malformed';
    const bytes = fromBase64(base64);
    if (bytes === null || bytes.length <= ID_BYTES) return 'note_malformed';
    signatures.push({ name, id: bytes.readUInt32BE(), signature: bytes.subarray(ID_BYTES) });
  }
  return { text: note.slice(0, split + 1), signatures };
}

/** What stands before the 32 bytes of a key in its DER form (RFC 8410). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

function privateKeyOf(seed: Buffer): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
}

/** Making one costs about as much as to verify with it. */
const publicKeys = new WeakMap<VerifierKey, KeyObject>();

function publicKeyOf(key: VerifierKey): KeyObject {
  let made = publicKeys.get(key);
  if (made === undefined) {
    made = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, key.publicKey]), format: 'der', type: 'spki' });
    publicKeys.set(key, made);
  }
  return made;
}
