import type { Event } from '#schemas/event.ts';
import { hashLeaf } from '#shared/proof/leaf.ts';
import type { Attempt, CheckName, Evidence, LoggedEvent, Violation } from './history.ts';

/** Says what is wrong with the evidence of a round. Pure; the first few of each kind, since one fault shows a thousand times. */

const detailsMax = 5;

type Check = (evidence: Evidence, index: Index) => Iterable<string>;

/** The log by what the checks look things up by. */
interface Index {
  /** Decisions of each key, without refusals of another body. */
  readonly decisions: ReadonlyMap<string, readonly LoggedEvent[]>;
  /** Refusals of another body under the key. */
  readonly conflicts: ReadonlyMap<string, readonly LoggedEvent[]>;
  readonly attempts: ReadonlyMap<string, readonly Attempt[]>;
}

const EMPTY_PREV = '0'.repeat(64);
const KEY_REUSED = 'idempotency_key_reused';

export function checkHistory(evidence: Evidence): Violation[] {
  const index = indexOf(evidence);
  return (Object.entries(ALL) as [CheckName, Check][]).flatMap(([check, run]) => {
    const details: string[] = [];
    for (const detail of run(evidence, index)) {
      details.push(detail);
      if (details.length === detailsMax) break;
    }
    return details.map((detail) => ({ check, detail }));
  });
}

function indexOf({ ledger, attempts }: Evidence): Index {
  const answers = ledger.filter(({ event }) => keyOf(event) !== null);
  const isConflict = ({ event }: LoggedEvent): boolean => 'reason' in event && event.reason === 'idempotency_conflict';
  const byKey = ({ event }: LoggedEvent): string => keyOf(event)!;
  return {
    decisions: Map.groupBy(
      answers.filter((one) => !isConflict(one)),
      byKey,
    ),
    conflicts: Map.groupBy(answers.filter(isConflict), byKey),
    attempts: Map.groupBy(attempts, ({ key }) => key),
  };
}

/** Of the request that the event answers; null where it answers none. */
function keyOf(event: Event): string | null {
  if (!('fingerprint' in event) || event.fingerprint === undefined) return null;
  if ('order_id' in event) return event.order_id;
  if ('key' in event && event.key !== undefined) return event.key;
  return 'reservation_id' in event ? (event.reservation_id ?? null) : null;
}

/** The answer tells a decision: it names its seq. A 202 without one says that the request stands in the line. */
const isDecided = ({ status, told }: Attempt): boolean => status !== null && status < 500 && told.seq !== undefined;
const isQueued = ({ status, told }: Attempt): boolean => status === 202 && told.seq === undefined;
const isReused = ({ status, told }: Attempt): boolean => status === 422 && told.code === KEY_REUSED;
/** The edge may say that nothing is left without asking the line: such an answer names no seq. */
const isRefusedAtTheEdge = ({ status, told }: Attempt): boolean => status === 409 && told.code === 'sold_out' && told.seq === undefined;
/** Neither carried out nor kept: the client may come again. */
const isPassing = ({ status }: Attempt): boolean => status === null || status === 429 || status === 503;
const name = ({ client, op, key }: Attempt): string => `${op} of ${client} (${key})`;

function* lost({ attempts, line }: Evidence, { decisions, conflicts }: Index): Iterable<string> {
  for (const attempt of attempts) {
    if (isPassing(attempt) || isRefusedAtTheEdge(attempt)) continue;
    const { key, status, told } = attempt;
    if (!isDecided(attempt) && !isQueued(attempt) && !isReused(attempt)) {
      yield `${name(attempt)}: unexpected answer ${status} ${told.code ?? told.status ?? ''}`;
    } else if (!decisions.has(key) && !conflicts.has(key)) {
      if (told.offset !== undefined && line.get(told.offset) === key) continue;
      yield `${name(attempt)} was answered ${status} ${told.status ?? told.code ?? ''}; the ledger has no decision, and it does not stand in the line`;
    }
  }
}

function* unanswered(_: Evidence, { attempts, decisions }: Index): Iterable<string> {
  for (const [key, all] of attempts) {
    if (!all.some((one) => isDecided(one) || isRefusedAtTheEdge(one)))
      yield `${name(all[0]!)} never learned its answer in ${all.length} tries`;
    else if (all.some(isDecided) && !decisions.has(key)) yield `${name(all[0]!)} was told a decision and nothing is decided`;
  }
}

function* twice(_: Evidence, { decisions }: Index): Iterable<string> {
  for (const [key, all] of decisions)
    if (all.length > 1) yield `${key} was decided ${all.length} times, at seq ${all.map(({ event }) => event.seq).join(', ')}`;
}

function* different({ ledger }: Evidence, { attempts, decisions }: Index): Iterable<string> {
  for (const [key, all] of attempts) {
    const decision = decisions.get(key)?.[0]?.event;
    if (decision === undefined) continue;
    for (const attempt of all) {
      const why = isDecided(attempt) ? differenceOf(attempt, decision, ledger) : null;
      if (why !== null) yield `${name(attempt)} was answered ${attempt.status} ${JSON.stringify(attempt.told)}, but ${why}`;
      if (isQueued(attempt) && attempt.told.offset !== undefined && decision.offset > attempt.told.offset)
        yield `${name(attempt)} was told offset ${attempt.told.offset} and was decided from offset ${decision.offset}`;
    }
    const firsts = all.filter((one) => isDecided(one) && !one.replayed && one.status !== 202);
    if (firsts.length > 1) yield `${name(firsts[0]!)} was answered ${firsts.length} times as if for the first time`;
  }
}

/** Why the answer is not what this decision leads to; null where it is. */
function differenceOf({ op, key, status, told }: Attempt, decision: Event, ledger: readonly LoggedEvent[]): string | null {
  const type = decision.type;
  const first = told.seq === decision.seq;
  const later = told.seq !== undefined && told.seq > decision.seq && told.seq <= ledger.length;
  if (!first && !later) return `its decision is seq ${decision.seq}`;
  if (status! < 300 && op !== 'cancel' && told.id !== key) return `its id is ${key}`;
  switch (status) {
    case 201:
      if (op === 'order') return type === 'checkout.requested' && isPaid(ledger, key) ? null : `the ledger has ${type} and no payment`;
      if (type !== 'reservation.created' || !first) return `the decision is ${type}, seq ${decision.seq}`;
      if (told.status !== 'held') return 'a created reservation is held';
      if (told.expiresAt !== decision.expires_at) return `it is held until ${decision.expires_at}`;
      if (told.offset !== decision.offset) return `it stood at offset ${decision.offset}`;
      return sameItems(told.items, decision.items) ? null : `it holds ${JSON.stringify(decision.items)}`;
    case 202:
      if (op === 'order') return type === 'checkout.requested' ? null : `the decision is ${type}`;
      return type === 'reservation.waitlisted' && first ? null : `the decision is ${type}, seq ${decision.seq}`;
    case 200:
      if (op === 'cancel') return type === 'reservation.cancelled' && first ? null : `the decision is ${type}, seq ${decision.seq}`;
      if (op === 'order') return (type === 'request.rejected') === (told.status === 'failed' && first) ? null : `the decision is ${type}`;
      return (type === 'reservation.rejected') === (told.status === 'rejected' && first) ? null : `the decision is ${type}`;
    case 402:
      return type === 'checkout.requested' && ledger.some(({ event }) => event.type === 'order.failed' && event.order_id === key)
        ? null
        : 'no order of it has failed';
    case 409:
    case 422:
      return 'reason' in decision && decision.reason === told.code && first ? null : `the decision is ${type}, seq ${decision.seq}`;
    default:
      return `${status} is no answer to a ${op}`;
  }
}

function isPaid(ledger: readonly LoggedEvent[], orderId: string): boolean {
  return ledger.some(({ event }) => event.type === 'order.confirmed' && event.order_id === orderId);
}

function sameItems(one: Attempt['told']['items'], other: NonNullable<Attempt['told']['items']>): boolean {
  const text = (items: typeof other): string => JSON.stringify(items.map(({ sku, quantity }) => [sku, quantity]).sort());
  return one !== undefined && text(one) === text(other);
}

function* conflict(_: Evidence, { attempts, decisions, conflicts }: Index): Iterable<string> {
  for (const [key, all] of attempts) {
    const decided = decisions.get(key)?.[0]?.event;
    if (decided === undefined || !('fingerprint' in decided)) continue;
    if (!all.some((one) => one.fingerprint === decided.fingerprint))
      yield `${name(all[0]!)}: the ledger decided a body that was never sent`;
    for (const attempt of all) {
      const same = attempt.fingerprint === decided.fingerprint;
      if (same && isReused(attempt)) yield `${name(attempt)}: the body that was decided was refused as another one`;
      if (!same && isDecided(attempt)) yield `${name(attempt)}: another body was answered ${attempt.status}`;
    }
    for (const { event } of conflicts.get(key) ?? [])
      if ('fingerprint' in event && event.fingerprint === decided.fingerprint)
        yield `${key}: seq ${event.seq} refuses the body that was decided`;
  }
}

function* order(_: Evidence, { attempts, decisions }: Index): Iterable<string> {
  const requests = [...attempts].flatMap(([key, all]) => {
    const offset = decisions.get(key)?.[0]?.event.offset;
    // A retry that is sent after the answer changes nothing: the request stands where its first attempt put it.
    const answers = all.filter((one) => isDecided(one) || isQueued(one)).map(({ answeredAt }) => answeredAt!);
    const first = all[0];
    if (offset === undefined || first === undefined) return [];
    return [
      { what: name(first), offset, sentAt: Math.min(...all.map(({ sentAt }) => sentAt)), answeredAt: Math.min(Infinity, ...answers) },
    ];
  });
  const bySending = requests.toSorted((a, b) => a.sentAt - b.sentAt);
  const byAnswer = requests.toSorted((a, b) => a.answeredAt - b.answeredAt);
  let last: (typeof requests)[number] | undefined;
  let at = 0;
  for (const request of bySending) {
    for (let before = byAnswer[at]; before !== undefined && before.answeredAt < request.sentAt; before = byAnswer[++at])
      if (last === undefined || before.offset > last.offset) last = before;
    if (last !== undefined && last.offset >= request.offset)
      yield `${last.what} was answered before ${request.what} was sent, and stands behind it: offset ${last.offset} and ${request.offset}`;
  }
}

/** Reckoned from what each reservation was granted, and compared with the counters that the events carry. */
function* oversold({ ledger }: Evidence): Iterable<string> {
  const totals = new Map<string, number>();
  const taken = new Map<string, number>();
  const holding = new Map<string, readonly { readonly sku: string; readonly quantity: number }[]>();
  const move = (items: readonly { readonly sku: string; readonly quantity: number }[], sign: 1 | -1): void => {
    for (const { sku, quantity } of items) taken.set(sku, (taken.get(sku) ?? 0) + sign * quantity);
  };
  const granted = new Map<string, readonly { readonly sku: string; readonly quantity: number }[]>();
  for (const { event } of ledger) {
    switch (event.type) {
      case 'sale.scheduled':
        for (const { sku, quantity } of event.terms.items) totals.set(sku, quantity);
        break;
      case 'stock.changed':
        totals.set(event.sku, (totals.get(event.sku) ?? 0) + event.delta);
        break;
      case 'reservation.created':
      case 'reservation.offered':
        holding.set(event.reservation_id, event.items);
        granted.set(event.reservation_id, event.items);
        move(event.items, 1);
        break;
      case 'reservation.cancelled':
      case 'reservation.expired':
      case 'reservation.released': {
        const items = holding.get(event.reservation_id);
        if (items === undefined && event.type !== 'reservation.cancelled')
          yield `seq ${event.seq} gives back what ${event.reservation_id} does not hold`;
        move(items ?? [], -1);
        holding.delete(event.reservation_id);
        break;
      }
      case 'order.confirmed':
        if (!event.reacquired) break;
        move(granted.get(event.reservation_id) ?? [], 1);
        holding.set(event.reservation_id, granted.get(event.reservation_id) ?? []);
        break;
      default:
        break;
    }
    if (!('counts' in event)) continue;
    for (const [sku, { total, held, sold }] of Object.entries(event.counts)) {
      const facts = `${sku} at seq ${event.seq}: held ${held}, sold ${sold}, total ${total}`;
      if (held < 0 || sold < 0 || held + sold > total) yield facts;
      else if (held + sold !== (taken.get(sku) ?? 0)) yield `${facts}; reservations have ${taken.get(sku) ?? 0}`;
      else if (total !== totals.get(sku)) yield `${facts}; there are ${totals.get(sku) ?? 0}`;
    }
  }
}

function* releasedEarly({ ledger, readAtMs }: Evidence): Iterable<string> {
  const deadlines = new Map<string, string>();
  for (const { event } of ledger) {
    if ('expires_at' in event && 'reservation_id' in event) {
      const before = deadlines.get(event.reservation_id) ?? '';
      if (event.expires_at > before) deadlines.set(event.reservation_id, event.expires_at);
    }
    if (event.type !== 'reservation.expired' && event.type !== 'order.failed') continue;
    if (event.type === 'order.failed' && event.reason !== 'deadline') continue;
    const deadline = deadlines.get(event.reservation_id) ?? '';
    if (event.at < deadline) yield `${event.reservation_id} ended at ${event.at} (seq ${event.seq}), its deadline was ${deadline}`;
    if (Date.parse(deadline) > readAtMs)
      yield `${event.reservation_id} had ended by ${new Date(readAtMs).toISOString()} on this machine's clock (seq ${event.seq}), its deadline was ${deadline}`;
  }
}

function* money({ ledger, charges }: Evidence): Iterable<string> {
  const orders = new Map<string, { amount: number; ends: string[] }>();
  for (const { event } of ledger) {
    if (event.type === 'checkout.requested') orders.set(event.order_id, { amount: event.amount, ends: [] });
    if (event.type === 'order.confirmed' || event.type === 'refund.completed') orders.get(event.order_id)?.ends.push(event.type);
  }
  const charged = new Map<string, number>();
  for (const { reference, amount, status } of charges) {
    charged.set(reference, (charged.get(reference) ?? 0) + 1);
    const made = orders.get(reference);
    const wanted = status === 'succeeded' ? 'order.confirmed' : 'refund.completed';
    if (made === undefined) yield `the gateway captured ${amount} for ${reference}, which is no order`;
    else if (made.amount !== amount) yield `the gateway captured ${amount} for ${reference}, which costs ${made.amount}`;
    else if (made.ends.join() !== wanted)
      yield `the gateway's charge for ${reference} is ${status}, its order ended by ${made.ends.join(' and ') || 'nothing'}`;
  }
  for (const [id, { ends }] of orders) {
    const times = charged.get(id) ?? 0;
    if (times > 1) yield `the gateway charged order ${id} ${times} times`;
    if (times === 0 && ends.length > 0) yield `order ${id} ended by ${ends.join(' and ')} without a charge`;
  }
}

function* chain({ ledger }: Evidence): Iterable<string> {
  let prev = EMPTY_PREV;
  for (const [at, { leaf, hash, event }] of ledger.entries()) {
    if (event.seq !== at + 1) yield `seq ${event.seq} stands where ${at + 1} is due`;
    if (hashLeaf(leaf) !== hash) yield `the leaf of seq ${event.seq} does not have its hash`;
    if (event.prev !== prev) yield `prev of seq ${event.seq} is not the hash before`;
    if (at > 0 && event.offset < ledger[at - 1]!.event.offset)
      yield `seq ${event.seq} comes from offset ${event.offset}, the one before from a later one`;
    prev = hash;
  }
}

function* published({ ledger, published: leaves }: Evidence): Iterable<string> {
  let last = 0;
  for (const leaf of leaves) {
    const { seq } = JSON.parse(leaf) as { seq: number };
    if (seq > last + 1) {
      yield `sale.events goes from seq ${last} to ${seq}: what is between is hidden from consumers for good`;
      return;
    }
    const logged = ledger[seq - 1];
    // What was decided after the ledger was read is not looked at.
    if (logged !== undefined && logged.leaf !== leaf) yield `sale.events has another seq ${seq} than the ledger`;
    last = Math.max(last, seq);
  }
  if (last < ledger.length) yield `sale.events ends at seq ${last}, the ledger at ${ledger.length}`;
}

function* replay({ ledger, replayed }: Evidence): Iterable<string> {
  if (replayed === null) {
    yield 'the line could not be read again';
    return;
  }
  for (const [at, { leaf, hash, event }] of ledger.entries())
    if (replayed[at]?.leaf !== leaf || replayed[at]?.hash !== hash) {
      yield `seq ${event.seq} differs: the line leads to ${replayed[at]?.leaf ?? 'nothing'}, the ledger has ${leaf}`;
      return;
    }
  if (replayed.length > ledger.length) yield `the line leads to ${replayed.length} events, the ledger has ${ledger.length}`;
}

function* report({ report: answered }: Evidence): Iterable<string> {
  if (answered === null) yield 'there is no report';
  for (const { id, holds, detail } of answered?.invariants ?? []) if (!holds) yield `${id}: ${detail ?? 'does not hold'}`;
}

const ALL: Record<CheckName, Check> = {
  lost,
  unanswered,
  twice,
  different,
  conflict,
  order,
  oversold,
  released_early: releasedEarly,
  money,
  chain,
  published,
  replay,
  report,
  exits: ({ exits }) => exits.map((one) => `${one.name} ended by itself with ${one.code ?? 'a signal'}`),
  halted: ({ halted }) => halted.map(({ writer, reason }) => `${writer}: ${reason}`),
};
