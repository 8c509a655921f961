import type { DecidedEvent } from '#schemas/event.ts';
import type { EpochMs, Offset, OrderId, Seq, Sku } from '#schemas/ids.ts';
import { assert } from '#shared/faults/assert.ts';
import type { SaleAfter } from '#shared/ledger/ledger.ts';
import { recordSha256 } from '#shared/line/record-sha256.ts';
import { seal } from '#shared/proof/seal.ts';
import type { Announcement, Reply } from '#shared/replies/replies.ts';
import { advance, type Advanced } from '#shared/sale/advance.ts';
import { learn } from '#shared/sale/learn.ts';
import { countsOf, isSettled, seqOf, statusOf } from '#shared/sale/state.ts';
import type { KeyFilter } from './key-filter.ts';
import type { Part } from './part.ts';
import type { HotSale } from './hot-sale.ts';
import type { HotSales } from './sales.ts';

/** Where the line stands behind a batch. */
export interface LinePosition {
  readonly nextOffset: Offset;
  readonly lastAt: EpochMs;
  readonly lastRecordSha256: string | null;
}

export interface DecidedBatch {
  readonly position: LinePosition;
  readonly records: number;
  readonly sales: readonly SaleAfter[];
  /** The sales in memory that `sales` describes. */
  readonly hot: readonly HotSale[];
  readonly announcement: Announcement;
  readonly outcomes: ReadonlyMap<string, number>;
  /** Records that belong to no sale and were passed. */
  readonly passed: readonly { readonly offset: Offset; readonly sha256: string; readonly requestId: string }[];
}

/**
 * Decides what stands in `parts`, in order, up to the bounds, and moves the sales in
 * memory on; `part.decided` says how far it got. Synchronous, and a function of the
 * records and the state alone: deciding them again from the same state gives the
 * same batch.
 *
 * @param from where the line stands before
 */
export function decideBatch(
  parts: readonly Part[],
  from: LinePosition,
  sales: HotSales,
  bounds: { readonly recordsMax: number; readonly eventsMax: number },
): DecidedBatch {
  const open = new Map<HotSale, OpenSale>();
  const waiting: WaitingReply[] = [];
  const unknown: Reply[] = [];
  const outcomes = new Tally();
  const passed: { offset: Offset; sha256: string; requestId: string }[] = [];
  let { nextOffset, lastAt } = from;
  let lastRecord: Part['records'][number] | undefined;
  let records = 0;
  let events = 0;

  const take = (sale: HotSale, advanced: Advanced, offset: Offset): OpenSale | undefined => {
    if (advanced.events.length === 0) return undefined;
    let batch = open.get(sale);
    if (batch === undefined) {
      batch = { events: [], paymentMethods: undefined };
      open.set(sale, batch);
    }
    for (const event of advanced.events) {
      assert(event.offset === offset, `event ${event.type} carries the offset of its command`);
      assert(event.sale_id === sale.saleId, `event ${event.type} belongs to the sale it was decided in`);
      batch.events.push(event);
      outcomes.add(event.type, 'reason' in event ? event.reason : undefined);
    }
    events += advanced.events.length;
    sale.wasSettled ||= isSettled(sale.state);
    return batch;
  };

  cut: for (const part of parts) {
    if (part.decided === 0) {
      for (const { sale, known } of part.known) {
        learn(sale.state, known);
        sale.remembered += known.decisions.length + known.reservations.length + known.orders.length;
      }
    }
    while (part.decided < part.records.length) {
      if (records >= bounds.recordsMax || events >= bounds.eventsMax) break cut;
      const record = part.records[part.decided];
      const parsed = part.commands[part.decided];
      assert(record !== undefined && parsed !== undefined, 'a part has one parsed command for each record');
      assert(record.offset === nextOffset, `records stand without a hole: ${String(record.offset)} follows ${String(nextOffset - 1)}`);
      const offset = record.offset;
      const at = record.timestamp > lastAt ? record.timestamp : lastAt;
      const command = parsed.ok ? parsed.command : undefined;
      const own = command === undefined ? undefined : sales.get(command.sale_id);
      const isScheduled = own !== undefined && (command?.type === 'sale.schedule' || statusOf(own.state) !== null);
      if (command !== undefined && own !== undefined && isScheduled && !sales.hasKeyOfAnother(own, command)) {
        const advanced = advance(own.state, { offset, at, command });
        const batch = take(own, advanced, offset);
        if (command.type === 'checkout.request') {
          for (const event of advanced.events)
            if (event.type === 'checkout.requested' && batch !== undefined)
              (batch.paymentMethods ??= new Map()).set(event.seq, command.payment_method_id);
        }
        const replyTo = 'reply_to' in command ? command.reply_to : undefined;
        const { answer } = advanced;
        if (replyTo !== undefined && answer.kind !== 'nothing')
          waiting.push({
            replyTo,
            sale: own,
            seq: answer.kind === 'event' ? answer.event.seq : answer.seq,
            decided: answer.kind === 'event',
          });
        if (answer.kind !== 'event') outcomes.add(answer.kind);
      } else {
        const sha256 = parsed.ok ? recordSha256(record) : parsed.sha256;
        const requestId = (parsed.ok ? parsed.command.request_id : parsed.requestId) ?? `line-${String(offset)}`;
        const active = sales.active();
        if (active === undefined) {
          passed.push({ offset, sha256, requestId });
          outcomes.add('passed');
        } else {
          take(active, advance(active.state, { offset, at, malformed: { sha256, requestId } }), offset);
        }
        if (command !== undefined && 'reply_to' in command && command.reply_to !== undefined)
          unknown.push({ kind: 'unknown_sale', replyTo: command.reply_to, saleId: command.sale_id });
      }
      part.decided++;
      records++;
      nextOffset = (offset + 1) as Offset;
      lastAt = at;
      lastRecord = record;
    }
  }

  const closed = new Map<HotSale, SaleAfter>();
  for (const [sale, batch] of open) closed.set(sale, close(sale, batch));
  const after = [...closed.values()];
  return {
    position: { nextOffset, lastAt, lastRecordSha256: lastRecord === undefined ? from.lastRecordSha256 : recordSha256(lastRecord) },
    records,
    sales: after,
    hot: [...open.keys()],
    announcement: { replies: [...waiting.map((reply) => replyOf(reply, closed)), ...unknown], settledOrders: settledOrders(after) },
    outcomes: outcomes.total(),
    passed,
  };
}

interface OpenSale {
  readonly events: DecidedEvent[];
  paymentMethods: Map<Seq, string> | undefined;
}

interface WaitingReply {
  readonly replyTo: string;
  readonly sale: HotSale;
  readonly seq: Seq;
  /** Decided by this record; otherwise repeated. */
  readonly decided: boolean;
}

/** Chains the batch's events of one sale and describes its row. */
function close(sale: HotSale, { events, paymentMethods }: OpenSale): SaleAfter {
  const headBefore = sale.head;
  const { sealed, head } = seal(events, headBefore);
  const seq = seqOf(sale.state);
  const first = events[0]?.seq;
  assert(seq !== 0 && first !== undefined, 'a sale with events has a seq');
  assert(
    seq - first + 1 === events.length,
    `the seqs of a batch are dense: ${String(first)} to ${String(seq)} are ${String(events.length)} events`,
  );
  assert(sealed.length === events.length, 'every event is sealed');
  const status = statusOf(sale.state);
  assert(status !== null, 'a sale with events is scheduled');
  sale.head = head;
  sale.remembered += events.length;
  if (sale.ids !== null) for (const event of events) noteIds(sale.ids, event);
  return {
    saleNo: sale.saleNo,
    saleId: sale.saleId,
    status,
    seq,
    head,
    headBefore,
    settled: isSettled(sale.state),
    items: movedItems(sale, events),
    events:
      paymentMethods === undefined
        ? sealed
        : sealed.map((event) => {
            const paymentMethodId = paymentMethods.get(event.event.seq);
            return paymentMethodId === undefined ? event : { ...event, paymentMethodId };
          }),
  };
}

function noteIds(ids: KeyFilter, event: DecidedEvent): void {
  if ('reservation_id' in event && event.reservation_id !== undefined) ids.add(event.reservation_id);
  if ('order_id' in event) ids.add(event.order_id);
  if ('key' in event && event.key !== undefined) ids.add(event.key);
}

function movedItems(sale: HotSale, events: readonly DecidedEvent[]): SaleAfter['items'] {
  const skus = new Set<Sku>();
  for (const event of events) {
    if (event.type === 'sale.scheduled') for (const item of event.terms.items) skus.add(item.sku);
    else if ('counts' in event) for (const sku in event.counts) skus.add(sku as Sku);
  }
  return Array.from(skus, (sku) => {
    const counts = countsOf(sale.state, sku);
    assert(counts !== null, `an item that moved is an item of the sale: ${sku}`);
    assert(counts.held >= 0, `held of ${sku} is not negative`);
    assert(counts.sold >= 0, `sold of ${sku} is not negative`);
    assert(counts.held + counts.sold <= counts.total, `${sku} is not oversold`);
    return { sku, total: counts.total, held: counts.held, sold: counts.sold };
  });
}

function replyOf({ replyTo, sale, seq, decided }: WaitingReply, after: ReadonlyMap<HotSale, SaleAfter>): Reply {
  if (!decided) return { kind: 'repeated', replyTo, saleId: sale.saleId, seq };
  const events = after.get(sale)?.events;
  const sealed = events?.[seq - (events[0]?.event.seq ?? 0)];
  assert(sealed?.event.seq === seq, `the answer to a request stands in its batch: seq ${String(seq)}`);
  return { kind: 'decided', replyTo, leaf: sealed.leaf };
}

/** Orders that left `pending`. */
function settledOrders(after: readonly SaleAfter[]): OrderId[] {
  const orders = new Set<OrderId>();
  for (const { events } of after)
    for (const { event } of events)
      if (event.type === 'order.confirmed' || event.type === 'order.failed' || event.type === 'refund.requested')
        orders.add(event.order_id);
  return [...orders];
}

/** How often each thing happened, by type and reason: one text for both would be put together for each event. */
class Tally {
  readonly #counts = new Map<string, Map<string, number>>();

  add(type: string, reason = ''): void {
    let reasons = this.#counts.get(type);
    if (reasons === undefined) {
      reasons = new Map();
      this.#counts.set(type, reasons);
    }
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }

  total(): Map<string, number> {
    const total = new Map<string, number>();
    for (const [type, reasons] of this.#counts)
      for (const [reason, count] of reasons) total.set(reason === '' ? type : `${type}:${reason}`, count);
    return total;
  }
}
