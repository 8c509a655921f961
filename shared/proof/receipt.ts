import { z } from 'zod';
import type { Event } from '#schemas/event.ts';
import { ReservationId, Seq } from '#schemas/ids.ts';
import { fromBase64 } from './base64.ts';
import { canonicalJson } from './canonical.ts';
import { type Checkpoint, type CheckpointFault, openCheckpoint, originOf } from './checkpoint.ts';
import { type InclusionFault, verifyInclusion } from './inclusion.ts';
import { decodeLeaf } from './leaf.ts';
import { noteCharactersMax, type VerifierKey } from './note.ts';
import { leafHash } from './tree-hash.ts';

/** A reservation names at most 20 items, so that its leaf is far shorter. */
const leafCharactersMax = 65_536;
/** A tree of 2^53 leaves has paths of 53 hashes. */
const pathHashesMax = 64;
const hashCharactersMax = 64;

/** What a buyer takes home: the decision on his reservation, and the proof that it stands in the log that was signed. */
export const Receipt = z.strictObject({
  reservation_id: ReservationId,
  /** Of the decision, in the sale's log. */
  seq: Seq,
  /** Base64 of the exact bytes of the event. */
  leaf: z.string().max(leafCharactersMax),
  /** seq - 1. */
  leaf_index: z.int().min(0),
  /** Leaves of the tree of the checkpoint. */
  tree_size: z.int().min(1),
  /** Base64; the siblings on the way to the root, the lowest first. */
  hashes: z.array(z.string().max(hashCharactersMax)).max(pathHashesMax),
  /** The signed checkpoint. */
  note: z.string().max(noteCharactersMax),
});
export type Receipt = z.infer<typeof Receipt>;

/** What a receipt may have against it, in the order in which it is checked. */
export type ReceiptFault =
  /** A field is missing, too much or of another form. */
  | 'malformed'
  | CheckpointFault
  | 'seq_differs'
  | 'size_differs'
  | InclusionFault
  | 'leaf_unreadable'
  | 'leaf_not_canonical'
  | 'leaf_of_another_seq'
  | 'leaf_of_another_sale'
  | 'leaf_of_another_reservation';

export type VerifiedReceipt =
  | { readonly kind: 'valid'; readonly event: Event; readonly checkpoint: Checkpoint }
  | { readonly kind: 'refused'; readonly verdict: 'tampered' | 'unverifiable'; readonly fault: ReceiptFault; readonly why: string };

/**
 * Verifies a receipt offline. Never throws.
 *
 * Valid says: a trusted key signed that the log of the event's sale has exactly this event
 * at its seq, and the event is about the receipt's reservation.
 *
 * @param receipt as parsed from JSON
 * @param keys that are trusted
 */
export function verifyReceipt(receipt: unknown, keys: readonly VerifierKey[]): VerifiedReceipt {
  const parsed = Receipt.safeParse(receipt);
  if (!parsed.success) return refused('malformed');
  const { reservation_id, seq, leaf_index, tree_size, note } = parsed.data;
  const leaf = fromBase64(parsed.data.leaf);
  const hashes: Buffer[] = [];
  for (const hash of parsed.data.hashes) {
    const bytes = fromBase64(hash);
    if (bytes !== null) hashes.push(bytes);
  }
  if (leaf === null || hashes.length < parsed.data.hashes.length) return refused('malformed');

  const opened = openCheckpoint(note, { keys });
  if (opened.kind === 'refused') return refused(opened.fault);
  const { checkpoint } = opened;
  if (seq !== leaf_index + 1) return refused('seq_differs');
  if (tree_size !== checkpoint.size) return refused('size_differs');
  const fault = verifyInclusion({ leafIndex: leaf_index, treeSize: tree_size, hashes }, leafHash(leaf), checkpoint.root);
  if (fault !== null) return refused(fault);

  // From here on the leaf is what was signed; what follows is whether it says what the receipt says.
  const event = eventOf(leaf);
  if (typeof event === 'string') return refused(event);
  if (event.seq !== seq) return refused('leaf_of_another_seq');
  if (!opened.signedBy.some(({ key }) => originOf(key.name, event.sale_id) === checkpoint.origin)) return refused('leaf_of_another_sale');
  if (!('reservation_id' in event) || event.reservation_id !== reservation_id) return refused('leaf_of_another_reservation');
  return { kind: 'valid', event, checkpoint };
}

function eventOf(leaf: Buffer): Event | 'leaf_unreadable' | 'leaf_not_canonical' {
  const text = leaf.toString();
  // What is no UTF-8 does not come back as it was.
  if (!Buffer.from(text).equals(leaf)) return 'leaf_unreadable';
  try {
    const event = decodeLeaf(text);
    return canonicalJson(event) === text ? event : 'leaf_not_canonical';
  } catch {
    return 'leaf_unreadable';
  }
}

function refused(fault: ReceiptFault): VerifiedReceipt {
  const [verdict, why] = REFUSALS[fault];
  return { kind: 'refused', verdict, fault, why };
}

const ASK_AGAIN = 'fetch the receipt again; if it stays so, give it and the answer to an auditor';
const KEEP_IT = 'keep this file and give it to an auditor';

const REFUSALS: Readonly<Record<ReceiptFault, readonly ['tampered' | 'unverifiable', string]>> = {
  malformed: ['unverifiable', `this is no receipt, or it was cut: ${ASK_AGAIN}`],
  note_too_large: ['unverifiable', `the note is longer than any signed checkpoint: ${ASK_AGAIN}`],
  note_malformed: ['unverifiable', `the note is not in the form of a signed note: ${ASK_AGAIN}`],
  key_ambiguous: ['unverifiable', 'two of the trusted keys have the same name and id: trust only the one that the operator published'],
  no_known_signature: [
    'unverifiable',
    'no trusted key signed the note: get the key of this log from a source you trust, and give it with --key',
  ],
  signature_invalid: [
    'tampered',
    `the note bears the name of a trusted key and not its signature, so that its text was changed: ${KEEP_IT}`,
  ],
  checkpoint_malformed: ['unverifiable', `the note that was signed is no checkpoint: ${ASK_AGAIN}`],
  other_origin: ['unverifiable', `the checkpoint is of another log: ${ASK_AGAIN}`],
  origin_of_another_key: ['unverifiable', 'the key that signed may not sign for this log: get the key of this log from a source you trust'],
  seq_differs: ['tampered', `seq is not leaf_index + 1, so that one of them was changed: ${KEEP_IT}`],
  size_differs: ['tampered', `tree_size is not the size that was signed: ${KEEP_IT}`],
  number_invalid: ['tampered', `leaf_index or tree_size is no number of leaves: ${KEEP_IT}`],
  index_beyond_size: ['tampered', `the decision is said to stand behind the end of the log that was signed: ${KEEP_IT}`],
  hash_length: ['tampered', `a hash of the proof has not 32 bytes: ${KEEP_IT}`],
  proof_too_long: ['tampered', `the proof has more hashes than its place in the log asks for: ${KEEP_IT}`],
  proof_too_short: ['tampered', `the proof has fewer hashes than its place in the log asks for: ${KEEP_IT}`],
  root_differs: [
    'tampered',
    `the decision does not stand at that place of the log that was signed: the leaf, its place or the proof was changed; ${KEEP_IT}`,
  ],
  leaf_unreadable: ['tampered', `the log that was signed has something at that place that is no event: ${KEEP_IT}`],
  leaf_not_canonical: ['tampered', `the log that was signed has an event at that place that is not written as events are: ${KEEP_IT}`],
  leaf_of_another_seq: ['tampered', `the event says another seq than its place in the log: ${KEEP_IT}`],
  leaf_of_another_sale: ['tampered', `the event is of another sale than the log it stands in: ${KEEP_IT}`],
  leaf_of_another_reservation: ['tampered', `the event is not about the reservation of this receipt: ${KEEP_IT}`],
};
