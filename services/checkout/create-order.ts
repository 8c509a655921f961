import { COMMAND_VERSION, type RequestCheckout } from '#schemas/command.ts';
import type { Event } from '#schemas/event.ts';
import { OrderRequest } from '#schemas/http.ts';
import type { Fingerprint, OrderId, RequestKey, ReservationId, SaleNo } from '#schemas/ids.ts';
import { fingerprint, orderId, requestKey } from '#shared/ids/derive.ts';
import { json, withHeaders, type Outcome } from '#shared/http/answer.ts';
import type { ChangeWaiter } from '#shared/http/await-change.ts';
import type { Note202, Notes202 } from '#shared/http/answered-202.ts';
import type { Caller } from '#shared/http/authenticate.ts';
import { requiredIdempotencyKey } from '#shared/http/idempotency.ts';
import { preferenceOf, type Preference } from '#shared/http/prefer.ts';
import { problem } from '#shared/http/problem.ts';
import { keyReused, requestRefused } from '#shared/http/refusals.ts';
import { retryAfterOf } from '#shared/http/retry-after.ts';
import { callerOf, type Exchange } from '#shared/http/route.ts';
import type { Submit } from '#shared/http/submit.ts';
import { validated } from '#shared/http/validate.ts';
import { amountOf, DECIDED_PLACE, orderOfEvent, orderOfNote, orderOfRow } from '#shared/http/views.ts';
import type { FoundDecision } from '#shared/ledger/read/decisions.ts';
import type { OrderReads, OrderRow } from '#shared/ledger/read/orders.ts';
import type { createProgress, LinePlace } from '#shared/ledger/read/progress.ts';
import { isUuid, type ReservationReads } from '#shared/ledger/read/reservations.ts';
import type { SaleCard, SaleCards } from '#shared/ledger/read/sale-card.ts';
import type { Place } from '#shared/line/line.ts';
import { refusedAfter202, type Price } from './refused-order.ts';

export interface CreateOrderPorts {
  readonly cards: SaleCards;
  readonly submit: Submit;
  readonly notes: Notes202;
  readonly reservations: ReservationReads;
  readonly orders: OrderReads;
  readonly claimOrderKey: (key: RequestKey, saleNo: SaleNo) => Promise<SaleNo>;
  readonly progress: ReturnType<typeof createProgress>;
  readonly findDecision: (id: OrderId) => Promise<FoundDecision | null>;
  /** Waits until an order is no longer pending. */
  readonly settled: ChangeWaiter<OrderRow>;
}

/** One request for an order, as it was understood. */
interface Asked {
  readonly exchange: Exchange;
  readonly caller: Caller;
  readonly card: SaleCard;
  readonly id: OrderId;
  readonly print: Fingerprint;
  readonly reservationId: ReservationId;
  readonly paymentMethodId: string;
  readonly preference: Preference;
  /** Where the reservation is decided: what it costs. */
  readonly amount: number | null;
  /** Until when the client wants to wait. */
  readonly deadlineMs: number;
}

const REPLAYED = { 'idempotent-replayed': 'true' };

/** `POST /v1/orders`. */
export function createOrderHandler(ports: CreateOrderPorts): (exchange: Exchange) => Promise<Outcome> {
  const { cards, submit, notes, reservations, orders, claimOrderKey, progress, findDecision, settled } = ports;

  return async (exchange) => {
    const caller = callerOf(exchange);
    const idempotencyKey = requiredIdempotencyKey(exchange.request.headers, exchange.body['idempotency_key']);
    const { reservation_id: reservationId, payment_method_id: paymentMethodId } = validated(OrderRequest, exchange.body);
    const found = await findReservation(reservationId, caller);
    if (found === null) return problem('not_found', 'there is no such reservation');
    const { card, amount } = found;
    const preference = preferenceOf(exchange.request.headers['prefer']);
    const asked: Asked = {
      exchange,
      caller,
      card,
      id: orderId(card.saleId, caller.ref, idempotencyKey),
      print: fingerprint(['checkout.request', reservationId, paymentMethodId]),
      reservationId: reservationId as ReservationId,
      paymentMethodId,
      preference,
      amount,
      deadlineMs: exchange.receivedAt + preference.waitMs,
    };
    submit.gate();
    const owner = await claimOrderKey(requestKey(caller.ref, '/v1/orders', idempotencyKey), card.saleNo);
    if (owner !== card.saleNo) return keyReused();
    const outcome = preference.respondAsync ? await withoutWaiting(asked) : await waiting(asked);
    return preference.applied === null ? outcome : withHeaders(outcome, { 'preference-applied': preference.applied });
  };

  /** The caller's own reservation; one that is still in the line can be ordered too, since the order stands behind it. */
  async function findReservation(id: string, caller: Caller): Promise<{ card: SaleCard; amount: number | null } | null> {
    if (!isUuid(id)) return null;
    const row = await reservations.byId(id);
    if (row !== null && row.user_ref !== caller.ref) return null;
    const note = row === null ? await notes.find(id) : null;
    if (row === null && (note?.user !== caller.ref || note.items === undefined)) return null;
    const card = await cards.ofKnown((row ?? note)!.sale_id);
    return { card, amount: row === null ? null : amountOf(card, row.items) };
  }

  async function waiting(asked: Asked): Promise<Outcome> {
    const { card, caller, id, print, deadlineMs } = asked;
    const awaited = await submit.andWait(
      card,
      { kind: 'order', key: id, fingerprint: print },
      deadlineMs,
      (replyTo) => commandOf(asked, replyTo),
      caller,
    );
    switch (awaited.kind) {
      case 'decided':
        return answerOf(asked, awaited.event, awaited.replayed);
      case 'conflict':
        return keyReused();
      case 'unknown_sale':
        return problem('not_found', 'there is no such reservation');
      case 'undecided':
        return queued(asked, awaited.place);
    }
  }

  async function withoutWaiting(asked: Asked): Promise<Outcome> {
    const [decision, note] = await Promise.all([findDecision(asked.id), notes.recall(asked.id)]);
    if (decision !== null)
      return decision.fingerprint === asked.print ? answerOf(asked, JSON.parse(decision.leaf) as Event, true) : keyReused();
    if (note?.fingerprint === asked.print) return queuedAnswer(asked, note, true);
    // Another body of this key may be in the line: which of the two stands first, and so has the key, only the line can tell.
    return queued(asked, await submit.only(asked.card, commandOf(asked, undefined), asked.caller));
  }

  /** The answer to a request that was decided: a first 202 is followed by the order as it stands, a first 201 or 402 by the same again. */
  async function answerOf(asked: Asked, event: Event, replayed: boolean): Promise<Outcome> {
    const headers: Record<string, string> = replayed ? REPLAYED : {};
    if (event.type === 'request.rejected') {
      // Only a note says that 202 was told: the command cannot know whether its refusal was waited for.
      if (replayed && event.reason !== 'idempotency_conflict' && (await wasTold202(asked)))
        return json(200, refusedAfter202(event, priceOf(asked)), REPLAYED);
      return withHeaders(requestRefused(event), headers);
    }
    if (event.type !== 'checkout.requested')
      throw new Error(`an order was answered by the event ${event.type}, seq ${event.seq} of sale ${event.sale_id}`);
    const pending = orderOfEvent(event);
    if (!replayed && !asked.preference.explicitWait) return accepted(asked, pending, decidedPlace(event), false);
    const toldBefore = replayed && (event.respond_async || (await wasTold202(asked)));
    // Whose first request waited for the payment is given that result, so a retry waits for it too.
    const order =
      asked.preference.explicitWait || !event.respond_async
        ? ((await settled.until(asked.id, asked.deadlineMs)) ?? (await orders.byId(asked.id)))
        : await orders.byId(asked.id);
    if (order === null || order.status === 'pending') return stillPending(asked, event, replayed);
    if (toldBefore) return json(200, orderOfRow(order), REPLAYED);
    // However a late payment moves a failed order on, the answer was and stays that this payment failed.
    if (order.failure_reason === null) return json(201, orderOfRow(order), { location: locationOf(asked.id), ...headers });
    return problem('payment_failed', `the payment failed: ${order.failure_reason}`, {
      extra: {
        order_id: asked.id,
        reservation_id: asked.reservationId,
        order: { ...pending, status: 'failed', reason: order.failure_reason },
      },
      headers,
    });
  }

  /** The wait for the payment is over; the note makes a later replay show the order as it stands. */
  async function stillPending(asked: Asked, event: Extract<Event, { type: 'checkout.requested' }>, replayed: boolean): Promise<Outcome> {
    if (!event.respond_async) {
      const { amount, currency, offset } = event;
      await notes.note(asked.id, { ...noteOf(asked, { partition: asked.card.partition, offset: offset }), amount, currency });
    }
    return accepted(asked, orderOfEvent(event), decidedPlace(event), replayed);
  }

  async function queued(asked: Asked, place: Place): Promise<Outcome> {
    const note = noteOf(asked, place);
    const earlier = await notes.note(asked.id, note);
    const replayed = earlier?.fingerprint === asked.print;
    return queuedAnswer(asked, replayed ? earlier : note, replayed);
  }

  async function wasTold202({ id, print }: Asked): Promise<boolean> {
    return (await notes.recall(id))?.fingerprint === print;
  }

  async function queuedAnswer(asked: Asked, note: Note202, replayed: boolean): Promise<Outcome> {
    const queue = await progress(note.partition, note.offset);
    // What is known of the reservation by now may not have been when the note was made.
    return accepted(asked, orderOfNote(asked.id, { ...note, ...priceOf(asked) }, queue), queue, replayed);
  }
}

const locationOf = (id: string): string => `/v1/orders/${id}`;

const decidedPlace = ({ offset }: Event): LinePlace => ({ offset, ...DECIDED_PLACE });

function accepted(asked: Asked, order: object, queue: LinePlace, replayed: boolean): Outcome {
  const headers = { location: locationOf(asked.id), 'retry-after': retryAfterOf(queue), ...(replayed ? REPLAYED : {}) };
  return json(202, { ...order, queue }, headers);
}

function priceOf({ amount, card }: Asked): Price | null {
  return amount === null ? null : { amount, currency: card.currency };
}

function noteOf(asked: Asked, place: Place): Note202 {
  const { card, caller, print, exchange, reservationId } = asked;
  return {
    sale_id: card.saleId,
    user: caller.ref,
    fingerprint: print,
    partition: place.partition,
    offset: place.offset,
    accepted_at_ms: exchange.receivedAt,
    reservation_id: reservationId,
    ...priceOf(asked),
  };
}

function commandOf(
  { exchange, caller, card, id, print, reservationId, paymentMethodId, preference }: Asked,
  replyTo: string | undefined,
): RequestCheckout {
  return {
    v: COMMAND_VERSION,
    type: 'checkout.request',
    sale_id: card.saleId,
    request_id: exchange.requestId,
    traceparent: exchange.traceparent,
    fingerprint: print,
    accepted_at: exchange.receivedAt,
    ...(replyTo === undefined ? {} : { reply_to: replyTo }),
    order_id: id,
    reservation_id: reservationId,
    user: caller.ref,
    payment_method_id: paymentMethodId,
    // Who does not ask to wait for the payment is told 202 once the order is made.
    respond_async: !preference.explicitWait,
  };
}
