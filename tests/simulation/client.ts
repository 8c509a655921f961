import type { Fingerprint, SaleId } from '#schemas/ids.ts';
import { fingerprint, orderId, requestKey, reservationId } from '#shared/ids/derive.ts';
import { refOf, type SimAnswer, type SimApi, type SimRequest } from './api.ts';
import type { RequestAct } from './plan.ts';
import type { World } from './world.ts';

/** What a client asked and what it was told, in the order in which it was. */
export interface Asked {
  readonly act: RequestAct;
  readonly saleId: SaleId;
  /** Under which the decision is found in the log. */
  readonly key: string;
  readonly fingerprint: Fingerprint;
  /** Highest offset of its line whose answer any client had when this was first sent. */
  readonly behindOffset: number;
  readonly answers: SimAnswer[];
  /** The last answer is final: nothing more is asked. */
  done: boolean;
}

export interface Clients {
  /** Sends it, and again until the answer is final. */
  readonly begin: (act: RequestAct) => void;
  readonly createSale: (index: number) => void;
  readonly asked: readonly Asked[];
  readonly saleIds: readonly (SaleId | undefined)[];
  readonly allDone: () => boolean;
}

export interface ClientPorts {
  /** An API process that runs; undefined where none does. */
  readonly someApi: () => SimApi | undefined;
  readonly startMs: number;
  readonly answered: (asked: Asked, answer: SimAnswer) => void;
}

const patienceMs = 35_000;
const retryMsMin = 200;
const retryMsMax = 3_000;

export function createClients(world: World, { someApi, startMs, answered }: ClientPorts): Clients {
  const { plan, time, chance, faults, note } = world;
  const asked: Asked[] = [];
  const saleIds: (SaleId | undefined)[] = plan.sales.map(() => undefined);
  /** Highest offset any client was told of, by line. */
  const seen = new Map<number, number>();
  let creating = 0;
  let waiting = 0;
  const pause = (ms: number) => new Promise<void>((resolve) => time.schedule(ms, resolve));

  /** null: no answer. */
  async function send(request: SimRequest): Promise<SimAnswer | null> {
    const api = someApi();
    if (api === undefined) return null;
    const answer = await Promise.race([api.ask(request), pause(patienceMs).then(() => null)]);
    if (answer !== null && faults.next('api answer') === 'lost') return null;
    const told = answer === null ? 'no answer' : `${String(answer.status)} ${answer.code ?? statusIn(answer)}`;
    note('client', `${request.user} ${request.method} ${request.path} ${request.key ?? ''} -> ${told}`);
    return answer;
  }

  function partitionOf(saleId: SaleId): number {
    return world.ledger.lines.get(saleId)?.partition ?? -1;
  }

  async function insist(one: Asked): Promise<void> {
    const { act } = one;
    for (let tries = 0; !one.done; tries++) {
      const answer = await send(tries > 0 && isQueued(one.answers.at(-1)) && chance.next('poll') < 0.5 ? pollOf(one) : requestOf(one));
      if (answer !== null) {
        one.answers.push(answer);
        answered(one, answer);
        one.done = isFinal(act, answer);
        const offset = offsetIn(answer);
        if (offset !== null) {
          const partition = partitionOf(one.saleId);
          seen.set(partition, Math.max(seen.get(partition) ?? -1, offset));
        }
      }
      if (!one.done) await pause(retryMsMin + chance.next('retry') * (retryMsMax - retryMsMin));
    }
  }

  async function begin(act: RequestAct): Promise<void> {
    waiting += 1;
    // Who asks about a sale has seen it, or its name at least.
    while (saleIds[act.sale] === undefined) await pause(100);
    const saleId = saleIds[act.sale]!;
    const one: Asked = {
      act,
      saleId,
      ...identityOf(act, saleId),
      behindOffset: seen.get(partitionOf(saleId)) ?? -1,
      answers: [],
      done: false,
    };
    asked.push(one);
    waiting -= 1;
    await insist(one);
  }

  async function createSale(index: number): Promise<void> {
    const { terms, startsAtMs, endsAtMs } = plan.sales[index]!;
    const utc = (ms: number): string => new Date(startMs + ms).toISOString();
    const request: SimRequest = {
      method: 'POST',
      path: '/v1/sales',
      user: 'operator',
      scope: 'operator',
      key: `create-${String(index)}`,
      prefer: 'wait=2',
      body: { ...terms, starts_at: utc(startsAtMs), ends_at: utc(endsAtMs) },
    };
    creating += 1;
    for (;;) {
      const answer = await send(request);
      if (answer?.status === 201 || answer?.status === 202) saleIds[index] = answer.body['id'] as SaleId;
      if (answer?.status === 201) break;
      if (answer !== null && answer.status !== 202 && answer.status !== 503 && answer.code !== 'no_free_line')
        world.violated('a sale was not created', `${String(answer.status)} ${answer.code ?? ''} ${JSON.stringify(answer.body)}`);
      await pause(500);
    }
    creating -= 1;
  }

  return {
    begin: (act) => void begin(act),
    createSale: (index) => void createSale(index),
    asked,
    saleIds,
    allDone: () => creating === 0 && waiting === 0 && asked.every(({ done }) => done),
  };
}

const statusIn = ({ body }: SimAnswer): string => (typeof body['status'] === 'string' ? body['status'] : '');
const isQueued = (answer: SimAnswer | undefined): boolean => answer?.status === 202;

/** Of the decision or of the place in the line that an answer names. */
function offsetIn(answer: SimAnswer): number | null {
  const queue = answer.body['queue'] as { readonly offset?: number } | undefined;
  return queue?.offset ?? null;
}

function isFinal(act: RequestAct, answer: SimAnswer): boolean {
  const { status, code } = answer;
  if (status === 503) return false;
  const stands = statusIn(answer);
  // What it is about may not be decided yet: the sale, or the reservation that is still on its way.
  if (status === 404) return act.kind === 'checkout' || act.kind === 'cancel';
  if (act.kind === 'checkout') return status !== 202 && !(status === 200 && stands === 'pending');
  if (status === 202 || status === 200) return stands !== 'queued' && (status !== 202 || stands === 'waitlisted');
  return code !== 'internal_error';
}

/** The key and the fingerprint as the contract derives them. */
function identityOf(act: RequestAct, saleId: SaleId): Pick<Asked, 'key' | 'fingerprint'> {
  const operator = refOf('operator');
  switch (act.kind) {
    case 'reserve':
      return {
        key: reservationId(saleId, refOf(act.buyer), act.key),
        fingerprint: fingerprint(['reservation.create', act.items, act.partial]),
      };
    case 'checkout': {
      const reservation = reservationId(saleId, refOf(act.owner), act.reservationKey);
      return { key: orderId(saleId, refOf(act.buyer), act.key), fingerprint: fingerprint(['checkout.request', reservation, act.method]) };
    }
    case 'cancel': {
      const reservation = reservationId(saleId, refOf(act.owner), act.reservationKey);
      return {
        key: requestKey(refOf(act.buyer), `/v1/reservations/${reservation}/cancel`, act.key),
        fingerprint: fingerprint(['reservation.cancel', reservation]),
      };
    }
    case 'operate':
      return { key: requestKey(operator, `/v1/sales/${saleId}/${act.verb}`, act.key), fingerprint: fingerprint([`sale.${act.verb}`]) };
    case 'stock':
      return {
        key: requestKey(operator, `/v1/sales/${saleId}/stock`, act.key),
        fingerprint: fingerprint(['stock.change', act.sku, act.delta]),
      };
  }
}

function requestOf({ act, saleId }: Asked): SimRequest {
  const buyer = { method: 'POST', scope: 'buyer', key: act.key, prefer: null } as const;
  const operator = { ...buyer, user: 'operator', scope: 'operator' } as const;
  switch (act.kind) {
    case 'reserve':
      return {
        ...buyer,
        path: `/v1/sales/${saleId}/reservations`,
        user: act.buyer,
        prefer: act.prefer,
        body: { items: act.items, allow_partial: act.partial },
      };
    case 'checkout':
      return {
        ...buyer,
        path: '/v1/orders',
        user: act.buyer,
        prefer: act.prefer,
        body: { reservation_id: reservationId(saleId, refOf(act.owner), act.reservationKey), payment_method_id: act.method },
      };
    case 'cancel':
      return {
        ...buyer,
        path: `/v1/reservations/${reservationId(saleId, refOf(act.owner), act.reservationKey)}/cancel`,
        user: act.buyer,
        body: {},
      };
    case 'operate':
      return { ...operator, path: `/v1/sales/${saleId}/${act.verb}`, body: {} };
    case 'stock':
      return { ...operator, path: `/v1/sales/${saleId}/stock`, body: { sku: act.sku, delta: act.delta } };
  }
}

/** Looks instead of asking again. */
function pollOf(one: Asked): SimRequest {
  const { act, key } = one;
  const path = act.kind === 'reserve' ? `/v1/reservations/${key}` : act.kind === 'checkout' ? `/v1/orders/${key}` : null;
  if (path === null || !('buyer' in act)) return requestOf(one);
  return { method: 'GET', path: `${path}?wait=2`, user: act.buyer, scope: 'buyer', key: null, prefer: null, body: {} };
}
