import type { SaleId } from '#schemas/ids.ts';
import { assert } from '#shared/faults/assert.ts';
import { fromBase64 } from './base64.ts';
import { isNoteText, type NoteFault, type NoteSignature, openNote, signNote, type SigningKey, type VerifierKey } from './note.ts';
import { HASH_BYTES, isTreeSize } from './tree-hash.ts';

/** Where a log stands, after C2SP tlog-checkpoint: the text of a note that is signed. */
export interface Checkpoint {
  /** Names the log: that of a sale is `originOf` it. */
  readonly origin: string;
  /** Leaves. */
  readonly size: number;
  /** Root of the tree of those leaves, 32 bytes. */
  readonly root: Buffer;
}

/** What a checkpoint may have against it, in the order in which it is checked. */
export type CheckpointFault =
  | NoteFault
  /** It is a note and its text is no checkpoint. */
  | 'checkpoint_malformed'
  /** It is another log's than was asked for. */
  | 'other_origin'
  /** None of the keys that signed it may sign for that log. */
  | 'origin_of_another_key';

export type OpenedCheckpoint =
  | { readonly kind: 'opened'; readonly checkpoint: Checkpoint; readonly signedBy: readonly NoteSignature[] }
  | { readonly kind: 'refused'; readonly fault: CheckpointFault };

/**
 * The name of a sale's log.
 *
 * @param auditOrigin what the names of all logs of this operator begin with, such as `firstcome.local/log`; the name of the key, too
 */
export function originOf(auditOrigin: string, saleId: SaleId): string {
  return `${auditOrigin}/${saleId}`;
}

/** The text of a checkpoint. Extension lines are never written. */
export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  assert(origin !== '' && !origin.includes('\n') && isNoteText(`${origin}\n`), 'an origin is one line of text');
  assert(isTreeSize(size), 'a tree has a size');
  assert(root.length === HASH_BYTES, 'a root has 32 bytes');
  return `${origin}\n${size}\n${root.toString('base64')}\n`;
}

/** The inverse of `formatCheckpoint`; null for anything else. Extension lines are read over. Never throws. */
export function parseCheckpoint(text: string): Checkpoint | null {
  if (!isNoteText(text)) return null;
  const lines = text.slice(0, -1).split('\n');
  if (lines.includes('')) return null;
  const [origin, size, base64] = lines;
  if (origin === undefined || size === undefined || base64 === undefined) return null;
  if (!/^(0|[1-9][0-9]*)$/.test(size) || !isTreeSize(Number(size))) return null;
  const root = fromBase64(base64);
  return root?.length === HASH_BYTES ? { origin, size: Number(size), root } : null;
}

/** @param keys whose names the origin is, or begins with */
export function signCheckpoint(checkpoint: Checkpoint, keys: readonly SigningKey[]): string {
  for (const { verifier } of keys) assert(maySignFor(verifier, checkpoint.origin), 'a key signs for origins that begin with its name');
  return signNote(formatCheckpoint(checkpoint), keys);
}

/**
 * Reads a signed checkpoint. Never throws.
 *
 * @param options.keys that are trusted: of logs, and of witnesses, whose signatures alone open no checkpoint
 * @param options.origin the log it has to be of, where that is known
 */
export function openCheckpoint(
  note: string,
  { keys, origin }: { readonly keys: readonly VerifierKey[]; readonly origin?: string },
): OpenedCheckpoint {
  const opened = openNote(note, keys);
  if (opened.kind === 'refused') return opened;
  const checkpoint = parseCheckpoint(opened.text);
  if (checkpoint === null) return { kind: 'refused', fault: 'checkpoint_malformed' };
  if (origin !== undefined && checkpoint.origin !== origin) return { kind: 'refused', fault: 'other_origin' };
  if (!opened.signedBy.some(({ key }) => maySignFor(key, checkpoint.origin))) return { kind: 'refused', fault: 'origin_of_another_key' };
  return { kind: 'opened', checkpoint, signedBy: opened.signedBy };
}

/** Whether a key is a log's and the origin is its name or stands below it. */
function maySignFor({ name, algorithm }: VerifierKey, origin: string): boolean {
  return algorithm === 'ed25519' && (origin === name || origin.startsWith(`${name}/`));
}
