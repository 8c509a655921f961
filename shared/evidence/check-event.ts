import { isUtf8 } from 'node:buffer';
import type { DecidedEvent } from '#schemas/event.ts';
import type { SaleId } from '#schemas/ids.ts';
import { CHAIN_START, type ChainFault, type ChainHead, verifyChain } from '#shared/proof/chain.ts';
import { EMPTY_HEAD, type SealedEvent } from '#shared/proof/seal.ts';
import { readLeaf } from '#shared/proof/read-leaf.ts';
import { HASH_BYTES } from '#shared/proof/tree-hash.ts';
import type { EvidenceEvent, EvidenceFault } from './evidence.ts';

/** An event that is as it must be: what it says, and its hash for the tree. */
export interface SoundEvent {
  readonly kind: 'sound';
  readonly event: DecidedEvent;
  /** The same 32 bytes each time: they hold until the next event is checked. */
  readonly hash: Buffer;
}

/** `leaf`: of the wrong content or at the wrong place; `hash`: the leaf is right and what is stored beside it is not its hash. */
export interface UnsoundEvent {
  readonly kind: 'unsound';
  readonly fault: ChainFault | 'differs' | 'hash';
}

export interface EventChecks {
  /** Holds the next event against what the line leads to, byte for byte. */
  readonly again: (given: EvidenceEvent, expected: SealedEvent) => SoundEvent | UnsoundEvent;
  /** Where there is no line: canonical form, chain, seq, order, stored hash. */
  readonly alone: (given: EvidenceEvent) => SoundEvent | UnsoundEvent;
  /** Of the newest sound event, hex. */
  readonly head: () => string;
}

/** Longer leaves (a sale's terms) get a buffer of their own. */
const scratchBytes = 65_536;
const utf8BytesAUnitMax = 3;

export function createEventChecks(saleId: SaleId): EventChecks {
  const scratch = Buffer.alloc(scratchBytes);
  const hash = Buffer.alloc(HASH_BYTES);
  let chain: ChainHead = { ...CHAIN_START, saleId };
  let head = EMPTY_HEAD;
  /** Of the newest event that was checked alone. */
  let offset = -1;
  let at = -1;

  function isSame(leaf: Buffer, text: string): boolean {
    const bytesMax = text.length * utf8BytesAUnitMax;
    const bytes = bytesMax <= scratchBytes ? scratch : Buffer.alloc(bytesMax);
    const length = bytes.write(text);
    return leaf.length === length && bytes.compare(leaf, 0, length, 0, length) === 0;
  }

  /** In the tree stands the hash of the leaf, whatever is stored; it is the stored one where they agree. */
  function withHash(event: DecidedEvent, stored: Buffer | null): SoundEvent | UnsoundEvent {
    hash.write(head, 'hex');
    if (stored !== null && !hash.equals(stored)) return { kind: 'unsound', fault: 'hash' };
    return { kind: 'sound', event, hash };
  }

  return {
    again({ leaf, storedHash }, expected) {
      if (!isSame(leaf, expected.leaf)) return { kind: 'unsound', fault: 'differs' };
      head = expected.hash;
      chain = { saleId, seq: expected.event.seq, head };
      return withHash(expected.event, storedHash);
    },
    alone({ leaf, storedHash }) {
      if (!isUtf8(leaf)) return { kind: 'unsound', fault: 'unreadable' };
      const text = leaf.toString();
      const checked = verifyChain([text], chain);
      if (checked.kind === 'broken') return { kind: 'unsound', fault: checked.fault };
      const event = readLeaf(text);
      if (event === null) return { kind: 'unsound', fault: 'unreadable' };
      if (event.offset < offset) return { kind: 'unsound', fault: 'offset_order' };
      if (event.at < at) return { kind: 'unsound', fault: 'time_order' };
      ({ offset, at } = event);
      chain = checked.end;
      ({ head } = chain);
      return withHash(event, storedHash);
    },
    head: () => head,
  };
}

/** What was done to the log at `seq`, as far as the event there, the next and the one that should stand there tell. */
export function diagnose(
  seq: number,
  fault: UnsoundEvent['fault'],
  given: EvidenceEvent,
  next: EvidenceEvent | undefined,
  expected: SealedEvent | null,
): EvidenceFault {
  const tampered = (code: string, what: string): EvidenceFault => ({ verdict: 'tampered', code, seq, why: `${what} ${whatToDo}` });
  if (fault === 'hash')
    return tampered('hash_differs', `Event ${seq} does not have the hash that is stored beside it: its leaf or that hash was altered.`);
  const said = seqIn(given.leaf);
  if (said !== null && said > seq && next !== undefined && seqIn(next.leaf) === seq)
    return tampered('events_swapped', `Events ${seq} and ${said} stand in each other's place.`);
  if (expected !== null && next?.leaf.equals(Buffer.from(expected.leaf)) === true)
    return tampered('event_inserted', `Event ${seq} was put in: the line leads to the one behind it, and to none here.`);
  if (said !== null && said > seq) return tampered('event_missing', `Event ${seq} is missing: event ${said} stands in its place.`);
  if (said !== null && said < seq)
    return tampered('event_inserted', `Event ${said} stands where event ${seq} has to be: a row was put in before it, or given twice.`);
  switch (fault) {
    case 'differs': {
      const [again, onRecord] = apart(expected!.leaf, given.leaf.toString());
      return tampered(
        'leaf_differs',
        `Event ${seq} is not what the line leads to: decided again it says ${again}, on record is ${onRecord}.`,
      );
    }
    case 'unreadable':
      return tampered('leaf_unreadable', `Event ${seq} is no event that can be read: ${short(given.leaf.toString())}.`);
    case 'not_canonical':
      return tampered('leaf_not_canonical', `Event ${seq} is not in the canonical form in which events are written.`);
    case 'other_sale':
      return tampered('leaf_other_sale', `Event ${seq} is of another sale.`);
    case 'seq_gap':
    case 'prev_mismatch':
      return tampered(
        'chain_broken',
        `Event ${seq} does not name the hash of the event before it: one of the two was altered, or one between them taken out.`,
      );
    case 'offset_order':
      return tampered('order_broken', `Event ${seq} was decided for a request that stood in the line before that of the event before it.`);
    case 'time_order':
      return tampered('order_broken', `Event ${seq} is earlier than the event before it.`);
  }
}

const whatToDo = 'Keep this evidence as it is and compare the event with a copy of the log that somebody else has.';

/** Of a leaf, before and from the first character that differs. */
const shownBefore = 60;
const shownFrom = 140;

/** Where two texts part, each as it goes on. */
function apart(a: string, b: string): [string, string] {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  return [short(a, at), short(b, at)];
}

function short(leaf: string, at = 0): string {
  const from = Math.max(0, at - shownBefore);
  const end = at + shownFrom;
  return `${from > 0 ? '...' : ''}${leaf.slice(from, end)}${end < leaf.length ? '...' : ''}`;
}

/** The seq a leaf says it has; null where it says none. */
function seqIn(leaf: Buffer): number | null {
  try {
    const event = JSON.parse(leaf.toString()) as { seq?: unknown } | null;
    return typeof event?.seq === 'number' ? event.seq : null;
  } catch {
    return null;
  }
}
