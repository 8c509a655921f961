import type { Event } from '#schemas/event.ts';
import type { OrderId, UserRef } from '#schemas/ids.ts';
import { json, type Outcome } from '#shared/http/answer.ts';
import type { ChangeWaiter } from '#shared/http/await-change.ts';
import type { Notes202 } from '#shared/http/answered-202.ts';
import { pageOf } from '#shared/http/cursor.ts';
import { problem, type Problem } from '#shared/http/problem.ts';
import { pageAsked, waitAsked } from '#shared/http/query.ts';
import { callerOf, param, type Exchange } from '#shared/http/route.ts';
import { amountOf, orderOfNote, orderOfRow } from '#shared/http/views.ts';
import type { FoundDecision } from '#shared/ledger/read/decisions.ts';
import type { OrderReads, OrderRow } from '#shared/ledger/read/orders.ts';
import type { createProgress } from '#shared/ledger/read/progress.ts';
import { isUuid, type ReservationReads } from '#shared/ledger/read/reservations.ts';
import type { SaleCards } from '#shared/ledger/read/sale-card.ts';
import { refusedAfter202, type Price } from './refused-order.ts';

export interface OrderPorts {
  readonly notes: Notes202;
  readonly cards: SaleCards;
  readonly reservations: ReservationReads;
  readonly orders: OrderReads;
  readonly progress: ReturnType<typeof createProgress>;
  readonly findDecision: (id: OrderId) => Promise<FoundDecision | null>;
  readonly settled: ChangeWaiter<OrderRow>;
}

const ABSENT: Problem = problem('not_found', 'there is no such order');
const PRIVATE = { 'cache-control': 'private, no-store' };

/** Reading orders; another user's are not there. */
export function createOrderReaders({ cards, notes, reservations, orders, progress, findDecision, settled }: OrderPorts) {
  /** What there is of an order that has no row: told 202 and in the line, or told 202 and then refused. */
  async function withoutRow(id: string, user: UserRef): Promise<object | null> {
    const decision = await findDecision(id as OrderId);
    const event = decision === null ? null : (JSON.parse(decision.leaf) as Event);
    if (event?.type === 'request.rejected' && event.request === 'checkout.request' && event.user === user) {
      return refusedAfter202(event, await priceOf(event.reservation_id, user));
    }
    const note = await notes.find(id);
    if (note?.user !== user || note.reservation_id === undefined) return null;
    const price = note.amount === undefined ? await priceOf(note.reservation_id, user) : null;
    return orderOfNote(id, { ...note, ...price }, await progress(note.partition, note.offset));
  }

  /** What the caller's own reservation costs, where it is decided. */
  async function priceOf(reservationId: string | undefined, user: UserRef): Promise<Price | null> {
    const row = reservationId === undefined ? null : await reservations.byId(reservationId);
    if (row?.user_ref !== user) return null;
    const card = await cards.ofKnown(row.sale_id);
    return { amount: amountOf(card, row.items), currency: card.currency };
  }

  /** `GET /v1/orders/{id}?wait=N`: the wait ends when it is pending no longer. */
  async function get(exchange: Exchange): Promise<Outcome> {
    const { ref } = callerOf(exchange);
    const id = param(exchange, 'id');
    const waitMs = waitAsked(exchange.query);
    if (!isUuid(id)) return ABSENT;
    const row = await orders.byId(id);
    if (row !== null && row.user_ref !== ref) return ABSENT;
    if (row !== null && (row.status !== 'pending' || waitMs === 0)) return json(200, orderOfRow(row), PRIVATE);
    let order = row === null ? await withoutRow(id, ref) : orderOfRow(row);
    if (order === null) return ABSENT;
    if (waitMs > 0 && 'status' in order && order.status === 'pending') {
      const newest = await settled.until(id, exchange.receivedAt + waitMs);
      order = newest === null ? ((await withoutRow(id, ref)) ?? order) : orderOfRow(newest);
    }
    return json(200, order, PRIVATE);
  }

  /** `GET /v1/orders?limit=&cursor=`: the caller's own that were made, newest first; what the line refused is found by its id only. */
  async function list(exchange: Exchange): Promise<Outcome> {
    const { ref } = callerOf(exchange);
    const { limit, after } = pageAsked(exchange.query, isUuid);
    const rows = await orders.ofUser(ref, after, limit);
    const { page, nextCursor } = pageOf(rows, limit, (row) => ({ ms: row.created_at_ms, id: row.id }));
    return json(200, { data: page.map(orderOfRow), next_cursor: nextCursor }, PRIVATE);
  }

  return { get, list };
}
