import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { TerminalFault } from '#shared/faults/faults.ts';
import { writeDurably } from '#shared/files/durable-file.ts';
import {
  createSigningKey,
  formatSigningKey,
  formatVerifierKey,
  parseSigningKey,
  parseVerifierKey,
  type SigningKey,
  type VerifierKey,
} from '#shared/proof/note.ts';

/**
 * The keys that checkpoints are signed with, in a folder that only their owner reads:
 * `current.key` is the private key in use, `earlier/*.vkey` are the public keys of those
 * that were in use before. A key that is replaced is gone for good; what it signed stays
 * valid, since its public key stays.
 */

export interface KeyRing {
  readonly signing: SigningKey;
  /** Public keys that signed before; the newest last. */
  readonly earlier: readonly VerifierKey[];
}

const CURRENT = 'current.key';
const EARLIER = 'earlier';
const SEED_BYTES = 32;
/** Of the group and of everybody. */
const OTHERS = 0o077;

/** Every public key whose signatures count. */
export function verifierKeysOf({ signing, earlier }: KeyRing): readonly VerifierKey[] {
  return [signing.verifier, ...earlier];
}

/**
 * Throws TerminalFault: `keys_missing`, `keys_exposed` where others than the owner may
 * read the private key, `keys_unreadable`.
 */
export function readKeys(folder: string): KeyRing {
  const file = join(folder, CURRENT);
  if (!existsSync(file)) {
    throw new TerminalFault('keys_missing', `there is no signing key in ${folder}: make one by \`firstcome keys generate\`, or restore it`);
  }
  const mode = statSync(file).mode & 0o777;
  if ((mode & OTHERS) !== 0) {
    throw new TerminalFault(
      'keys_exposed',
      `others may read the private key ${file} (mode ${mode.toString(8)}): if nobody has, \`chmod 600\` it; else \`firstcome keys rotate\``,
    );
  }
  const signing = parseSigningKey(readFileSync(file, 'utf8').trim());
  if (signing === null) throw new TerminalFault('keys_unreadable', `${file} is not a signing key: restore it from a backup`);
  return { signing, earlier: readEarlier(folder, signing) };
}

function readEarlier(folder: string, signing: SigningKey): VerifierKey[] {
  const named = join(folder, EARLIER);
  if (!existsSync(named)) return [];
  const files = readdirSync(named)
    .filter((name) => name.endsWith('.vkey'))
    .map((name) => join(named, name));
  const keys = files.map((file) => {
    const key = parseVerifierKey(readFileSync(file, 'utf8').trim());
    if (key === null)
      throw new TerminalFault('keys_unreadable', `${file} is not a public key: restore it from a backup or from a copy of /v1/audit/keys`);
    return { key, at: statSync(file).mtimeMs };
  });
  // After a crash in the middle of a rotation the key in use is on record there already.
  const current = formatVerifierKey(signing.verifier);
  return keys
    .sort((a, b) => a.at - b.at)
    .map(({ key }) => key)
    .filter((key) => formatVerifierKey(key) !== current);
}

/**
 * Makes the first key. Throws TerminalFault `keys_exist` where there is one.
 *
 * @param name of the key: AUDIT_ORIGIN
 */
export async function generateKey(folder: string, name: string): Promise<KeyRing> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const key = createSigningKey(name, randomBytes(SEED_BYTES));
  try {
    await writeDurably(join(folder, CURRENT), `${formatSigningKey(key)}\n`, { mode: 0o600, fresh: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new TerminalFault('keys_exist', `there is a signing key in ${folder} already: replace it by \`firstcome keys rotate\``);
  }
  return readKeys(folder);
}

/** The keys that are there; where there are none, a first one is made. */
export async function ensureKey(folder: string, name: string): Promise<KeyRing> {
  if (!existsSync(join(folder, CURRENT))) await generateKey(folder, name);
  return readKeys(folder);
}

/** A new key of the same name takes the place of the one in use, whose public key stays listed. Throws as `readKeys`. */
export async function rotateKey(folder: string): Promise<KeyRing> {
  const { signing } = readKeys(folder);
  const earlier = join(folder, EARLIER);
  mkdirSync(earlier, { recursive: true, mode: 0o700 });
  const id = signing.verifier.id.toString(16).padStart(8, '0');
  await writeDurably(join(earlier, `${id}.vkey`), `${formatVerifierKey(signing.verifier)}\n`, { mode: 0o644 });
  const next = createSigningKey(signing.verifier.name, randomBytes(SEED_BYTES));
  await writeDurably(join(folder, CURRENT), `${formatSigningKey(next)}\n`, { mode: 0o600 });
  return readKeys(folder);
}

/**
 * The keys as they are now, read again whenever the file of the key in use was replaced,
 * so that a rotation needs no restart. Each call looks at the file's time and number only.
 */
export function openKeys(folder: string): () => KeyRing {
  // The place first: a key that is rotated in between is read again.
  let seen = placeOf(folder);
  let ring = readKeys(folder);
  return () => {
    const place = placeOf(folder);
    // While it is gone the one in memory goes on; a restart would say what is missing.
    if (place !== seen && place !== null) {
      ring = readKeys(folder);
      seen = place;
    }
    return ring;
  };
}

function placeOf(folder: string): string | null {
  const stat = statSync(join(folder, CURRENT), { throwIfNoEntry: false });
  return stat === undefined ? null : `${stat.ino} ${stat.mtimeMs}`;
}
