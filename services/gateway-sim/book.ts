import { createHash } from 'node:crypto';
import { behaviourOf } from './behaviour.ts';

/**
 * The gateway's books: charges and refunds by idempotency key. Deciding is pure;
 * what was decided is an entry that is journalled and applied, so that the books
 * after a restart are the books before it.
 */

/** More than this and the simulated gateway refuses new keys with 507: it keeps its books in memory. */
export const KEYS_MAX = 2_000_000;

export interface Charge {
  readonly id: string;
  readonly reference: string;
  /** Minor units. */
  readonly amount: number;
  readonly currency: string;
  readonly status: 'succeeded' | 'refunded';
  readonly refund_id: string | null;
  readonly created_at: string;
}

export interface ChargeRequest {
  readonly amount: number;
  readonly currency: string;
  readonly payment_method_id: string;
  readonly reference: string;
}

/** What happened, as it stands in the journal. The payment method is in none of it but as part of the fingerprint. */
export type Entry =
  | { readonly kind: 'failure'; readonly key: string; readonly fingerprint: string }
  | { readonly kind: 'decline'; readonly key: string; readonly fingerprint: string }
  | {
      readonly kind: 'charge';
      readonly key: string;
      readonly fingerprint: string;
      readonly id: string;
      readonly reference: string;
      readonly amount: number;
      readonly currency: string;
      readonly at: string;
    }
  | {
      readonly kind: 'refund';
      readonly key: string;
      readonly fingerprint: string;
      readonly id: string;
      readonly charge_id: string;
      readonly at: string;
    };

export type Answer =
  { readonly kind: 'answer'; readonly status: number; readonly body: unknown; readonly afterMs: number } | { readonly kind: 'silence' };

export interface Judgement {
  /** To be journalled and applied before the answer goes out; null where nothing new happened. */
  readonly entry: Entry | null;
  readonly answer: Answer;
}

interface Keyed {
  readonly fingerprint: string;
  failures: number;
  outcome: { readonly kind: 'decline' } | { readonly kind: 'charge' | 'refund'; readonly id: string } | null;
}

export interface Book {
  readonly keys: Map<string, Keyed>;
  /** In the order of capture: a page's cursor is an index into it. */
  readonly charges: Charge[];
  readonly indexOfCharge: Map<string, number>;
  readonly indexesOfReference: Map<string, number[]>;
}

export function emptyBook(): Book {
  return { keys: new Map(), charges: [], indexOfCharge: new Map(), indexesOfReference: new Map() };
}

function digest(...parts: string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

function answer(status: number, body: unknown, afterMs = 0): Answer {
  return { kind: 'answer', status, body, afterMs };
}

export function problem(status: number, code: string, message: string): Answer {
  return answer(status, { error: { code, message } });
}

const keyReused = problem(
  422,
  'idempotency_key_reused',
  'this Idempotency-Key was used with another body; use a key of its own for each request',
);
const full = problem(
  507,
  'books_full',
  `the simulated gateway keeps at most ${String(KEYS_MAX)} keys; start it with an empty GATEWAY_JOURNAL`,
);
const declined = problem(402, 'card_declined', 'the payment method was declined');

function keyedAnswer(book: Book, keyed: Keyed): Answer | null {
  switch (keyed.outcome?.kind) {
    case undefined:
      return null;
    case 'decline':
      return declined;
    case 'charge':
      return answer(200, book.charges[book.indexOfCharge.get(keyed.outcome.id) ?? -1]);
    case 'refund':
      return answer(200, { id: keyed.outcome.id, status: 'succeeded' });
  }
}

/** Decides a charge. Reads `book` only; `at` is RFC 3339. */
export function judgeCharge(book: Book, key: string, request: ChargeRequest, at: string): Judgement {
  const fingerprint = digest('charge', String(request.amount), request.currency, request.payment_method_id, request.reference);
  const keyed = book.keys.get(key);
  if (keyed && keyed.fingerprint !== fingerprint) return { entry: null, answer: keyReused };
  const earlier = keyed && keyedAnswer(book, keyed);
  if (earlier) return { entry: null, answer: earlier };
  if (!keyed && book.keys.size >= KEYS_MAX) return { entry: null, answer: full };

  const behaviour = behaviourOf(request.payment_method_id);
  if (behaviour.decides === 'nothing') return { entry: null, answer: { kind: 'silence' } };
  if ((keyed?.failures ?? 0) < behaviour.failuresFirst) {
    return { entry: { kind: 'failure', key, fingerprint }, answer: problem(500, 'internal_error', 'the gateway failed; try again') };
  }
  if (behaviour.decides === 'declined') return { entry: { kind: 'decline', key, fingerprint }, answer: declined };

  const { reference, amount, currency } = request;
  const entry: Entry = { kind: 'charge', key, fingerprint, id: `ch_${digest(key).slice(0, 24)}`, reference, amount, currency, at };
  if (behaviour.silent !== 'never') return { entry, answer: { kind: 'silence' } };
  return { entry, answer: answer(201, chargeOf(entry), behaviour.answerAfterMs) };
}

/** Decides a refund of a whole charge. Reads `book` only. */
export function judgeRefund(book: Book, key: string, chargeId: string, at: string): Judgement {
  const fingerprint = digest('refund', chargeId);
  const keyed = book.keys.get(key);
  if (keyed && keyed.fingerprint !== fingerprint) return { entry: null, answer: keyReused };
  const earlier = keyed && keyedAnswer(book, keyed);
  if (earlier) return { entry: null, answer: earlier };
  if (!keyed && book.keys.size >= KEYS_MAX) return { entry: null, answer: full };

  const charge = book.charges[book.indexOfCharge.get(chargeId) ?? -1];
  if (!charge) return { entry: null, answer: problem(404, 'charge_not_found', 'there is no such charge') };
  if (charge.refund_id)
    return { entry: null, answer: problem(409, 'charge_already_refunded', `refund ${charge.refund_id} returned this charge`) };
  const entry: Entry = { kind: 'refund', key, fingerprint, id: `re_${digest(key).slice(0, 24)}`, charge_id: chargeId, at };
  return { entry, answer: answer(201, { id: entry.id, status: 'succeeded' }) };
}

function chargeOf(entry: Extract<Entry, { kind: 'charge' }>): Charge {
  const { id, reference, amount, currency, at } = entry;
  return { id, reference, amount, currency, status: 'succeeded', refund_id: null, created_at: at };
}

/** Writes an entry into the books: at once when it is decided, and again from the journal after a restart. */
export function apply(book: Book, entry: Entry): void {
  const keyed: Keyed = book.keys.get(entry.key) ?? { fingerprint: entry.fingerprint, failures: 0, outcome: null };
  book.keys.set(entry.key, keyed);
  switch (entry.kind) {
    case 'failure':
      keyed.failures += 1;
      return;
    case 'decline':
      keyed.outcome = { kind: 'decline' };
      return;
    case 'charge': {
      keyed.outcome = { kind: 'charge', id: entry.id };
      const index = book.charges.push(chargeOf(entry)) - 1;
      book.indexOfCharge.set(entry.id, index);
      const indexes = book.indexesOfReference.get(entry.reference);
      if (indexes) indexes.push(index);
      else book.indexesOfReference.set(entry.reference, [index]);
      return;
    }
    case 'refund': {
      keyed.outcome = { kind: 'refund', id: entry.id };
      const index = book.indexOfCharge.get(entry.charge_id) ?? -1;
      const charge = book.charges[index];
      if (charge) book.charges[index] = { ...charge, status: 'refunded', refund_id: entry.id };
    }
  }
}

/** Charges in the order of capture, from `cursor` (an index) on; or those of one reference. */
export function listCharges(
  book: Book,
  query: { readonly reference?: string | undefined; readonly cursor: number; readonly limit: number },
): { data: readonly Charge[]; next_cursor: string | null } {
  const all =
    query.reference === undefined
      ? book.charges
      : (book.indexesOfReference.get(query.reference) ?? []).flatMap((index) => book.charges[index] ?? []);
  const end = query.cursor + query.limit;
  return { data: all.slice(query.cursor, end), next_cursor: end < all.length ? String(end) : null };
}
