import { decodeLeaf, hashLeaf } from './leaf.ts';
import { EMPTY_HEAD } from './seal.ts';
import { canonicalJson } from './canonical.ts';

/** Where a run of a sale's log stands: its newest event. */
export interface ChainHead {
  /** null: not known yet, taken from the first leaf. */
  readonly saleId: string | null;
  /** 0 before the first event. */
  readonly seq: number;
  /** Hash of the newest event, hex. */
  readonly head: string;
}

export const CHAIN_START: ChainHead = { saleId: null, seq: 0, head: EMPTY_HEAD };

/** What a leaf may have against it, in the order in which it is checked. */
export type ChainFault = 'unreadable' | 'not_canonical' | 'other_sale' | 'seq_gap' | 'prev_mismatch' | 'offset_order' | 'time_order';

/** `broken`: the leaf at `index` (from 0 in this run) is the first that does not fit; everything before it does. */
export type ChainOutcome =
  | { readonly kind: 'intact'; readonly end: ChainHead }
  | { readonly kind: 'broken'; readonly index: number; readonly fault: ChainFault; readonly end: ChainHead };

/**
 * Verifies a run of one sale's leaves: each is a canonical event of that sale, the
 * seqs are dense, each names the hash of the one before, and offsets and logical
 * times never go back.
 *
 * @param from where the run begins; `CHAIN_START` for a whole log
 */
export function verifyChain(leaves: Iterable<string>, from: ChainHead = CHAIN_START): ChainOutcome {
  let end = from;
  let offset = -1;
  let at = '';
  let index = 0;
  for (const leaf of leaves) {
    const fault = faultOf(leaf);
    if (fault !== null) return { kind: 'broken', index, fault, end };
    index += 1;
  }
  return { kind: 'intact', end };

  function faultOf(leaf: string): ChainFault | null {
    let event;
    try {
      event = decodeLeaf(leaf);
      if (canonicalJson(event) !== leaf) return 'not_canonical';
    } catch {
      return 'unreadable';
    }
    if (end.saleId !== null && event.sale_id !== end.saleId) return 'other_sale';
    if (event.seq !== end.seq + 1) return 'seq_gap';
    if (event.prev !== end.head) return 'prev_mismatch';
    if (event.offset < offset) return 'offset_order';
    if (event.at < at) return 'time_order';
    end = { saleId: event.sale_id, seq: event.seq, head: hashLeaf(leaf) };
    offset = event.offset;
    at = event.at;
    return null;
  }
}
