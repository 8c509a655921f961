import { COMMAND_VERSION } from '#schemas/command.ts';
import { CancelRequest } from '#schemas/http.ts';
import { SaleId, type ReservationId, type UserRef } from '#schemas/ids.ts';
import { assert } from '#shared/faults/assert.ts';
import { fingerprint, requestKey } from '#shared/ids/derive.ts';
import { json, withHeaders, type Outcome } from '#shared/http/answer.ts';
import type { ChangeWaiter } from '#shared/http/await-change.ts';
import type { Note202, Notes202 } from '#shared/http/answered-202.ts';
import type { Caller } from '#shared/http/authenticate.ts';
import { pageOf } from '#shared/http/cursor.ts';
import { requiredIdempotencyKey } from '#shared/http/idempotency.ts';
import { preferenceOf } from '#shared/http/prefer.ts';
import { problem, type Problem } from '#shared/http/problem.ts';
import { pageAsked, waitAsked } from '#shared/http/query.ts';
import { keyReused, requestRefused } from '#shared/http/refusals.ts';
import { retryAfterOf } from '#shared/http/retry-after.ts';
import { callerOf, param, type Exchange } from '#shared/http/route.ts';
import type { Submit } from '#shared/http/submit.ts';
import { validated } from '#shared/http/validate.ts';
import { reservationOfNote, reservationOfRow } from '#shared/http/views.ts';
import type { createProgress } from '#shared/ledger/read/progress.ts';
import { isUuid, type ReservationReads, type ReservationRow } from '#shared/ledger/read/reservations.ts';
import type { SaleCards } from '#shared/ledger/read/sale-card.ts';

export interface ReservationPorts {
  readonly cards: SaleCards;
  readonly submit: Submit;
  readonly notes: Notes202;
  readonly reservations: ReservationReads;
  readonly decided: ChangeWaiter<ReservationRow>;
  readonly progress: ReturnType<typeof createProgress>;
  readonly now: () => number;
}

const ABSENT: Problem = problem('not_found', 'there is no such reservation');

/** A buyer's own reservation: decided, or noted as queued. */
type Own = { readonly row: ReservationRow; readonly note: null } | { readonly row: null; readonly note: Note202 };

/** Reading and cancelling reservations; another user's are not there. */
export function createReservationHandlers(ports: ReservationPorts) {
  const { cards, submit, notes, reservations, decided, progress, now } = ports;

  async function find(id: string, user: UserRef): Promise<Own | null> {
    if (!isUuid(id)) return null;
    const row = await reservations.byId(id);
    if (row !== null) return row.user_ref === user ? { row, note: null } : null;
    const note = await notes.find(id);
    return note?.user === user && note.items !== undefined ? { row: null, note } : null;
  }

  async function viewOf(id: string, own: Own, caller: Caller): Promise<object> {
    if (own.row !== null) return reservationOfRow(own.row, await cards.ofKnown(own.row.sale_id), caller.userId, now());
    const { note } = own;
    return reservationOfNote(id, note, await cards.ofKnown(note.sale_id), caller.userId, await progress(note.partition, note.offset));
  }

  /** `GET /v1/reservations/{id}?wait=N`: the wait ends when it is queued no longer. */
  async function get(exchange: Exchange): Promise<Outcome> {
    const caller = callerOf(exchange);
    const id = param(exchange, 'id');
    const waitMs = waitAsked(exchange.query);
    let own = await find(id, caller.ref);
    if (own !== null && own.note !== null && waitMs > 0) {
      const row = await decided.until(id, exchange.receivedAt + waitMs);
      if (row !== null) own = { row, note: null };
    }
    return own === null ? ABSENT : json(200, await viewOf(id, own, caller), PRIVATE);
  }

  /** `GET /v1/reservations?sale_id=&limit=&cursor=`: the caller's own, newest first. */
  async function list(exchange: Exchange): Promise<Outcome> {
    const caller = callerOf(exchange);
    const { limit, after } = pageAsked(exchange.query, isUuid);
    const saleId = exchange.query.get('sale_id');
    // What cannot be a sale's id names a sale in which nobody reserved.
    const rows = saleId !== null && !SaleId.safeParse(saleId).success ? [] : await reservations.ofUser(caller.ref, saleId, after, limit);
    const { page, nextCursor } = pageOf(rows, limit, (row) => ({ ms: row.created_at_ms, id: row.id }));
    const data = await Promise.all(page.map(async (row) => reservationOfRow(row, await cards.ofKnown(row.sale_id), caller.userId, now())));
    return json(200, { data, next_cursor: nextCursor }, PRIVATE);
  }

  /** `POST /v1/reservations/{id}/cancel`. */
  async function cancel(exchange: Exchange): Promise<Outcome> {
    const caller = callerOf(exchange);
    const idempotencyKey = requiredIdempotencyKey(exchange.request.headers, exchange.body['idempotency_key']);
    validated(CancelRequest, exchange.body);
    const id = param(exchange, 'id');
    const own = await find(id, caller.ref);
    if (own === null) return ABSENT;
    const card = await cards.ofKnown((own.row ?? own.note).sale_id);
    const preference = preferenceOf(exchange.request.headers['prefer']);
    const key = requestKey(caller.ref, `/v1/reservations/${id}/cancel`, idempotencyKey);
    const print = fingerprint(['reservation.cancel', id]);
    const awaited = await submit.andWait(
      card,
      { kind: 'request', key, fingerprint: print },
      exchange.receivedAt + preference.waitMs,
      (replyTo) => ({
        v: COMMAND_VERSION,
        type: 'reservation.cancel',
        sale_id: card.saleId,
        request_id: exchange.requestId,
        traceparent: exchange.traceparent,
        fingerprint: print,
        accepted_at: exchange.receivedAt,
        reply_to: replyTo,
        key,
        reservation_id: id as ReservationId,
        user: caller.ref,
      }),
      caller,
    );
    const applied: Record<string, string> = preference.applied === null ? {} : { 'preference-applied': preference.applied };
    switch (awaited.kind) {
      case 'conflict':
        return keyReused();
      case 'unknown_sale':
        return ABSENT;
      case 'undecided': {
        const queue = await progress(awaited.place.partition, awaited.place.offset);
        const headers = { location: `/v1/reservations/${id}`, 'retry-after': retryAfterOf(queue), ...applied };
        return json(202, { ...(await viewOf(id, own, caller)), queue }, headers);
      }
      case 'decided': {
        const headers = awaited.replayed ? { ...applied, 'idempotent-replayed': 'true' } : applied;
        if (awaited.event.type === 'request.rejected') return withHeaders(requestRefused(awaited.event), headers);
        const row = await reservations.byId(id);
        assert(row !== null, 'a reservation that was cancelled has a row');
        // What was decided, not what has become of it since: a late payment may have moved the row on.
        const then: ReservationRow = { ...row, status: 'released', reason: 'cancelled', seq: awaited.event.seq };
        return json(200, reservationOfRow(then, card, caller.userId, now()), headers);
      }
    }
  }

  return { get, list, cancel };
}

const PRIVATE = { 'cache-control': 'private, no-store' };
