import { type CheckpointFault, openCheckpoint, originOf } from '#shared/proof/checkpoint.ts';
import type { VerifierKey } from '#shared/proof/note.ts';
import type { Evidence, EvidenceFault, VerdictName } from './evidence.ts';

/** What checkpoints, the evidence's own and those an auditor brought along, say of a log. */

export interface Finding {
  readonly verdict: Exclude<VerdictName, 'verified'>;
  readonly code: string;
  readonly why: string;
  readonly seq?: number;
}

interface SignedRoot {
  readonly size: number;
  readonly root: Buffer;
  readonly brought: boolean;
  /** Whether the log has this root at this size; null: it has not so many events. */
  same: boolean | null;
}

export interface SignedRoots {
  /** The next size at which the log's root is asked for; Infinity where there is none. */
  readonly nextSize: () => number;
  /** The log has `root` at `nextSize`. */
  readonly rootIs: (root: Buffer) => void;
  /** What they say of the log, all of which was read and has `events` events. */
  readonly findings: (events: number) => readonly Finding[];
  /** Validly signed by a trusted key. */
  readonly count: () => number;
  /** Largest size at which root and signature agree; 0 where there is none. */
  readonly signedThrough: () => number;
}

/** Nothing is wrong with the note but that nobody who is trusted has signed it, as far as can be said. */
const UNTRUSTED: ReadonlySet<CheckpointFault> = new Set(['no_known_signature', 'origin_of_another_key', 'key_ambiguous']);

/** Reads and opens every checkpoint; keeps 32 bytes and a few numbers of each. */
export async function openSignedRoots(
  evidence: Pick<Evidence, 'start' | 'checkpoints' | 'keys'>,
  trusted: readonly VerifierKey[],
  brought: readonly string[],
): Promise<SignedRoots> {
  const { saleId, origin: said } = evidence.start;
  // What the evidence calls its log is only its word: the log of a sale is named after the key that signs it.
  const origins: ReadonlySet<string> = new Set(trusted.map(({ name }) => originOf(name, saleId)));
  const found: Finding[] = [];
  const roots: SignedRoot[] = [];
  let untrusted = 0;

  function take(note: string, isBrought: boolean): void {
    const opened = openCheckpoint(note, { keys: trusted });
    if (opened.kind === 'opened' && origins.has(opened.checkpoint.origin)) {
      roots.push({ size: opened.checkpoint.size, root: opened.checkpoint.root, brought: isBrought, same: null });
      return;
    }
    const fault = opened.kind === 'opened' ? 'other_origin' : opened.fault;
    const origin = [...origins].join(' or ');
    if (UNTRUSTED.has(fault)) untrusted += 1;
    if (isBrought) found.push(refusedBrought(fault, origin));
    else if (!UNTRUSTED.has(fault)) found.push(refusedOwn(fault, origin));
  }

  for await (const { note } of evidence.checkpoints()) take(note, false);
  for (const note of brought) take(note, true);
  roots.sort((a, b) => a.size - b.size);
  let next = 0;
  let signedThrough = 0;

  return {
    nextSize: () => roots[next]?.size ?? Infinity,
    rootIs(root) {
      const { size } = roots[next]!;
      for (; roots[next]?.size === size; next++) {
        const signed = roots[next]!;
        signed.same = signed.root.equals(root);
        if (signed.same) signedThrough = size;
      }
    },
    findings(events) {
      // Of an empty log there is nothing to vouch for.
      if (!roots.some(({ size }) => size > 0)) found.push(nothingTrusted(evidence, trusted, untrusted));
      else if (!origins.has(said)) found.push(otherName(said, [...origins]));
      return [...found, ...contradictions(roots), ...differences(roots, signedThrough), ...ahead(roots, events, evidence.start.settled)];
    },
    count: () => roots.length,
    signedThrough: () => signedThrough,
  };
}

/** Two that were signed for the same size with different roots: at least one of them is a lie, whatever the log says. */
function* contradictions(roots: readonly SignedRoot[]): Generator<Finding> {
  for (const [index, { size, root }] of roots.entries()) {
    const after = roots[index + 1];
    if (after?.size !== size || after.root.equals(root)) continue;
    yield {
      verdict: 'forked',
      code: 'checkpoints_contradict',
      seq: lastSameBelow(roots, size) + 1,
      why: `Two checkpoints with valid signatures say different things of the first ${size} events: whoever holds the key signed two histories. ${showBoth}`,
    };
    return;
  }
}

function* differences(roots: readonly SignedRoot[], signedThrough: number): Generator<Finding> {
  for (const { size, same, brought } of roots) {
    if (same !== false) continue;
    const from = lastSameBelow(roots, size) + 1;
    const between = from === size ? `Event ${size} is not the one` : `Events ${from} to ${size} are not those`;
    if (size <= signedThrough) {
      yield {
        verdict: 'forked',
        code: 'checkpoints_contradict',
        seq: from,
        why: `${between} that the checkpoint of size ${size} was signed for, while the later one of size ${signedThrough} was signed for them: whoever holds the key signed two histories. ${showBoth}`,
      };
    } else if (brought) {
      yield {
        verdict: 'forked',
        code: 'brought_checkpoint_differs',
        seq: from,
        why: `${between} that the checkpoint of size ${size} you brought along was signed for: you and this log were told two histories. ${showBoth}`,
      };
    } else {
      yield {
        verdict: 'tampered',
        code: 'root_differs',
        seq: from,
        why: `${between} that were signed: the checkpoint of size ${size} has another root, so at least one of them was altered after it was signed. Verify with the line, which names the event, or compare them with a copy of the log that somebody else has.`,
      };
    }
    return;
  }
}

function* ahead(roots: readonly SignedRoot[], events: number, settled: boolean): Generator<Finding> {
  const last = roots.at(-1);
  if (last === undefined || last.size <= events) return;
  yield {
    verdict: 'truncated',
    code: 'checkpoint_ahead',
    seq: events + 1,
    why: `A checkpoint ${last.brought ? 'you brought along ' : ''}was signed for ${last.size} events and there are ${events}: the last ${last.size - events} are gone, or an older state was restored.${settled ? '' : ' Or this is what there was when the sale still ran, and the checkpoint is newer: get the evidence as it is now.'} Ask for them; who has a copy of the log behind seq ${events} can prove what they were.`,
  };
}

const showBoth = 'Keep both checkpoints: together they prove it to anyone.';

function lastSameBelow(roots: readonly SignedRoot[], size: number): number {
  let last = 0;
  for (const root of roots) if (root.same === true && root.size < size) last = root.size;
  return last;
}

function nothingTrusted({ keys }: Pick<Evidence, 'keys'>, trusted: readonly VerifierKey[], untrusted: number): Finding {
  const names = keys.length === 0 ? 'no key came with it' : `the keys that came with it are ${keys.map(({ vkey }) => vkey).join(', ')}`;
  if (trusted.length === 0) {
    return {
      verdict: 'unverifiable',
      code: 'no_key',
      why: `No key was given to trust, and ${names}. Give the one you got from the operator before the sale with --key, or take these on trust with --trust-included-keys.`,
    };
  }
  return {
    verdict: 'unverifiable',
    code: untrusted > 0 ? 'untrusted_key' : 'no_checkpoint',
    why:
      untrusted > 0
        ? `None of the ${untrusted} checkpoints is signed by a key you trust; ${names}. If the operator announced a new key, give that too; if not, the log was signed by somebody else.`
        : 'There is no checkpoint, so nobody has signed for this log. Ask for one, or give one you have with --checkpoint.',
  };
}

function otherName(said: string, origins: readonly string[]): Finding {
  return {
    verdict: 'tampered',
    code: 'checkpoint_origin',
    why: `The evidence calls its log ${said} and it was signed as ${origins.join(' or ')}: somebody renamed it. Ask who gave it to you.`,
  };
}

function refusedOwn(fault: CheckpointFault, origin: string): EvidenceFault {
  if (fault === 'other_origin') {
    return {
      verdict: 'tampered',
      code: 'checkpoint_origin',
      why: `A checkpoint among this sale's is of another log than ${origin}: somebody put it there. Keep it, and ask who wrote it.`,
    };
  }
  return {
    verdict: 'tampered',
    code: 'checkpoint_altered',
    why: `A checkpoint among this sale's is not as it was signed (${fault}): somebody altered it. Keep it, and compare it with a copy that somebody else has.`,
  };
}

function refusedBrought(fault: CheckpointFault, origin: string): Finding {
  const why =
    fault === 'other_origin'
      ? `The checkpoint you brought along is of another log than ${origin}: give one of this sale.`
      : UNTRUSTED.has(fault)
        ? 'The checkpoint you brought along is not signed by a key you trust: give its key with --key if you trust it.'
        : `The checkpoint you brought along is not as it was signed (${fault}): look for another copy of it.`;
  return { verdict: 'unverifiable', code: 'brought_checkpoint_refused', why };
}
