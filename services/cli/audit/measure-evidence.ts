import { RESERVATION_REFUSALS } from '#schemas/event.ts';
import { SaleTerms } from '#schemas/terms.ts';
import type { Evidence } from '#shared/evidence/evidence.ts';
import { termsItemsMax } from '#shared/evidence/export-format.ts';
import { createFairness, type FairnessCurves, type FairnessFigures } from '#shared/fairness/fairness.ts';
import { hashLeaf } from '#shared/proof/leaf.ts';
import { type ReadEvent, readLeaf } from '#shared/proof/read-leaf.ts';
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
  let newest = 0;
  for await (const page of evidence.events()) {
    for (const { leaf: bytes } of page) {
      const leaf = bytes.toString('utf8');
      const event = readLeaf(leaf);
      seq += 1;
      if (event === null) return refused(seq, 'is no event that this version can read');
      if (event.sale_id !== saleId) return refused(seq, `is of sale ${typeof event.sale_id === 'string' ? event.sale_id : 'none'}`);
      if (event.prev !== head) return refused(seq, 'does not name the hash of the event before it');
      const wrong = whatIsWrong(event);
      if (wrong !== null) return refused(seq, wrong);
      if (event.at < newest) return refused(seq, 'was decided before the event that stands before it');
      newest = event.at;
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

/** What the figures count with, where they do not hold it themselves against what came before; null where all of it is of its kind. */
function whatIsWrong(event: ReadEvent): string | null {
  const said: Counted = event;
  const { counts, items, not_granted: notGranted, amount, currency, accepted_at: acceptedAt } = said;
  if (event.type === 'sale.scheduled' && !areTerms(event.terms)) return 'has no terms of a sale';
  if (needsAcceptance.has(event.type) && acceptedAt === undefined) return 'does not say when it was accepted';
  if (counts !== undefined && !areCounts(counts)) return 'has counters that are none';
  if (!(items === undefined || areItems(items)) || !(notGranted === undefined || areItems(notGranted))) return 'has items that are none';
  if (amount !== undefined && !Number.isSafeInteger(amount)) return 'has an amount that is none';
  if (currency !== undefined && !(typeof currency === 'string' && /^[A-Z]{3}$/.test(currency))) return 'has a currency that is none';
  if (event.type === 'checkout.requested' && amount === undefined) return 'has no amount';
  if (event.type === 'reservation.rejected' && !RESERVATION_REFUSALS.includes(event.reason)) return 'has a reason that is none';
  for (const id of IDS) if (said[id] !== undefined && !isUuid(said[id])) return `has a ${id} that is none`;
  return null;
}

interface Counted {
  readonly counts?: unknown;
  readonly items?: unknown;
  readonly not_granted?: unknown;
  readonly amount?: unknown;
  readonly currency?: unknown;
  readonly accepted_at?: unknown;
  readonly user?: unknown;
  readonly reservation_id?: unknown;
  readonly order_id?: unknown;
}

const needsAcceptance: ReadonlySet<string> = new Set(['reservation.created', 'reservation.waitlisted']);
const IDS = ['user', 'reservation_id', 'order_id'] as const;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** Units of an item: `RequestedItem` says so. */
const quantityMax = 100;
/** Items of a reservation, granted or not. */
const itemsMax = 20;

/** Items are counted before each of too many is looked at. */
function areTerms(terms: unknown): boolean {
  const items = (terms as { items?: unknown } | null | undefined)?.items;
  return Array.isArray(items) && items.length <= termsItemsMax && SaleTerms.safeParse(terms).success;
}

function areCounts(counts: unknown): boolean {
  if (typeof counts !== 'object' || counts === null) return false;
  return Object.values(counts as Readonly<Record<string, { total?: unknown; held?: unknown; sold?: unknown } | null>>).every(
    (count) => Number.isSafeInteger(count?.total) && Number.isSafeInteger(count?.held) && Number.isSafeInteger(count?.sold),
  );
}

function areItems(items: unknown): boolean {
  if (!Array.isArray(items) || items.length > itemsMax) return false;
  return (items as readonly ({ sku?: unknown; quantity?: unknown } | null)[]).every((item) => {
    const quantity = item?.quantity;
    return typeof item?.sku === 'string' && Number.isInteger(quantity) && (quantity as number) > 0 && (quantity as number) <= quantityMax;
  });
}

function isUuid(id: unknown): boolean {
  return typeof id === 'string' && uuid.test(id);
}

/** Characters of a text that may quote what an event says. */
const whatShownMax = 300;

function refused(seq: number, what: string): Measured {
  // What it quotes may be anything: no control character gets to a terminal.
  const shown = what.replace(/\p{Cc}/gu, '?').slice(0, whatShownMax);
  return { kind: 'refused', seq, why: `Event ${seq} ${shown}. Find out what happened to the log by firstcome audit verify.` };
}
