import type { Event } from '#schemas/event.ts';
import type { Offset, Partition, SaleId, SaleNo, Seq } from '#schemas/ids.ts';
import { requestKey } from '#shared/ids/derive.ts';
import type { Batch } from '#shared/ledger/ledger.ts';
import { parseCommand } from '#shared/line/parse-command.ts';
import type { MemoryBooks } from '#shared/payments/testing/memory-books.ts';
import { replaySale } from '#shared/replay/replay-sale.ts';
import type { Announcement } from '#shared/replies/replies.ts';
import { refOf, type SimAnswer } from './api.ts';
import type { Asked, Clients } from './client.ts';
import { countEvent } from './coverage.ts';
import { createOracle, type Oracle } from './oracle.ts';
import type { PublishedEvents, World } from './world.ts';

/** The invariants (docs/INVARIANTS.md), each looked at after every step that could break it, and once more at the end. */
export interface Checks {
  readonly committed: (batch: Batch) => void;
  readonly telling: (announcement: Announcement) => void;
  readonly published: (record: PublishedEvents) => void;
  readonly answered: (asked: Asked, answer: SimAnswer) => void;
  readonly atTheEnd: (clients: Clients, books: MemoryBooks) => void;
  /** Every consumer has seen every event. */
  readonly allPublished: () => boolean;
  readonly events: () => number;
}

type Decision = Extract<Event, { fingerprint?: unknown }>;

export function createChecks(getWorld: () => World): Checks {
  const oracles = new Map<Partition, Oracle>();
  /** The one decision of each key. */
  const decisions = new Map<string, Decision>();
  const indexed = new Map<SaleNo, number>();
  /** What a consumer that drops what it has seen has got, by sale. */
  const consumed = new Map<SaleId, number>();
  const violated = (rule: string, what: string): void => {
    getWorld().violated(rule, what);
  };

  function committed(batch: Batch): void {
    const { ledger, line } = getWorld();
    const { partition, nextOffset } = batch;
    let oracle = oracles.get(partition);
    if (oracle === undefined) oracles.set(partition, (oracle = createOracle(partition, (saleId) => ledger.lines.get(saleId)?.partition)));
    for (const wrong of oracle.check(line.records(partition), nextOffset, ledger.eventsOf))
      violated('I3: the log is what the line means', wrong);
    for (const { saleNo } of batch.sales) {
      index(saleNo);
      checkCounters(saleNo);
    }
  }

  function index(saleNo: SaleNo): void {
    const log = getWorld().ledger.logOf(saleNo);
    for (let place = indexed.get(saleNo) ?? 0; place < log.length; place++) {
      const event = JSON.parse(log[place]!.leaf) as Event;
      countEvent(event);
      if (event.type === 'checkout.requested') checkMethod(saleNo, event);
      const key = keyDecidedBy(event);
      if (key === null) continue;
      if (decisions.has(key))
        violated('I4: one decision a request', `key ${key} was decided by seq ${String(decisions.get(key)!.seq)} and ${String(event.seq)}`);
      else decisions.set(key, event as Decision);
    }
    indexed.set(saleNo, log.length);
  }

  /** What is to be charged is kept beside the event, in the order's row alone. */
  function checkMethod(saleNo: SaleNo, { order_id, offset, sale_id }: Extract<Event, { type: 'checkout.requested' }>): void {
    const { ledger, line } = getWorld();
    const asked = parseCommand(line.records(ledger.lines.get(sale_id)!.partition)[offset]!.value);
    const order = ledger.orders.get(order_id);
    const method = asked.ok && asked.command.type === 'checkout.request' ? asked.command.payment_method_id : null;
    if (order?.saleNo !== saleNo || order.paymentMethodId !== method)
      violated(
        'an order is paid as its buyer said',
        `order ${order_id} has ${String(order?.paymentMethodId)}, asked was ${String(method)}`,
      );
  }

  /** I1 and I2, from the rows. */
  function checkCounters(saleNo: SaleNo): void {
    const { ledger } = getWorld();
    const sums = new Map<string, { held: number; sold: number }>();
    for (const { saleNo: of, status, items } of ledger.reservations.values()) {
      if (of !== saleNo || (status !== 'held' && status !== 'paying' && status !== 'confirmed')) continue;
      for (const { sku, quantity } of items) {
        const sum = sums.get(sku) ?? { held: 0, sold: 0 };
        if (status === 'confirmed') sum.sold += quantity;
        else sum.held += quantity;
        sums.set(sku, sum);
      }
    }
    for (const { saleNo: of, sku, total, held, sold } of ledger.items.values()) {
      if (of !== saleNo) continue;
      const sum = sums.get(sku) ?? { held: 0, sold: 0 };
      if (held < 0 || sold < 0 || held + sold > total)
        violated('I1: never oversold', `${sku}: ${String(held)} + ${String(sold)} of ${String(total)}`);
      if (held !== sum.held || sold !== sum.sold)
        violated(
          'I2: counters are sums',
          `${sku}: ${String(held)} held and ${String(sold)} sold, by reservations ${String(sum.held)} and ${String(sum.sold)}`,
        );
    }
  }

  function telling({ replies }: Announcement): void {
    const { ledger } = getWorld();
    for (const reply of replies) {
      if (reply.kind === 'unknown_sale') continue;
      if (reply.kind === 'repeated') {
        if (ledger.eventsOf(reply.saleId)[reply.seq - 1] === undefined)
          violated('I6: what is told is in the ledger', `seq ${String(reply.seq)} of ${reply.saleId} was told and is not there`);
        continue;
      }
      const event = JSON.parse(reply.leaf) as Event;
      if (ledger.eventsOf(event.sale_id)[event.seq - 1]?.leaf !== reply.leaf)
        violated('I6: what is told is in the ledger', `told was ${reply.leaf}, which is not committed`);
    }
  }

  function published({ saleId, events }: PublishedEvents): void {
    const log = getWorld().ledger.eventsOf(saleId);
    for (const { seq, leaf } of events) {
      const seen = consumed.get(saleId) ?? 0;
      if (log[seq - 1]?.leaf !== leaf) violated('I10: what is published is in the ledger', `seq ${String(seq)} of ${saleId}: ${leaf}`);
      if (seq > seen + 1) violated('I10: no event is skipped', `${saleId}: after seq ${String(seen)} came ${String(seq)}`);
      if (seq === seen + 1) consumed.set(saleId, seq);
    }
  }

  /** I6 and I7: what a client is told is what was decided, for its own key and its own body. */
  function answered({ act, key, fingerprint, saleId }: Asked, { status, code, body }: SimAnswer): void {
    const decision = decisions.get(key);
    const wrong = (why: string): void => {
      violated(
        'I6, I7: an answer is the decision',
        `${JSON.stringify(act)} was told ${String(status)} ${code ?? ''}, ${why}: ${JSON.stringify(decision ?? null)}`,
      );
    };
    if (status === 503 || status === 500 || status === 404) return;
    const isQueued = (status < 300 && body['status'] === 'queued') || (status === 202 && act.kind !== 'reserve' && act.kind !== 'checkout');
    if (isQueued || code === 'idempotency_key_reused') return; // looked at when everything is decided
    // An order is shown as pending while its request is queued.
    if (act.kind === 'checkout' && status < 300 && body['status'] === 'pending' && decision === undefined) return;
    if (decision === undefined) {
      wrong('and nothing is decided');
      return;
    }
    if (decision.sale_id !== saleId) wrong('which is another sale');
    // A look at the resource shows what there is, whichever request of the key made it.
    if (decision.fingerprint !== fingerprint && status !== 200 && status !== 202) wrong('which was decided for another body');
    if (act.kind === 'reserve') {
      if (status === 201 && decision.type !== 'reservation.created') wrong('and it was not held');
      if (status === 202 && decision.type !== 'reservation.waitlisted') wrong('and it does not wait');
      if (status >= 400 && !(decision.type === 'reservation.rejected' && decision.reason === code)) wrong('which was not why');
      if (status < 300 && body['id'] !== key) wrong('which is another reservation');
      if (status === 201 && decision.type === 'reservation.created' && shownItems(body['items']) !== shownItems(decision.items))
        wrong('with other items');
      if (status === 200 && getWorld().ledger.reservations.get(key) === undefined) wrong('and there is none');
      return;
    }
    const refusal = decision.type === 'request.rejected' ? decision.reason : null;
    if (act.kind === 'checkout') {
      if (status === 201 && decision.type !== 'checkout.requested') wrong('and no order was made');
      if (status === 402 && decision.type !== 'checkout.requested') wrong('and nothing was to be paid');
      if (status >= 400 && status !== 402 && refusal !== code) wrong('which was not why');
      return;
    }
    if (status === 200 && refusal !== null) wrong('and it was refused');
    if (status >= 400 && refusal !== code) wrong('which was not why');
  }

  function atTheEnd(clients: Clients, books: MemoryBooks): void {
    const world = getWorld();
    const { ledger } = world;
    const sentBehind = new Map<string, number>();
    for (const { key, fingerprint, saleId, behindOffset, answers, act } of clients.asked) {
      const place = `${key} ${fingerprint}`;
      sentBehind.set(place, Math.min(sentBehind.get(place) ?? Infinity, behindOffset));
      const decision = decisions.get(key);
      const last = answers.at(-1);
      // Not found, and never in the line.
      if (last?.status === 404) continue;
      // A user's key for orders is one over all sales: it was used in another.
      const claimed = act.kind === 'checkout' ? world.orderKeys.get(requestKey(refOf(act.buyer), '/v1/orders', act.key)) : undefined;
      if (last?.code === 'idempotency_key_reused' && claimed !== undefined && claimed !== ledger.lines.get(saleId)?.saleNo) continue;
      if (decision === undefined) {
        violated('I4: every accepted request is decided', `${JSON.stringify(act)} was told ${String(last?.status)} ${last?.code ?? ''}`);
      } else if (last?.code === 'idempotency_key_reused' && decision.fingerprint === fingerprint)
        violated('I7: the same key with the same body', `${JSON.stringify(act)} was told that its key was used for another request`);
    }
    for (const [key, decision] of decisions) {
      const behind = sentBehind.get(`${key} ${String(decision.fingerprint)}`);
      if (behind !== undefined && decision.offset <= behind)
        violated(
          'I11: answered before it was sent',
          `offset ${String(decision.offset)} decided ${key}, sent when ${String(behind)} had been answered`,
        );
    }
    checkMoney(books);
    for (const saleId of ledger.lines.keys()) {
      if ((consumed.get(saleId) ?? 0) !== ledger.eventsOf(saleId).length)
        violated(
          'I10: everything is published',
          `${saleId}: ${String(consumed.get(saleId) ?? 0)} of ${String(ledger.eventsOf(saleId).length)} events`,
        );
      for (const wrong of replayed(world, saleId)) violated('I3: a replay gives the same bytes', wrong);
    }
  }

  /** I9: by the gateway's own books. */
  function checkMoney(books: MemoryBooks): void {
    const { book, ledger } = getWorld();
    const charged = new Map<string, string>();
    for (const { reference, status } of book.charges) {
      if (charged.has(reference)) violated('I9: one charge an order', reference);
      charged.set(reference, status);
    }
    for (const { id, status, amount } of ledger.orders.values()) {
      const charge = charged.get(id);
      const state = books.rows().get(id)?.state;
      const fits =
        amount === 0
          ? charge === undefined
          : status === 'paid'
            ? charge === 'succeeded'
            : status === 'refunded'
              ? charge === 'refunded'
              : status === 'failed' && charge === undefined;
      if (!fits)
        violated(
          'I9: captured ends confirmed or refunded',
          `order ${id} is ${status}, its charge ${charge ?? 'was not made'}, its payment ${state ?? 'unknown'}`,
        );
      charged.delete(id);
    }
    for (const reference of charged.keys()) violated('I9: nothing is charged without an order', reference);
  }

  return {
    committed,
    telling,
    published,
    answered,
    atTheEnd,
    allPublished: () =>
      [...getWorld().ledger.lines.keys()].every((saleId) => (consumed.get(saleId) ?? 0) === getWorld().ledger.eventsOf(saleId).length),
    events: () => [...oracles.values()].reduce((sum, oracle) => sum + oracle.checked(), 0),
  };
}

function shownItems(items: unknown): string {
  return (items as { sku: string; quantity: number }[]).map(({ sku, quantity }) => `${sku}:${String(quantity)}`).join(' ');
}

/** The key that the event decides; null where it decides none: what follows from time, payment results, and refusals of a key in use. */
function keyDecidedBy(event: Event): string | null {
  switch (event.type) {
    case 'reservation.created':
    case 'reservation.waitlisted':
      return event.reservation_id;
    case 'reservation.rejected':
      return event.fingerprint === undefined || event.reason === 'idempotency_conflict' ? null : (event.reservation_id ?? null);
    case 'checkout.requested':
      return event.order_id;
    case 'request.rejected':
      return event.reason === 'idempotency_conflict' ? null : event.key;
    case 'sale.scheduled':
    case 'sale.opened':
    case 'sale.paused':
    case 'sale.resumed':
    case 'sale.closed':
    case 'stock.changed':
    case 'reservation.cancelled':
      return event.key ?? null;
    default:
      return null;
  }
}

/** Decides the sale again from its line alone. */
function replayed({ ledger, line }: World, saleId: SaleId): string[] {
  const { partition, saleNo } = ledger.lines.get(saleId)!;
  const log = ledger.logOf(saleNo);
  const first = log[0];
  if (first === undefined) return [];
  const others = new Map<SaleId, Offset>();
  for (const [other, { partition: on, saleNo: otherNo }] of ledger.lines) {
    const scheduled = ledger.logOf(otherNo)[0];
    if (other !== saleId && on === partition && scheduled !== undefined) others.set(other, scheduled.event.offset);
  }
  const replay = replaySale({ saleId, firstOffset: first.event.offset, firstAt: first.event.at, others });
  let seq = 0 as Seq | 0;
  for (const record of line.records(partition).slice(first.event.offset, ledger.partitions.get(partition)!.nextOffset)) {
    for (const { leaf } of replay.take(record, parseCommand(record.value))) {
      seq = (seq + 1) as Seq;
      if (log[seq - 1]?.leaf !== leaf)
        return [`${saleId}, seq ${String(seq)}: replayed ${leaf}, the ledger has ${log[seq - 1]?.leaf ?? 'nothing'}`];
    }
  }
  return seq === log.length ? [] : [`${saleId}: the replay has ${String(seq)} events, the ledger ${String(log.length)}`];
}
