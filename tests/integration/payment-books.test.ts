import fc from 'fast-check';
import type { Pool } from 'pg';
import type { Event, OrderStatus } from '#schemas/event.ts';
import type { Partition, SaleId } from '#schemas/ids.ts';
import { orderId, reservationId, userRef } from '#shared/ids/derive.ts';
import { openPool } from '#shared/ledger/connections.ts';
import { createPaymentBooks, type PaymentBooks } from '#shared/payments/books.ts';
import type { RecordedFact } from '#shared/payments/record-facts.ts';
import { PAYMENT_FACTS, PAYMENT_STATES, TRANSITIONS, type PaymentFact, type PaymentState } from '#shared/payments/states.ts';
import { createMemoryBooks, type MemoryBooks, type PaymentRow } from '#shared/payments/testing/memory-books.ts';
import { createTestDatabase, type TestDatabase } from './databases.ts';

/**
 * The books in memory, which simulations believe, against those in PostgreSQL: the
 * same calls must bring the same answers and leave the same rows. Waits are whole
 * hours, so that the moments the calls themselves take do not count.
 */

const hourMs = 3_600_000;
const USER = userRef('secret', 'buyer');
const PAIRS = PAYMENT_STATES.flatMap((state) => PAYMENT_FACTS.map((fact) => ({ state, fact })));

/** As a run begins. Null: the order is not in the ledger. */
const STATUSES: readonly (OrderStatus | null)[] = ['pending', 'pending', 'pending', 'failed', 'refunding', null];
/** Null: the sale has no line. */
const SALES: readonly { readonly id: SaleId; readonly partition: Partition | null }[] = [
  { id: 'with-line' as SaleId, partition: 3 as Partition },
  { id: 'without-line' as SaleId, partition: null },
];

const ORDERS = PAIRS.map((_, n) => {
  const sale = SALES[n % SALES.length]!;
  const status = STATUSES[n % STATUSES.length]!;
  return {
    id: orderId(sale.id, USER, `order-${n}`),
    reservation: reservationId(sale.id, USER, `order-${n}`),
    sale,
    amount: 100 * n,
    order: status === null ? null : { status, paymentMethodId: `pm_${n}` },
  };
});
const PENDING = ORDERS.flatMap(({ id, order }) => (order?.status === 'pending' ? [id] : []));
const orderById = new Map<string, (typeof ORDERS)[number]>(ORDERS.map((each) => [each.id, each]));

let database: TestDatabase;
let owner: Pool;
let app: Pool;

beforeAll(async () => {
  database = await createTestDatabase();
  owner = openPool(database.ownerUrl, 'payment-books-test', 1);
  app = openPool(database.appUrl, 'payment-books-test', 1);
  for (const { id, partition } of SALES) {
    if (partition !== null) await owner.query('INSERT INTO sale_lines (sale_id, partition) VALUES ($1, $2)', [id, partition]);
  }
  const inLedger = ORDERS.filter(({ order }) => order !== null);
  await owner.query(
    `INSERT INTO orders (id, sale_no, reservation_id, user_ref, status, amount, currency, payment_method_id, respond_async, fingerprint, command_offset, decided_seq, seq, created_at_ms)
     SELECT id, 1, reservation, $5, status, 1, 'EUR', method, false, gen_random_uuid(), 1, 1, 1, 0
     FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) AS o (id, reservation, status, method)`,
    [
      inLedger.map(({ id }) => id),
      inLedger.map(({ reservation }) => reservation),
      inLedger.map(({ order }) => order!.status),
      inLedger.map(({ order }) => order!.paymentMethodId),
      USER,
    ],
  );
});

afterAll(async () => {
  await Promise.all([owner.end(), app.end()]);
  await database.drop();
});

type Requested = 'checkout.requested' | 'refund.requested';

function requested(type: Requested, n: number): Event {
  const { id, reservation, sale, amount } = ORDERS[n]!;
  const trace = n % 2 === 0 ? { traceparent: `trace-${n}` } : {};
  const event = { type, sale_id: sale.id, order_id: id, reservation_id: reservation, amount, currency: 'EUR', request_id: `${type} ${n}` };
  return { ...event, ...trace } as unknown as Event;
}

/** Both books, empty, and the only ways in which a test changes them. */
async function openBoth() {
  await owner.query('TRUNCATE payments, payment_attempts');
  await owner.query(`UPDATE orders SET status = 'pending' WHERE id = ANY ($1)`, [PENDING]);
  const failed = new Set<string>();
  let nowMs = 0;
  const sql: PaymentBooks = createPaymentBooks(app);
  const memory: MemoryBooks = createMemoryBooks({
    orderOf(id) {
      const order = orderById.get(id)?.order ?? null;
      return order !== null && failed.has(id) ? { ...order, status: 'failed' } : order;
    },
    partitionOf: (saleId) => SALES.find(({ id }) => id === saleId)?.partition ?? null,
    now: () => nowMs,
  });

  async function call(books: PaymentBooks, step: Step): Promise<unknown> {
    switch (step.kind) {
      case 'enroll': {
        const events = step.events.map(({ type, n }) => requested(type, n));
        const { ours, claimed } = await books.enroll(events, { limit: step.limit, leaseMs: step.leaseHours * hourMs });
        return { ours, claimed: [...claimed].sort(byOrder) };
      }
      case 'claim': {
        const claimed = await books.claimDue(step.limit, step.leaseHours * hourMs, step.triesMax);
        return [...claimed].sort(byOrder);
      }
      case 'record': {
        const facts = step.facts.map(({ n, delayHours, ...fact }) => ({ ...fact, orderId: ORDERS[n]!.id, delayMs: delayHours * hourMs }));
        return new Map([...(await books.recordFacts(facts))].sort());
      }
    }
  }

  /** Everything that can be asked. */
  async function look(books: PaymentBooks) {
    const { overdueSeconds, ...backlog } = await books.readBacklog();
    const manual = (await books.listManual()).map((each) => ({ ...each, since: undefined }));
    return { ...backlog, overdueHours: Math.floor(overdueSeconds / 3_600), manual, stateOfFirst: await books.stateOf(ORDERS[0]!.id) };
  }

  return {
    async both(step: Step): Promise<void> {
      // Two calls are never made in the same moment, so that what became due first is known in memory too.
      nowMs += 1;
      expect(await call(memory, step)).toEqual(await call(sql, step));
      expect(await look(memory)).toEqual(await look(sql));
      expect([...memory.rows().values()].map((row) => shownRow(row, nowMs)).sort(byOrder)).toEqual(await rowsInSql());
    },
    /** The line gives the order up. */
    async fail(n: number): Promise<void> {
      failed.add(ORDERS[n]!.id);
      await owner.query(`UPDATE orders SET status = 'failed' WHERE id = $1`, [ORDERS[n]!.id]);
    },
    async pass(hours: number): Promise<void> {
      nowMs += hours * hourMs;
      await owner.query(`UPDATE payments SET due_at = due_at - $1 * interval '1 hour'`, [hours]);
    },
    /** How many payments have become due in the first `groups` moments: which of one moment are claimed first is left open. */
    dueIn(groups: number): number {
      const due = [...memory.rows().values()]
        .flatMap(({ dueAt }) => (dueAt === null || dueAt > nowMs ? [] : [dueAt]))
        .sort((a, b) => a - b);
      const last = [...new Set(due)][groups - 1] ?? Infinity;
      return due.filter((dueAt) => dueAt <= last).length;
    },
  };
}

function byOrder(a: { readonly orderId: string }, b: { readonly orderId: string }): number {
  return a.orderId < b.orderId ? -1 : 1;
}

/** Times as whole hours, as whether there is one, or (undefined is equal to what is absent) not at all. */
function shownRow({ dueAt, attempts, ...row }: PaymentRow, nowMs: number) {
  return {
    ...row,
    changedAt: undefined,
    dueHours: dueAt === null ? null : Math.ceil((dueAt - nowMs) / hourMs) + 0,
    attempts: attempts.map(({ finishedAt, ...attempt }) => ({ ...attempt, finished: finishedAt !== null })),
  };
}

async function rowsInSql(): Promise<unknown[]> {
  const { rows } = await owner.query<object>(
    `SELECT order_id AS "orderId", sale_id AS "saleId", reservation_id AS "reservationId", state, calls, tries, amount::float8 AS amount, currency,
       charge_id AS "chargeId", refund_id AS "refundId", failure_reason AS "failureReason", last_outcome AS "lastOutcome",
       request_id AS "requestId", traceparent, ceil(extract(epoch FROM due_at - now()) / 3600)::int AS "dueHours",
       coalesce((SELECT json_agg(json_build_object('call', call, 'kind', kind, 'outcome', outcome, 'finished', finished_at IS NOT NULL) ORDER BY call)
                 FROM payment_attempts a WHERE a.order_id = p.order_id), '[]') AS attempts
     FROM payments p ORDER BY order_id`,
  );
  return rows;
}

type Step =
  | {
      readonly kind: 'enroll';
      readonly events: readonly { readonly n: number; readonly type: Requested }[];
      readonly limit: number;
      readonly leaseHours: number;
    }
  | { readonly kind: 'claim'; readonly limit: number; readonly leaseHours: number; readonly triesMax: number }
  | {
      readonly kind: 'record';
      readonly facts: readonly (Omit<RecordedFact, 'orderId' | 'delayMs'> & { readonly n: number; readonly delayHours: number })[];
    };

/** Facts that lead from `due` to a state, the fewest there are. */
function factsTo(wanted: PaymentState): readonly PaymentFact[] {
  const paths = new Map<PaymentState, readonly PaymentFact[]>([['due', []]]);
  for (const [state, path] of paths) {
    if (state === wanted) return path;
    for (const fact of PAYMENT_FACTS) {
      const next = TRANSITIONS[state][fact];
      if (!paths.has(next)) paths.set(next, [...path, fact]);
    }
  }
  throw new Error(`${wanted} is never reached`);
}

test('every fact in every state', async () => {
  const { both } = await openBoth();
  await both({ kind: 'enroll', events: PAIRS.map((_, n) => ({ n, type: 'checkout.requested' })), limit: 0, leaseHours: 1 });
  await both({ kind: 'claim', limit: PAIRS.length, leaseHours: 1, triesMax: 10 });
  const paths = PAIRS.map(({ state, fact }) => [...factsTo(state), fact]);
  for (let at = 0; at < Math.max(...paths.map((path) => path.length)); at++) {
    const known = (n: number) => ({ call: 1, outcome: `outcome ${at}`, chargeId: `ch_${n}_${at}`, refundId: `re_${n}_${at}` });
    await both({
      kind: 'record',
      // Orders with a shorter path come to their last fact together with the others.
      facts: paths.flatMap((path, n) => {
        const fact = path[at];
        return fact === undefined ? [] : [{ n, fact, delayHours: 2 + at, ...(n % 3 === 0 ? {} : known(n)) }];
      }),
    });
  }
});

const ordersMax = STATUSES.length * SALES.length;
const nth = fc.nat(ordersMax - 1);
const hours = fc.integer({ min: 0, max: 3 });
const event = fc.record({ n: nth, type: fc.constantFrom<Requested>('checkout.requested', 'refund.requested') });
const fact = fc.record(
  {
    n: nth,
    fact: fc.constantFrom(...PAYMENT_FACTS),
    delayHours: hours,
    call: fc.integer({ min: 1, max: 4 }),
    outcome: fc.constantFrom('timeout', 'captured'),
    chargeId: fc.constantFrom('ch_1', 'ch_2'),
    refundId: fc.constantFrom('re_1', 're_2'),
  },
  { requiredKeys: ['n', 'fact', 'delayHours'] },
);
const anyStep = fc.oneof(
  fc.record({
    kind: fc.constant('enroll' as const),
    events: fc.array(event, { maxLength: 6 }),
    limit: fc.integer({ min: 0, max: 4 }),
    leaseHours: hours,
  }),
  fc.record({
    kind: fc.constant('claim' as const),
    groups: fc.integer({ min: 1, max: 4 }),
    leaseHours: hours,
    triesMax: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({ kind: fc.constant('record' as const), facts: fc.uniqueArray(fact, { maxLength: ordersMax, selector: ({ n }) => n }) }),
  fc.record({ kind: fc.constant('fail' as const), n: nth }),
  fc.record({ kind: fc.constant('pass' as const), hours: fc.integer({ min: 1, max: 3 }) }),
);

test('any sequence of calls', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { minLength: 5, maxLength: 30, size: 'max' }), async (steps) => {
      const { both, pass, fail, dueIn } = await openBoth();
      for (const step of steps) {
        if (step.kind === 'pass') await pass(step.hours);
        else if (step.kind === 'fail') await fail(step.n);
        else if (step.kind === 'claim') await both({ ...step, limit: Math.max(1, dueIn(step.groups)) });
        else await both(step);
      }
    }),
    { numRuns: 60 },
  );
});
