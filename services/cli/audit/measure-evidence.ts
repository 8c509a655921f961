import type { Evidence } from '#shared/evidence/evidence.ts';
import { createFairness, type FairnessCurves, type FairnessFigures } from '#shared/fairness/fairness.ts';
import { hashLeaf } from '#shared/proof/leaf.ts';
import { readLeaf } from '#shared/proof/read-leaf.ts';
import { EMPTY_HEAD } from '#shared/proof/seal.ts';

export type Measured =
  | { readonly kind: 'measured'; readonly figures: FairnessFigures; readonly curves: FairnessCurves; readonly head: string }
  /** The log is not one that can be measured; `seq` is the first event that shows it, where one does. */
  | { readonly kind: 'refused'; readonly seq: number | null; readonly why: string };

/**
 * The figures of a sale from its events, read once in pages. Looks at the chain of
 * hashes on the way, so that `head` stands for all that was measured; signatures and the
 * line are `verifyEvidence`'s.
 *
 * @param onProgress called after each page
 */
export async function measureEvidence(
  evidence: Evidence,
  onProgress: (done: number, of: number) => void = () => undefined,
): Promise<Measured> {
  const { saleId, auditedThrough } = evidence.start;
  const fairness = createFairness();
  let head = EMPTY_HEAD;
  let seq = 0;
  for await (const page of evidence.events()) {
    for (const { leaf: bytes } of page) {
      const leaf = bytes.toString('utf8');
      const event = readLeaf(leaf);
      seq += 1;
      if (event === null) return refused(seq, 'is no event that this version can read');
      if (event.sale_id !== saleId) return refused(seq, `is of sale ${String(event.sale_id)}`);
      if (event.prev !== head) return refused(seq, 'does not name the hash of the event before it');
      try {
        fairness.take(event);
      } catch (error) {
        // The log is not verified here: what it says may be impossible, which the figures assert.
        return refused(seq, `does not fit the events before it (${(error as Error).message})`);
      }
      head = hashLeaf(leaf);
    }
    onProgress(seq, auditedThrough);
  }
  const [fault] = evidence.faults();
  if (fault !== undefined) return { kind: 'refused', seq: fault.seq ?? null, why: fault.why };
  if (seq === 0) return { kind: 'refused', seq: null, why: 'The log is empty: nothing of the sale was decided yet.' };
  if (seq !== auditedThrough)
    return {
      kind: 'refused',
      seq,
      why: `The log has ${seq} events and should have ${auditedThrough}. Find out what is missing by firstcome audit verify.`,
    };
  return { kind: 'measured', figures: fairness.figures(), curves: fairness.curves(), head };
}

function refused(seq: number, what: string): Measured {
  return { kind: 'refused', seq, why: `Event ${seq} ${what}. Find out what happened to the log by firstcome audit verify.` };
}
