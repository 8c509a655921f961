import type { DecidedEvent } from '#schemas/event.ts';
import type { SaleId } from '#schemas/ids.ts';
import { originOf, signCheckpoint } from '../checkpoint.ts';
import { createSigningKey, type SigningKey } from '../note.ts';
import type { Receipt } from '../receipt.ts';
import { EMPTY_HEAD, seal } from '../seal.ts';
import { openTileTree } from '../tile-tree.ts';
import { inclusionProof } from '../tiles.ts';
import { leafHash } from '../tree-hash.ts';

/** Key of the logs in tests; its seed is 32 times the same byte. */
export const AUDIT_ORIGIN = 'firstcome.test/log';

export function testKey(name: string, seedByte: number, algorithm?: SigningKey['verifier']['algorithm']): SigningKey {
  return createSigningKey(name, Buffer.alloc(32, seedByte), algorithm);
}

export const reservationOf = (seq: number): string => `00000000-0000-8000-8000-${String(seq).padStart(12, '0')}`;

/** A decision: the reservation `reservationOf(seq)` is held. */
export function held(saleId: string, seq: number): DecidedEvent {
  return {
    type: 'reservation.created',
    sale_id: saleId,
    seq,
    offset: seq + 10,
    at: 1_800_000_000_000 + seq,
    accepted_at: 1_800_000_000_000,
    request_id: `r${seq}`,
    fingerprint: '0'.repeat(32),
    reservation_id: reservationOf(seq),
    user: '00000000-0000-8000-8000-00000000000a',
    items: [{ sku: 'A', quantity: 1 }],
    expires_at: 1_800_000_120_000,
    respond_async: false,
    counts: { A: { total: 1_000, held: seq, sold: 0 } },
  } as unknown as DecidedEvent;
}

/** The leaves of a log of so many reservations. */
export function heldLeaves(saleId: string, count: number): Buffer[] {
  const events = Array.from({ length: count }, (_, index) => held(saleId, index + 1));
  return seal(events, EMPTY_HEAD).sealed.map(({ leaf }) => Buffer.from(leaf));
}

/** The receipt for the leaf of that seq, under a checkpoint over all leaves. */
export function receiptFor(leaves: readonly Buffer[], seq: number, saleId: string, keys: readonly SigningKey[]): Receipt {
  const tiles = new Map<string, Uint8Array>();
  const tree = openTileTree(0, () => undefined);
  for (const { id, hashes } of tree.append(Buffer.concat(leaves.map(leafHash)))) tiles.set(`${id.level}/${id.index}`, hashes);
  const proof = inclusionProof(seq - 1, leaves.length, ({ level, index }) => tiles.get(`${level}/${index}`));
  return {
    reservation_id: reservationOf(seq),
    seq,
    leaf: leaves[seq - 1]!.toString('base64'),
    leaf_index: proof.leafIndex,
    tree_size: proof.treeSize,
    hashes: proof.hashes.map((hash) => Buffer.from(hash).toString('base64')),
    note: signCheckpoint({ origin: originOf(AUDIT_ORIGIN, saleId as SaleId), size: leaves.length, root: tree.root() }, keys),
  } as Receipt;
}
