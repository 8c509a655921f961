import { setTimeout as pause } from 'node:timers/promises';
import { SaleId } from '#schemas/ids.ts';
import { fingerprint, orderId, requestKey, reservationId, userRef } from '#shared/ids/derive.ts';
import { call, type Answer } from '../faults/api.ts';
import type { Attempt, Op, Told } from './history.ts';
import { randomOf, type Load, type Random } from './plan.ts';

/** The buyers of a round: each does what its seed says, comes again with the same key until it knows, and all of it is recorded. */

/** The longest wait that is asked for, and a little for the way. */
const waitSeconds = 5;
const answerMsMax = 8_000;
const retryMs = 150;

export interface Crowd {
  /** Resolves once every buyer has done what it came for, or `giveUp` was called. */
  readonly done: Promise<void>;
  readonly attempts: Attempt[];
  /** Resolves once so many buyers have an answer. */
  answered(buyers: number): Promise<void>;
  /** Nobody comes again: what has no answer yet gets none. */
  giveUp(): void;
}

export interface Market {
  readonly reserveUrl: string;
  readonly checkoutUrl: string;
  readonly saleId: string;
  /** Of the buyers' pseudonyms: with it the ids of what they ask for are known beforehand. */
  readonly userRefSecret: string;
}

interface Request {
  readonly op: Op;
  readonly url: string;
  readonly path: string;
  /** Idempotency key as the client chose it, and the id it leads to. */
  readonly idempotencyKey: string;
  readonly key: string;
  readonly body: object | undefined;
  readonly fingerprint: string;
  readonly prefer: string;
}

export function sendCrowd(market: Market, load: Load, seed: number): Crowd {
  const attempts: Attempt[] = [];
  const over = new AbortController();
  const { signal } = over;
  let answered = 0;
  const waiting: { buyers: number; resolve: () => void }[] = [];
  const startedAt = performance.now();
  let next = 0;

  async function worker(): Promise<void> {
    for (let n = next++; n < load.buyers && !signal.aborted; n = next++) {
      await pause(Math.max(0, startedAt + (n * load.arriveMs) / load.buyers - performance.now()));
      await buyer(n);
    }
  }

  function gotAnswer(): void {
    answered += 1;
    for (const one of waiting) if (answered >= one.buyers) one.resolve();
  }

  async function attempt(client: string, request: Request): Promise<Attempt> {
    const sentAt = performance.now();
    const answer = await call(request.url, 'POST', request.path, {
      user: client,
      key: request.idempotencyKey,
      prefer: request.prefer,
      withinMs: answerMsMax,
      ...(request.body === undefined ? {} : { body: request.body }),
    }).catch(() => null);
    const made: Attempt = {
      client,
      op: request.op,
      key: request.key,
      fingerprint: request.fingerprint,
      sentAt,
      answeredAt: answer === null ? null : performance.now(),
      status: answer?.status ?? null,
      replayed: answer?.headers.get('idempotent-replayed') === 'true',
      told: answer === null ? {} : toldBy(answer, request.op),
    };
    attempts.push(made);
    return made;
  }

  /** Comes again until it is told a decision; null where that is given up. */
  async function untilTold(client: string, request: Request): Promise<Attempt | null> {
    while (!signal.aborted) {
      const made = await attempt(client, request);
      if (made.status !== null && made.status !== 503 && made.status !== 429 && (made.status !== 202 || made.told.seq !== undefined))
        return made;
      await pause(retryMs, undefined, { signal }).catch(() => undefined);
    }
    return null;
  }

  async function buyer(n: number): Promise<void> {
    const random = randomOf(seed * 100_003 + n);
    const client = `buyer-${seed}-${n}`;
    const { shares } = load;
    const request = reservation(client, random.chance(shares.severalUnits) ? random.between(2, 4) : 1, random.chance(shares.async));
    const told = random.chance(shares.twiceAtOnce)
      ? (await Promise.all([untilTold(client, request), untilTold(client, request)]))[0]
      : await untilTold(client, request);
    gotAnswer();
    if (told === null) return;
    if (random.chance(shares.otherBody)) await attempt(client, { ...request, ...reservationBody(5) });
    if (random.chance(shares.repeated)) await untilTold(client, request);
    if (told.told.status !== 'held' || told.told.id === undefined) return;
    if (random.chance(shares.checkout)) {
      const order = checkout(client, told.told.id, random);
      await untilTold(client, order);
      if (random.chance(shares.repeated)) await untilTold(client, order);
    } else if (random.chance(shares.cancel)) {
      const cancel = cancellation(client, told.told.id);
      await untilTold(client, cancel);
      if (random.chance(shares.repeated)) await untilTold(client, cancel);
    }
  }

  const refOf = (client: string) => userRef(market.userRefSecret, client);
  const saleId = SaleId.parse(market.saleId);

  function reservationBody(quantity: number): Pick<Request, 'body' | 'fingerprint'> {
    const items = [{ sku: 'unit', quantity }];
    return { body: { items }, fingerprint: fingerprint(['reservation.create', items, false]) };
  }

  function reservation(client: string, quantity: number, isAsync: boolean): Request {
    const key = reservationId(saleId, refOf(client), 'reserve');
    return {
      op: 'reserve',
      url: market.reserveUrl,
      path: `/v1/sales/${saleId}/reservations`,
      idempotencyKey: 'reserve',
      key,
      ...reservationBody(quantity),
      prefer: isAsync ? 'respond-async' : `wait=${waitSeconds}`,
    };
  }

  function checkout(client: string, reserved: string, random: Random): Request {
    const roll = random.share();
    const { declined, timeoutOnce } = load.shares;
    const method = roll < declined ? 'pm_declined' : roll < declined + timeoutOnce ? 'pm_timeout_once' : 'pm_ok';
    return {
      op: 'order',
      url: market.checkoutUrl,
      path: '/v1/orders',
      idempotencyKey: 'order',
      key: orderId(saleId, refOf(client), 'order'),
      body: { reservation_id: reserved, payment_method_id: method },
      fingerprint: fingerprint(['checkout.request', reserved, method]),
      prefer: random.chance(0.3) ? 'respond-async' : `wait=${waitSeconds}`,
    };
  }

  function cancellation(client: string, reserved: string): Request {
    const path = `/v1/reservations/${reserved}/cancel`;
    return {
      op: 'cancel',
      url: market.reserveUrl,
      path,
      idempotencyKey: 'cancel',
      key: requestKey(refOf(client), path, 'cancel'),
      body: undefined,
      fingerprint: fingerprint(['reservation.cancel', reserved]),
      prefer: `wait=${waitSeconds}`,
    };
  }

  return {
    done: Promise.all(Array.from({ length: load.atOnce }, worker)).then(() => undefined),
    attempts,
    answered: (buyers) =>
      new Promise((resolve) => {
        if (answered >= buyers || signal.aborted) resolve();
        else waiting.push({ buyers, resolve });
      }),
    giveUp: () => {
      over.abort();
      for (const one of waiting) one.resolve();
    },
  };
}

function toldBy({ status, body }: Answer, op: Op): Told {
  if (body === undefined || body === null) return {};
  // A cancellation that is still in the line is answered with the reservation as it stands, whose seq is none of its own.
  const isQueued = status === 202 && op === 'cancel';
  return {
    id: body.id ?? body.order_id,
    status: typeof body.status === 'string' ? body.status : undefined,
    code: body.code,
    // A failed payment tells of its order inside.
    seq: isQueued ? undefined : (body.seq ?? body.order?.seq),
    offset: body.queue?.offset,
    expiresAt: body.expires_at,
    items: body.items,
  };
}
