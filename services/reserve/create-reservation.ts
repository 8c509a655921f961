import { OneItemReservationRequest, ReservationRequest } from '#schemas/http.ts';
import { COMMAND_VERSION, type CreateReservation } from '#schemas/command.ts';
import type { Event } from '#schemas/event.ts';
import type { Fingerprint, ReservationId } from '#schemas/ids.ts';
import { assert } from '#shared/faults/assert.ts';
import { fingerprint, reservationId } from '#shared/ids/derive.ts';
import { json, withHeaders, type Outcome } from '#shared/http/answer.ts';
import type { Note202, Notes202 } from '#shared/http/answered-202.ts';
import type { Caller } from '#shared/http/authenticate.ts';
import { requiredIdempotencyKey } from '#shared/http/idempotency.ts';
import { preferenceOf, type Preference } from '#shared/http/prefer.ts';
import { problem } from '#shared/http/problem.ts';
import { keyReused, reservationRefused } from '#shared/http/refusals.ts';
import { retryAfterOf } from '#shared/http/retry-after.ts';
import { callerOf, param, type Exchange } from '#shared/http/route.ts';
import type { Submit } from '#shared/http/submit.ts';
import { validated } from '#shared/http/validate.ts';
import { reservationOfEvent, reservationOfNote, reservationOfRow } from '#shared/http/views.ts';
import type { FoundDecision } from '#shared/ledger/read/decisions.ts';
import type { createProgress } from '#shared/ledger/read/progress.ts';
import type { ReservationReads } from '#shared/ledger/read/reservations.ts';
import type { SaleCard, SaleCards } from '#shared/ledger/read/sale-card.ts';
import type { Place } from '#shared/line/line.ts';

export interface CreateReservationPorts {
  readonly cards: SaleCards;
  readonly submit: Submit;
  readonly notes: Notes202;
  readonly reservations: ReservationReads;
  /** A decision by key, if there is one. */
  readonly findDecision: (id: ReservationId) => Promise<FoundDecision | null>;
  readonly progress: ReturnType<typeof createProgress>;
  readonly now: () => number;
}

/** One request for a reservation, as it was understood. */
interface Asked {
  readonly exchange: Exchange;
  readonly caller: Caller;
  readonly card: SaleCard;
  readonly id: ReservationId;
  readonly print: Fingerprint;
  readonly items: CreateReservation['items'];
  readonly allowPartial: boolean;
  readonly preference: Preference;
}

const REPLAYED = { 'idempotent-replayed': 'true' };

/** `POST /v1/sales/{sale_id}/reservations`. */
export function createReservationHandler(ports: CreateReservationPorts): (exchange: Exchange) => Promise<Outcome> {
  const { cards, submit, notes, reservations, findDecision, progress, now } = ports;

  return async (exchange) => {
    const caller = callerOf(exchange);
    const { body } = exchange;
    const idempotencyKey = requiredIdempotencyKey(exchange.request.headers, body['idempotency_key']);
    const request = readRequest(body);
    const known = cards.find(param(exchange, 'saleId'));
    const card = known instanceof Promise ? await known : known;
    if (card === null) return problem('sale_not_found', 'no sale has this id');
    const asked: Asked = {
      exchange,
      caller,
      card,
      id: reservationId(card.saleId, caller.ref, idempotencyKey),
      print: fingerprint(['reservation.create', request.items, request.allowPartial]),
      ...request,
      preference: preferenceOf(exchange.request.headers['prefer']),
    };
    const outcome = asked.preference.respondAsync ? await withoutWaiting(asked) : await waiting(asked);
    const { applied } = asked.preference;
    return applied === null ? outcome : withHeaders(outcome, { 'preference-applied': applied });
  };

  async function waiting(asked: Asked): Promise<Outcome> {
    const { exchange, caller, card, id, print, preference } = asked;
    const awaited = await submit.andWait(
      card,
      { kind: 'reservation', key: id, fingerprint: print },
      exchange.receivedAt + preference.waitMs,
      (replyTo) => commandOf(asked, replyTo),
      caller,
    );
    switch (awaited.kind) {
      case 'decided':
        return awaited.replayed ? replay(asked, awaited.event) : answerOf(awaited.event, asked);
      case 'conflict':
        return keyReused();
      case 'unknown_sale':
        return problem('sale_not_found', 'no sale has this id');
      case 'undecided':
        return queued(asked, awaited.place);
    }
  }

  async function withoutWaiting(asked: Asked): Promise<Outcome> {
    const { id, print, card, caller } = asked;
    const [decision, note] = await Promise.all([findDecision(id), notes.recall(id)]);
    if (decision !== null) return decision.fingerprint === print ? replay(asked, JSON.parse(decision.leaf) as Event) : keyReused();
    if (note?.fingerprint === print) return queuedAnswer(asked, note, true);
    // Another body of this key may be in the line: which of the two stands first, and so has the key, only the line can tell.
    return queued(asked, await submit.only(card, commandOf(asked, undefined), caller));
  }

  /** Tells the client 202 and notes that it was told so: from then on a replay shows how the reservation stands. */
  async function queued(asked: Asked, place: Place): Promise<Outcome> {
    const note: Note202 = {
      sale_id: asked.card.saleId,
      user: asked.caller.ref,
      fingerprint: asked.print,
      partition: place.partition,
      offset: place.offset,
      accepted_at_ms: asked.exchange.receivedAt,
      items: asked.items,
    };
    const earlier = await notes.note(asked.id, note);
    const replayed = earlier?.fingerprint === asked.print;
    return queuedAnswer(asked, replayed ? earlier : note, replayed);
  }

  async function queuedAnswer(asked: Asked, note: Note202, replayed: boolean): Promise<Outcome> {
    const queue = await progress(note.partition, note.offset);
    return json(202, reservationOfNote(asked.id, note, asked.card, asked.caller.userId, queue), {
      location: locationOf(asked.id),
      'retry-after': retryAfterOf(queue),
      ...(replayed ? REPLAYED : {}),
    });
  }

  /** The first answer again; after a first 202 queued, the reservation as it stands. */
  async function replay(asked: Asked, event: Event): Promise<Outcome> {
    const toldAsync = 'respond_async' in event && event.respond_async === true;
    if (toldAsync || (await notes.recall(asked.id))?.fingerprint === asked.print) {
      const row = await reservations.byId(asked.id);
      assert(row !== null, 'a reservation that was decided has a row');
      return json(200, reservationOfRow(row, asked.card, asked.caller.userId, now()), REPLAYED);
    }
    return withHeaders(answerOf(event, asked), REPLAYED);
  }

  function answerOf(event: Event, { card, caller }: Asked): Outcome {
    switch (event.type) {
      case 'reservation.created':
        return json(201, reservationOfEvent(event, card, caller.userId, now()), { location: locationOf(event.reservation_id) });
      case 'reservation.waitlisted':
        return json(202, reservationOfEvent(event, card, caller.userId, now()), {
          location: locationOf(event.reservation_id),
          'retry-after': '5',
        });
      case 'reservation.rejected':
        return reservationRefused(event);
      default:
        throw new Error(`a reservation was answered by the event ${event.type}, seq ${event.seq} of sale ${event.sale_id}`);
    }
  }
}

const locationOf = (id: string): string => `/v1/reservations/${id}`;

function readRequest(body: Exchange['body']): Pick<Asked, 'items' | 'allowPartial'> {
  if ('sku' in body && !('items' in body)) {
    const { sku, quantity, allow_partial: allowPartial } = validated(OneItemReservationRequest, body);
    return { items: [{ sku, quantity }], allowPartial };
  }
  const { items, allow_partial: allowPartial } = validated(ReservationRequest, body);
  return { items, allowPartial };
}

function commandOf(
  { exchange, caller, card, id, print, items, allowPartial, preference }: Asked,
  replyTo: string | undefined,
): CreateReservation {
  return {
    v: COMMAND_VERSION,
    type: 'reservation.create',
    sale_id: card.saleId,
    request_id: exchange.requestId,
    traceparent: exchange.traceparent,
    fingerprint: print,
    accepted_at: exchange.receivedAt,
    ...(replyTo === undefined ? {} : { reply_to: replyTo }),
    reservation_id: id,
    user: caller.ref,
    items,
    allow_partial: allowPartial,
    respond_async: preference.respondAsync,
  };
}
