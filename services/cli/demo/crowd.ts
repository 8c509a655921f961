import { headerOf } from '#shared/load/answer-parser.ts';
import type { HttpPool, PoolAnswer, PoolRequest } from '#shared/load/http-pool.ts';
import { createLatencyRecorder, type LatencyRecorder } from '#shared/load/latency.ts';
import { runOpenLoop } from '#shared/load/open-loop.ts';
import { crowdNames, newBuyer, paymentMethod, type Buyer, type CrowdNames } from './buyer.ts';

/**
 * The crowd of a sale, over HTTP as browsers would be: each buyer asks for one
 * unit on a clock of their own, retries with the same key what was not answered,
 * pays what is held (nine in ten do) and looks from time to time while waiting.
 */

/** Sends of one request before its buyer gives up. */
const attemptsMax = 12;
/** Every `abandonEvery`th holder lets the hold expire. */
const abandonEvery = 10;
const retryMsMax = 2_000;
/** How often one who waits looks. */
const lookMs = 5_000;
const orderLookMs = 1_500;

export interface CrowdOptions {
  /** For the first request of each buyer. */
  readonly pool: HttpPool;
  /** For orders, so that a payment does not stand behind the newcomers and lose its hold. */
  readonly orderPool: HttpPool;
  /** For looks at what became of a request: they may wait, payments may not. */
  readonly lookPool: HttpPool;
  readonly saleId: string;
  readonly sku: string;
  readonly buyers: number;
  readonly ratePerSecond: number;
  readonly run: string;
  /** Header lines that say who asks. */
  readonly identity: (userId: string) => string;
}

/** Counted while it runs; read by the display. */
export interface CrowdTally {
  arrived: number;
  answered: number;
  held: number;
  waitlisted: number;
  offered: number;
  abandoned: number;
  ordersPlaced: number;
  paid: number;
  declined: number;
  /** Requests sent again because no decision came: no answer, 429, 502, 503 or 504. */
  retries: number;
  /** Held while their buyer was told `queued`, and gone before the buyer looked again. */
  learntTooLate: number;
  /** Buyers who gave up without a decision. */
  gaveUp: number;
  /** Refusals by code. */
  readonly refused: Map<string, number>;
  /** What was not expected, with its count. */
  readonly unexpected: Map<string, number>;
  /** Reasons for retries, with their counts. */
  readonly retryReasons: Map<string, number>;
}

export interface Crowd {
  readonly buyers: readonly Buyer[];
  readonly names: CrowdNames;
  readonly tally: CrowdTally;
  /** From the intended start to the decision, retries included. */
  readonly latency: LatencyRecorder;
  /** Since the display looked last; it resets it. */
  readonly recentLatency: LatencyRecorder;
  /** Ends when the last buyer has arrived. */
  arrive(): Promise<void>;
  /** Buyers who still wait for an answer to their first request. */
  asking(): number;
  /** Buyers whose order has no last word. */
  paying(): number;
  /** No more looking and no more orders. */
  stop(): void;
}

interface ReservationAnswer {
  readonly id?: string;
  readonly status?: string;
  readonly code?: string;
  /** Why it was rejected or released. */
  readonly reason?: string;
}

export function createCrowd(options: CrowdOptions): Crowd {
  const { pool, orderPool, lookPool, saleId, sku, run, identity } = options;
  const names = crowdNames(run);
  const buyers = Array.from({ length: options.buyers }, (_, index) => newBuyer(index));
  const latency = createLatencyRecorder();
  const recentLatency = createLatencyRecorder();
  const reservePath = `/v1/sales/${saleId}/reservations`;
  const reserveBody = JSON.stringify({ sku, quantity: 1 });
  let holders = 0;
  let payers = 0;
  let stopped = false;
  const tally: CrowdTally = {
    arrived: 0,
    answered: 0,
    held: 0,
    waitlisted: 0,
    offered: 0,
    abandoned: 0,
    ordersPlaced: 0,
    paid: 0,
    declined: 0,
    retries: 0,
    learntTooLate: 0,
    gaveUp: 0,
    refused: new Map(),
    unexpected: new Map(),
    retryReasons: new Map(),
  };

  const later = (ms: number, what: () => void): void => {
    setTimeout(what, ms).unref();
  };

  /** Sends until something other than "try again" comes back, with the same key each time. */
  function ask(over: HttpPool, buyer: Buyer, request: PoolRequest, decided: (answer: Answered) => void, gaveUp: () => void): void {
    let attempts = 0;
    const send = (): void => {
      attempts += 1;
      buyer.attempts += 1;
      over.send(request, (answer) => {
        const retryAfterMs = retryDelay(answer, attempts);
        if (retryAfterMs === null) {
          decided(answer as Answered);
          return;
        }
        count(tally.retryReasons, answer.kind === 'answered' ? `${answer.status} ${codeOf(answer)}` : answer.reason);
        if (attempts >= attemptsMax || stopped) {
          gaveUp();
          return;
        }
        tally.retries += 1;
        later(retryAfterMs, send);
      });
    };
    send();
  }

  function headers(buyer: Buyer, key?: string): string {
    return `${identity(names.userId(buyer.index))}${key === undefined ? '' : `Idempotency-Key: ${key}\r\n`}`;
  }

  function reserve(buyer: Buyer): void {
    ask(
      pool,
      buyer,
      { method: 'POST', path: reservePath, headers: headers(buyer, names.reservationKey(buyer.index)), body: reserveBody },
      (answer) => {
        const body = bodyOf(answer);
        if ((answer.status === 202 || answer.status === 200) && body.status === 'queued') {
          buyer.reservationId = body.id ?? null;
          later(500, () => awaitDecision(buyer));
        } else onDecision(buyer, answer, body);
      },
      () => {
        tally.gaveUp += 1;
        buyer.stage = 'done';
      },
    );
  }

  /** The request is in the line and the wait ended before its turn came. */
  function awaitDecision(buyer: Buyer): void {
    look(buyer, '?wait=10', (answer, body) => {
      if (answer.status === 200 && body.status === 'queued') later(250, () => awaitDecision(buyer));
      else onDecision(buyer, answer, body);
    });
  }

  function look(buyer: Buyer, query: string, seen: (answer: Answered, body: ReservationAnswer) => void): void {
    ask(
      lookPool,
      buyer,
      { method: 'GET', path: `/v1/reservations/${buyer.reservationId!}${query}`, headers: headers(buyer) },
      (answer) => seen(answer, bodyOf(answer)),
      () => (buyer.stage = 'done'),
    );
  }

  function onDecision(buyer: Buyer, answer: Answered, body: ReservationAnswer): void {
    const ms = performance.now() - buyer.dueAt;
    latency.record(ms);
    recentLatency.record(ms);
    tally.answered += 1;
    const ok = answer.status === 200 || answer.status === 201 || answer.status === 202;
    buyer.reservationId = body.id ?? buyer.reservationId;
    buyer.answer = (ok ? body.status : body.code) ?? `status ${answer.status}`;
    if (ok && body.status === 'held') {
      tally.held += 1;
      onHold(buyer);
    } else if (ok && body.status === 'waitlisted') {
      tally.waitlisted += 1;
      buyer.stage = 'waiting';
      later(lookMs * (0.5 + Math.random()), () => lookAgain(buyer));
    } else {
      buyer.stage = 'done';
      // Who was told `queued` and looked again too late learns how it ended.
      if (ok && body.status === 'rejected') buyer.answer = body.reason ?? 'rejected';
      if (ok && body.status === 'released') tally.learntTooLate += 1;
      else if (answer.status === 409 || body.status === 'rejected') count(tally.refused, buyer.answer);
      else unexpected(`reservation: ${answer.status} ${buyer.answer}`);
    }
  }

  function onHold(buyer: Buyer): void {
    holders += 1;
    if (holders % abandonEvery === 0) {
      buyer.abandons = true;
      buyer.stage = 'done';
      tally.abandoned += 1;
      return;
    }
    buyer.stage = 'holding';
    pay(buyer);
  }

  function lookAgain(buyer: Buyer): void {
    if (stopped) return;
    look(buyer, '', (answer, body) => {
      if (body.status === 'waitlisted') later(lookMs * (0.75 + Math.random() / 2), () => lookAgain(buyer));
      else if (body.status === 'held') {
        tally.offered += 1;
        buyer.offered = true;
        onHold(buyer);
      } else {
        buyer.stage = 'done';
        if (answer.status !== 200) unexpected(`look: ${answer.status} ${body.code ?? ''}`);
      }
    });
  }

  function pay(buyer: Buyer): void {
    buyer.stage = 'paying';
    tally.ordersPlaced += 1;
    const body = JSON.stringify({ reservation_id: buyer.reservationId, payment_method_id: paymentMethod(payers++) });
    ask(
      orderPool,
      buyer,
      { method: 'POST', path: '/v1/orders', headers: headers(buyer, names.orderKey(buyer.index)), body },
      (answer) => {
        const order = bodyOf(answer);
        if (order.id === undefined || answer.status >= 400) {
          buyer.stage = 'done';
          buyer.orderRefusal = order.code ?? `status ${answer.status}`;
          if (answer.status !== 409) unexpected(`order: ${answer.status} ${order.code ?? ''}`);
          else count(tally.refused, buyer.orderRefusal);
          return;
        }
        buyer.orderId = order.id;
        onOrder(buyer, order.status ?? 'pending');
      },
      () => (buyer.stage = 'done'),
    );
  }

  function onOrder(buyer: Buyer, status: string): void {
    buyer.orderStatus = status;
    if (status === 'pending') {
      later(orderLookMs * (0.75 + Math.random() / 2), () => lookAtOrder(buyer));
      return;
    }
    buyer.stage = 'done';
    if (status === 'paid') tally.paid += 1;
    else tally.declined += 1;
  }

  function lookAtOrder(buyer: Buyer): void {
    if (stopped) return;
    ask(
      lookPool,
      buyer,
      { method: 'GET', path: `/v1/orders/${buyer.orderId!}`, headers: headers(buyer) },
      (answer) => {
        const order = bodyOf(answer);
        if (answer.status === 200 && order.status !== undefined) onOrder(buyer, order.status);
        else {
          buyer.stage = 'done';
          unexpected(`order look: ${answer.status} ${order.code ?? ''}`);
        }
      },
      () => (buyer.stage = 'done'),
    );
  }

  function unexpected(what: string): void {
    count(tally.unexpected, what.trim());
  }

  return {
    buyers,
    names,
    tally,
    latency,
    recentLatency,
    async arrive() {
      await runOpenLoop({
        ratePerSecond: options.ratePerSecond,
        total: options.buyers,
        arrivals: 'poisson',
        stopped: () => stopped,
        arrive(index, dueAt) {
          const buyer = buyers[index]!;
          buyer.dueAt = dueAt;
          tally.arrived += 1;
          reserve(buyer);
        },
      });
    },
    asking: () => tally.arrived - tally.answered - tally.gaveUp,
    paying: () => tally.ordersPlaced - buyers.reduce((ended, buyer) => ended + (buyer.stage === 'done' && orderTried(buyer) ? 1 : 0), 0),
    stop() {
      stopped = true;
    },
  };
}

type Answered = Extract<PoolAnswer, { kind: 'answered' }>;

function orderTried(buyer: Buyer): boolean {
  return buyer.orderId !== null || buyer.orderRefusal !== null || (!buyer.abandons && (buyer.answer === 'held' || buyer.offered));
}

/** Null: this answer is a decision. Else how long to wait before the same request is sent again. */
function retryDelay(answer: PoolAnswer, attempts: number): number | null {
  const backoff = Math.min(retryMsMax, 100 * 2 ** attempts) * (0.5 + Math.random() / 2);
  if (answer.kind === 'unanswered') return backoff;
  if (![429, 502, 503, 504].includes(answer.status)) return null;
  const asked = Number(headerOf(answer.head, 'Retry-After') ?? 0) * 1000;
  return Math.min(retryMsMax, Math.max(backoff, asked));
}

function bodyOf(answer: Answered): ReservationAnswer {
  try {
    return JSON.parse(answer.body.toString()) as ReservationAnswer;
  } catch {
    return {};
  }
}

function codeOf(answer: Answered): string {
  return bodyOf(answer).code ?? '';
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
