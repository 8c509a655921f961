import type { OrderId, Partition, SaleId, UserRef } from '#schemas/ids.ts';
import { assert } from '#shared/faults/assert.ts';
import { RetryableFault } from '#shared/faults/faults.ts';
import type { Outcome } from '#shared/http/answer.ts';
import { createNotes202, type NoteStore } from '#shared/http/answered-202.ts';
import { createChangeWaiter } from '#shared/http/await-change.ts';
import { createDecisionWaiter } from '#shared/http/await-decision.ts';
import { CATALOGUE } from '#shared/http/catalogue.ts';
import { RequestRefused } from '#shared/http/problem.ts';
import type { Exchange, Route } from '#shared/http/route.ts';
import { createSubmit } from '#shared/http/submit.ts';
import { createUsualRoutes } from '#shared/http/usual-route.ts';
import { userRef } from '#shared/ids/derive.ts';
import { coalesce } from '#shared/ledger/read/coalesce.ts';
import { createFindDecisions, createReadLeaf, type DecisionKey } from '#shared/ledger/read/decisions.ts';
import { createClaimOrderKey } from '#shared/ledger/read/order-keys.ts';
import { createOrderReads, type OrderRow } from '#shared/ledger/read/orders.ts';
import { createProgress } from '#shared/ledger/read/progress.ts';
import { createReservationReads, type ReservationRow } from '#shared/ledger/read/reservations.ts';
import { createSaleCards } from '#shared/ledger/read/sale-card.ts';
import { createSaleReads } from '#shared/ledger/read/sales.ts';
import { ordersChannel, parseOrders, parseReplies, repliesChannel, toReplyTo } from '#shared/replies/format.ts';
import type { Reply, ReplyListener } from '#shared/replies/replies.ts';
import { createWaiters } from '#shared/replies/waiters.ts';
import { createOrderHandler } from '#services/checkout/create-order.ts';
import { createOrderReaders } from '#services/checkout/orders.ts';
import { checkoutRoutes } from '#services/checkout/routes.ts';
import { createReservationHandler } from '#services/reserve/create-reservation.ts';
import { createReservationHandlers } from '#services/reserve/reservations.ts';
import { reserveRoutes } from '#services/reserve/routes.ts';
import { createSaleHandlers } from '#services/reserve/sales.ts';
import { createLineEnqueuer } from './enqueuer.ts';
import { createProcess, type SimProcess } from './process.ts';
import { createReads } from './reads.ts';
import type { World } from './world.ts';

/** An API process: the real handlers of reserve and checkout, what they wait with and what they put in the line. */
export interface SimApi {
  readonly process: SimProcess;
  /** Never rejects; null: the process died before it answered. */
  readonly ask: (request: SimRequest) => Promise<SimAnswer | null>;
}

export interface SimRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly user: string;
  readonly scope: 'buyer' | 'operator';
  readonly key: string | null;
  readonly prefer: string | null;
  readonly body: Exchange['body'];
}

export interface SimAnswer {
  readonly status: number;
  /** A problem's code; null where it is none. */
  readonly code: string | null;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;
}

const USER_REF_SECRET = 'simulated';
const refs = new Map<string, UserRef>();
export function refOf(user: string): UserRef {
  let ref = refs.get(user);
  if (ref === undefined) refs.set(user, (ref = userRef(USER_REF_SECRET, user)));
  return ref;
}
const beatMs = 25;
const waitersMax = 10_000;

export function startApi(world: World, name: string): SimApi {
  const process = createProcess(world, name);
  const { now } = process;
  world.note(name, 'starts');
  const lost = new Set<() => void>();
  process.onKill(() => {
    for (const lose of lost) lose();
  });
  const { every, asked } = beats(process, () => lost.size > 0);
  const replies = listen(world, process, every);
  const reads = createReads(world, process);
  const onFault = (error: unknown): void => {
    if (!(error instanceof RetryableFault)) world.violated('a bug in an API process', String(error));
  };
  const findDecisions = createFindDecisions(reads);
  const waiter = createDecisionWaiter({ replies, findDecisions, readLeaf: createReadLeaf(reads), onFault, now, every });
  const enqueuer = createLineEnqueuer(world, process, 'api produce');
  const submit = createSubmit({ enqueue: enqueuer.enqueue, waiter, ledgerIsUp: reads.isUp });
  const cards = createSaleCards(reads, now);
  const notes = createNotes202(noteStore(world, process), onFault);
  const reservations = createReservationReads(reads);
  const orders = createOrderReads(reads);
  const sales = createSaleReads(reads);
  const progress = createProgress(reads, now);
  const findDecision = coalesce(findDecisions, ({ key }: DecisionKey) => key);
  const decided = createChangeWaiter<ReservationRow>({ read: reservations.byIds, settled: () => true, onFault, now, every });
  const settled = createChangeWaiter<OrderRow>({
    read: orders.byIds,
    settled: ({ status }) => status !== 'pending',
    announced: (id, timeoutMs) => replies.onOrderSettled(id as OrderId, timeoutMs),
    onFault,
    now,
    every,
  });
  const orderPorts = {
    cards,
    notes,
    reservations,
    orders,
    progress,
    settled,
    findDecision: (key: OrderId) => findDecision({ kind: 'order', key }),
  };
  const routes: readonly Route[] = [
    ...reserveRoutes({
      createReservation: createReservationHandler({
        cards,
        submit,
        notes,
        reservations,
        progress,
        now,
        findDecision: (key) => findDecision({ kind: 'reservation', key }),
      }),
      availability: unasked,
      report: unasked,
      reservations: createReservationHandlers({ cards, submit, notes, reservations, decided, progress, now }),
      sales: createSaleHandlers({
        cards,
        sales,
        submit,
        progress,
        allocateLine: (saleId) => process.call('api allocateLine', 'ledger', () => allocateLine(world, saleId)),
      }),
    }),
    ...checkoutRoutes({
      createOrder: createOrderHandler({ ...orderPorts, submit, claimOrderKey: createClaimOrderKey(reads) }),
      orders: createOrderReaders(orderPorts),
    }),
  ];
  const findRoute = createUsualRoutes(routes);
  let requests = 0;

  async function handle(request: SimRequest): Promise<SimAnswer> {
    const [path = '', query = ''] = request.path.split('?');
    const found = findRoute(request.method, path);
    if (found === null) throw new Error(`no route for ${request.method} ${path}`);
    requests += 1;
    const headers = {
      ...(request.key === null ? {} : { 'idempotency-key': request.key }),
      ...(request.prefer === null ? {} : { prefer: request.prefer }),
    };
    const exchange: Exchange = {
      request: Object.assign(Object.create(null) as Exchange['request'], { headers }),
      path,
      params: found.params,
      query: new URLSearchParams(query),
      requestId: `${name}-${String(requests)}`,
      traceparent: `00-${String(requests).padStart(32, '0')}-${'1'.repeat(16)}-00`,
      receivedAt: now(),
      caller: found.route.scopes.length === 0 ? null : { userId: request.user, ref: refOf(request.user), scopes: [request.scope] },
      body: request.body,
    };
    try {
      const outcome = await found.route.handle(exchange);
      assert(outcome.kind !== 'stream', 'no buyer asks for a stream');
      return rendered(outcome);
    } catch (error) {
      if (error instanceof RequestRefused) return rendered(error.problem);
      if (error instanceof RetryableFault) return { status: 503, code: error.code, body: {}, headers: { 'retry-after': '1' } };
      // Whoever died in the middle of it is owed nothing.
      if (!process.isDead()) world.violated('a request met a bug', error instanceof Error ? (error.stack ?? '') : String(error));
      return { status: 500, code: 'internal_error', body: {}, headers: {} };
    }
  }

  return {
    process,
    ask: (request) =>
      new Promise((resolve) => {
        const end = (answer: SimAnswer | null): void => {
          if (lost.delete(lose)) resolve(answer);
        };
        const lose = (): void => {
          end(null);
        };
        lost.add(lose);
        asked();
        void handle(request).then(end);
      }),
  };
}

function unasked(): never {
  throw new Error('nobody asks this in the simulation');
}

function rendered(outcome: Outcome): SimAnswer {
  const headers = outcome.headers ?? {};
  if (outcome.kind === 'problem') {
    const { status } = CATALOGUE[outcome.code];
    return { status, code: outcome.code, body: { detail: outcome.detail, ...outcome.extra }, headers };
  }
  return { status: outcome.status, code: null, body: JSON.parse(outcome.body ?? '{}') as SimAnswer['body'], headers };
}

/** Repeated work that rests while nobody waits, so that a quiet process costs the simulation nothing. */
function beats(process: SimProcess, busy: () => boolean): { every: (ms: number, work: () => void) => () => void; asked: () => void } {
  const works = new Set<() => void>();
  let beating = false;
  function beat(): void {
    for (const work of works) work();
    beating = busy();
    if (beating) process.schedule(beatMs, beat);
  }
  return {
    every(_ms, work) {
      works.add(work);
      return () => works.delete(work);
    },
    asked() {
      if (beating) return;
      beating = true;
      process.schedule(beatMs, beat);
    },
  };
}

/** Hears what is published while Redis is there; the waiting is the real one. */
function listen(world: World, process: SimProcess, every: (ms: number, work: () => void) => () => void): ReplyListener {
  const clock = { now: world.time.now, every };
  const waiters = createWaiters<Reply>(waitersMax, beatMs, clock);
  const orders = createWaiters<true>(waitersMax, beatMs, clock);
  let lastWaiter = 0;
  world.channels.set(process.name, (channel, message) => {
    // A frozen process reads it when it wakes.
    process.schedule(0, () => {
      if (channel === repliesChannel(process.name))
        for (const reply of parseReplies(process.name, message).replies) waiters.answer(reply.replyTo, reply);
      else if (channel === ordersChannel) for (const order of parseOrders(message).orders) orders.answer(order, true);
    });
  });
  process.onKill(() => world.channels.delete(process.name));
  return {
    newReplyTo: () => toReplyTo(process.name, (++lastWaiter).toString(36)),
    waitFor: waiters.wait,
    forget: (replyTo) => {
      waiters.answer(replyTo, null);
    },
    onOrderSettled: async (orderId, timeoutMs) => (await orders.wait(orderId, timeoutMs)) === true,
    connected: () => !world.isAway('redis'),
    counts: () => ({ waiting: waiters.waiting(), received: 0, malformed: 0, refused: 0 }),
    close: () => Promise.resolve(),
  };
}

function noteStore(world: World, process: SimProcess): NoteStore {
  let back: (() => void) | null = null;
  return {
    get status() {
      if (!world.isAway('redis')) return 'ready';
      if (back === null) return 'reconnecting';
      // Told once, when Redis is there again.
      const tell = back;
      const look = (): void => {
        if (world.isAway('redis')) process.schedule(100, look);
        else tell();
      };
      process.schedule(100, look);
      return 'reconnecting';
    },
    on(_event, listener) {
      back = listener;
    },
    get: (key) => process.call('api note', 'redis', () => world.notes.get(key) ?? null),
    set: (key, value) =>
      process.call('api note', 'redis', () => {
        const earlier = world.notes.get(key) ?? null;
        if (earlier === null) world.notes.set(key, value);
        return earlier;
      }),
  };
}

/** Gives the sale the line it has, or one on which nothing lives. */
function allocateLine({ ledger, plan, chance }: World, saleId: SaleId) {
  const had = ledger.lines.get(saleId);
  if (had !== undefined) return had;
  const busy = new Set<Partition>();
  for (const { saleNo, partition } of ledger.lines.values()) if (ledger.sales.get(saleNo)?.settled !== true) busy.add(partition);
  const free = Array.from({ length: plan.partitions }, (_, index) => index as Partition).filter((partition) => !busy.has(partition));
  if (free.length === 0) return null;
  const partition = chance.pick('line', free);
  return { saleNo: ledger.createLine(saleId, partition), partition };
}
