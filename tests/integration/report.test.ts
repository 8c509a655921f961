import { Client, type Pool } from 'pg';
import type { Epoch, SaleId } from '#schemas/ids.ts';
import { openPool } from '#shared/ledger/connections.ts';
import { allocateLine } from '#shared/ledger/lines.ts';
import { openReads, type Reads, type Rows } from '#shared/ledger/read/reads.ts';
import { createReportReads, type SaleFigures } from '#shared/ledger/read/report.ts';
import { createWriterLedger } from '#shared/ledger/writer-ledger.ts';
import {
  answered,
  checkout,
  closed,
  created,
  nextBatch,
  opened,
  order,
  orderId,
  requestKey,
  reservation,
  reservationId,
  scheduled,
  type ScriptedSale,
  scriptedSale,
  type Told,
} from './batches.ts';
import { createTestDatabase, type TestDatabase } from './databases.ts';

/** The reconciliation of sales that are as they should be, and of sales of which one thing was changed behind the ledger's back. */

jest.setTimeout(60_000);

const LEASE_MS = 60_000;
const LINES = 64;
const CHECKED = ['I1', 'I2', 'I3', 'I4', 'I7', 'I8', 'I9', 'I10'];

let database: TestDatabase;
let pool: Pool;
let owner: Client;
let ledger: ReturnType<typeof createWriterLedger>;
let reads: Reads;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = openPool(database.appUrl, 'test-pool', 2);
  owner = new Client({ connectionString: database.ownerUrl });
  owner.on('error', () => undefined);
  await owner.connect();
  // The log refuses to be changed; an attacker with a superuser's rights switches that off.
  await owner.query('SET session_replication_role = replica');
  ledger = createWriterLedger({ databaseUrl: database.appUrl, applicationName: 'test-writer' });
  reads = openReads({ databaseUrl: database.appUrl, applicationName: 'test-reads', connectionsMax: 2, onFault: () => undefined });
});

afterAll(async () => {
  await Promise.all([ledger.close(), reads.close(), pool.end(), owner.end()]);
  await database.drop();
});

const reportOf = ({ saleId, saleNo }: ScriptedSale, from: Reads = reads): Promise<SaleFigures> =>
  createReportReads(from).figures({ sale_id: saleId, sale_no: saleNo });

const broken = ({ invariants }: SaleFigures) => invariants.filter(({ holds }) => !holds);

let sales = 0;

/** What a case may refer to: numbers of its own, so that the sales of one database do not meet. */
interface Stage {
  readonly sale: ScriptedSale;
  readonly epoch: Epoch;
  /** The `n`-th buyer of this sale; `n` from 1 to 5. */
  readonly buyer: (n: number) => number;
}

const a = (held: number, sold = 0) => ({ A: { total: 10, held, sold } });

/**
 * An open sale of 10 A in which buyer 1 holds one, 2 has paid for one, 3 was refused,
 * 4's hold ran out and 5 was refunded; with the ledger's own rows for all of it.
 */
async function healthySale(): Promise<Stage> {
  sales += 1;
  const base = sales * 100;
  const buyer = (n: number) => base + n;
  const saleId = `0190a000-0000-7000-8000-${String(sales).padStart(12, '0')}` as SaleId;
  const line = await allocateLine(pool, saleId, LINES);
  if (line === 'no_free_line') throw new Error('no free line: raise LINES');
  const taken = await ledger.takeOver(line.partition, 'me', LEASE_MS, 'cluster-1');
  if (taken.kind !== 'taken') throw new Error(`leased to ${taken.owner}`);
  const { epoch } = taken.position;
  const sale = scriptedSale(line, saleId);
  const refused = { items: [{ sku: 'A', quantity: 1 }], respond_async: false, reason: 'sold_out' };
  const told: Told[] = [
    scheduled([{ sku: 'A', quantity: 10 }], { key: base }),
    opened,
    created(buyer(1), a(1)),
    created(buyer(2), a(2)),
    { type: 'reservation.rejected', ...answered, ...reservation(buyer(3)), ...refused },
    created(buyer(4), a(3)),
    created(buyer(5), a(4)),
    checkout(buyer(2)),
    { type: 'payment.succeeded', ...order(buyer(2)), charge_id: 'ch_2', late: false },
    { type: 'order.confirmed', ...order(buyer(2)), reacquired: false, counts: a(3, 1) },
    { type: 'reservation.expired', ...reservation(buyer(4)), counts: a(2, 1), at: deadline },
    checkout(buyer(5)),
    { type: 'reservation.released', ...reservation(buyer(5)), reason: 'payment_failed', counts: a(1, 1) },
    { type: 'payment.succeeded', ...order(buyer(5)), charge_id: 'ch_5', late: true },
    { type: 'refund.requested', ...order(buyer(5)), amount: 4_900, currency: 'EUR' },
    { type: 'refund.completed', ...order(buyer(5)), refund_id: 're_5' },
    conflict(buyer(3), 'ff'.repeat(16)),
  ];
  await commit({ sale, epoch, buyer }, told);
  return { sale, epoch, buyer };
}

/** Long after every hold of `created`. */
const deadline = Date.parse('2026-11-20T13:00:00.000Z');

function conflict(buyer: number, fingerprint: string): Told {
  const refused = { items: [{ sku: 'A', quantity: 2 }], respond_async: false, reason: 'idempotency_conflict' };
  return { type: 'reservation.rejected', ...answered, ...reservation(buyer), ...refused, fingerprint };
}

async function commit({ sale, epoch }: Stage, told: readonly Told[]): Promise<void> {
  expect(await ledger.commit(nextBatch(sale, epoch, told))).toEqual({ kind: 'committed' });
}

/** Puts events at the end of the log, well chained, and changes no row that they would have changed. */
async function append({ sale, epoch }: Stage, told: readonly Told[], { skip = 0 }: { skip?: number } = {}): Promise<void> {
  sale.seq += skip;
  for (const { event, leaf, hash } of nextBatch(sale, epoch, told).sales[0]!.events) {
    await owner.query(`INSERT INTO events VALUES ($1, $2, $3, convert_to($4, 'UTF8'), decode($5, 'hex'))`, [
      sale.saleNo,
      event.seq,
      event.offset,
      leaf,
      hash,
    ]);
  }
  await owner.query(`UPDATE sales SET seq = $2, head = decode($3, 'hex') WHERE sale_no = $1`, [sale.saleNo, sale.seq, sale.head]);
}

/** One change of one row; `$1` is the sale's number. */
async function change({ sale }: Stage, statement: string, ...values: readonly unknown[]): Promise<void> {
  const { rowCount } = await owner.query(statement, [sale.saleNo, ...values]);
  expect(rowCount).toBe(1);
}

interface Violation {
  readonly id: string;
  readonly name: string;
  readonly plant: (stage: Stage) => Promise<void>;
  readonly detail: (stage: Stage) => string;
}

const VIOLATIONS: readonly Violation[] = [
  {
    id: 'I1',
    name: 'an event that sold more than there was',
    plant: (stage) =>
      append(stage, [{ type: 'reservation.released', ...reservation(stage.buyer(1)), reason: 'payment_failed', counts: a(2, 9) }]),
    detail: ({ sale }) => `A at seq ${sale.seq}: held 2, sold 9, total 10`,
  },
  {
    id: 'I1',
    name: 'an event that left less than nothing held',
    plant: (stage) =>
      append(stage, [{ type: 'reservation.released', ...reservation(stage.buyer(1)), reason: 'payment_failed', counts: a(-1) }]),
    detail: ({ sale }) => `A at seq ${sale.seq}: held -1, sold 0, total 10`,
  },
  {
    id: 'I2',
    name: 'a counter that no reservation stands behind',
    plant: (stage) => change(stage, 'UPDATE items SET held = held + 2 WHERE sale_no = $1'),
    detail: () => 'A: counters held 3, sold 1; reservations held 1, sold 1',
  },
  {
    id: 'I3',
    name: 'a missing seq',
    plant: (stage) => append(stage, [opened], { skip: 1 }),
    detail: ({ sale }) => `seq ${sale.seq} at offset ${sale.offset - 1} follows seq ${sale.seq - 2}`,
  },
  {
    id: 'I3',
    name: 'an event from before its turn',
    plant: (stage) => change(stage, 'UPDATE events SET command_offset = 3 WHERE sale_no = $1 AND seq = 10'),
    detail: () => 'seq 10 at offset 3 follows seq 9 at offset 8',
  },
  {
    id: 'I4',
    name: 'a decision without its row',
    plant: (stage) => change(stage, 'DELETE FROM reservations WHERE sale_no = $1 AND id = $2', reservationId(stage.buyer(3))),
    detail: ({ buyer }) => `request ${reservationId(buyer(3))}: row and log differ (row seq none, log seq 5)`,
  },
  {
    id: 'I4',
    name: 'a row without its decision',
    plant: (stage) =>
      change(stage, 'INSERT INTO requests (sale_no, key, fingerprint, seq) VALUES ($1, $2, $2, 3)', requestKey(stage.buyer(5))),
    detail: ({ buyer }) => `request ${requestKey(buyer(5))}: row and log differ (row seq 3, log seq none)`,
  },
  {
    id: 'I4',
    name: 'a request that was decided twice',
    plant: (stage) =>
      append(stage, [{ type: 'request.rejected', ...answered, key: requestKey(stage.buyer(0)), request: 'sale.open', reason: 'x' }]),
    detail: ({ sale, buyer }) => `request ${requestKey(buyer(0))} was decided more than once (seq 1, seq ${sale.seq})`,
  },
  {
    id: 'I7',
    name: 'a key refused as reused where it was only repeated',
    plant: (stage) => append(stage, [conflict(stage.buyer(1), answered.fingerprint)]),
    detail: ({ sale, buyer }) =>
      `key ${reservationId(buyer(1))} was refused as reused (seq ${sale.seq}) with the fingerprint it was first used with (seq 3)`,
  },
  {
    id: 'I8',
    name: 'a hold that was released too early',
    plant: (stage) => append(stage, [{ type: 'reservation.expired', ...reservation(stage.buyer(1)), counts: a(0, 1) }]),
    detail: ({ sale, buyer }) =>
      `reservation ${reservationId(buyer(1))} was released at 2026-11-20 12:00:00.017+00, its deadline was 2026-11-20 12:02:00+00 (seq ${sale.seq})`,
  },
  {
    id: 'I9',
    name: 'a captured payment with neither an order nor a refund',
    plant: (stage) => append(stage, [{ type: 'payment.succeeded', ...order(stage.buyer(1)), charge_id: 'ch_1', late: false }]),
    detail: ({ buyer }) => `order ${orderId(buyer(1))}: 1 payments, 0 confirmations, 0 refunds asked for, 0 done`,
  },
  {
    id: 'I9',
    name: 'a captured payment with both',
    plant: (stage) => append(stage, [{ type: 'refund.requested', ...order(stage.buyer(2)), amount: 4_900, currency: 'EUR' }]),
    detail: ({ buyer }) => `order ${orderId(buyer(2))}: 1 payments, 1 confirmations, 1 refunds asked for, 0 done`,
  },
  {
    id: 'I10',
    name: 'a leaf that was rewritten',
    plant: (stage) =>
      change(
        stage,
        `UPDATE events SET leaf = convert_to(replace(convert_from(leaf, 'UTF8'), '"r1"', '"r9"'), 'UTF8') WHERE sale_no = $1 AND seq = 2`,
      ),
    detail: () => 'seq 2: the leaf does not have its hash',
  },
  {
    id: 'I10',
    name: 'a leaf that is no text',
    plant: (stage) => change(stage, `UPDATE events SET leaf = '\\xff00' WHERE sale_no = $1 AND seq = 2`),
    detail: () => 'seq 2: the leaf does not have its hash',
  },
  {
    id: 'I10',
    name: 'a leaf that was rewritten and hashed anew',
    plant: (stage) =>
      change(
        stage,
        `UPDATE events SET leaf = changed, hash = sha256('\\x00'::bytea || changed)
         FROM (SELECT sale_no AS no, convert_to(replace(convert_from(leaf, 'UTF8'), '"r1"', '"r9"'), 'UTF8') AS changed
               FROM events WHERE sale_no = $1 AND seq = 2) AS anew
         WHERE sale_no = no AND seq = 2`,
      ),
    detail: () => 'seq 3: prev is not the hash before',
  },
  {
    id: 'I10',
    name: 'a head of another log',
    plant: (stage) => change(stage, `UPDATE sales SET head = decode(repeat('ab', 32), 'hex') WHERE sale_no = $1`),
    detail: ({ sale }) => `the sale's head is not the hash of seq ${sale.seq}`,
  },
];

it('finds a healthy sale in order, and says what it looked at', async () => {
  const { sale } = await healthySale();
  const report = await reportOf(sale);
  expect(broken(report)).toEqual([]);
  expect(report.invariants.filter(({ checked }) => checked).map(({ id }) => id)).toEqual(CHECKED);
  expect(report).toMatchObject({
    status: 'open',
    seq: sale.seq,
    items: [{ sku: 'A', total: 10, held: 1, sold: 1 }],
    // Accepted at the first event's time and decided 1 ms an event later.
    fairness: { requests: 9, first_offset: 0, last_offset: 16, decided_out_of_order: 0, wait_ms_p50: 5, wait_ms_max: 16 },
  });
  const byStatus = report.reservationsByStatus.map(({ status, n }) => [status, n]);
  expect(Object.fromEntries(byStatus)).toEqual({ held: 1, confirmed: 1, rejected: 1, released: 2 });
  expect(new Set(report.ordersByStatus)).toEqual(
    new Set([
      { status: 'paid', n: 1, amount: 4_900 },
      { status: 'refunded', n: 1, amount: 4_900 },
    ]),
  );
});

it('has a case for each invariant that is checked', () => {
  expect([...new Set(VIOLATIONS.map(({ id }) => id))]).toEqual(CHECKED);
});

it.each(VIOLATIONS)('reports $id, and nothing else, of $name', async ({ id, plant, detail }) => {
  const [before, stage] = [await healthySale(), await healthySale()];
  await plant(stage);
  expect(broken(await reportOf(stage.sale))).toEqual([
    { id, holds: false, checked: true, detail: expect.stringContaining(detail(stage)) as string },
  ]);
  // What is wrong with one sale is not told of another.
  expect(broken(await reportOf(before.sale))).toEqual([]);
});

it('is of one moment, whatever is committed while it is made', async () => {
  const stage = await healthySale();
  const seqBefore = stage.sale.seq;
  let committed = false;
  const interrupted: Reads = {
    ...reads,
    inOneMoment: (msMax, work) =>
      reads.inOneMoment(msMax, (moment) => {
        const rows: Rows['rows'] = async <Row>(...asked: Parameters<Rows['rows']>) => {
          const answer = await moment.rows<Row>(...asked);
          if (!committed) {
            committed = true;
            await commit(stage, [created(stage.buyer(6), a(2, 1)), closed(stage.buyer(6))]);
          }
          return answer;
        };
        return work({ rows });
      }),
  };
  const report = await reportOf(stage.sale, interrupted);
  expect(committed).toBe(true);
  expect(broken(report)).toEqual([]);
  expect(report).toMatchObject({
    seq: seqBefore,
    items: [{ held: 1 }],
    fairness: { requests: 9 },
  });
  expect(await reportOf(stage.sale)).toMatchObject({
    status: 'closed',
    seq: seqBefore + 2,
    items: [{ held: 2 }],
    fairness: { requests: 11 },
  });
});

it('gives its connection back when it fails, and the next one is made', async () => {
  const { sale } = await healthySale();
  const bug = { name: 'bug', text: 'SELECT 1 / 0' };
  for (let failed = 0; failed < 4; failed += 1) {
    await expect(reads.inOneMoment(5_000, (moment) => moment.rows(bug, []))).rejects.toThrow('division by zero');
  }
  expect(broken(await reportOf(sale))).toEqual([]);
});

it('gives up a statement that takes too long, with a fault that may be tried again', async () => {
  const slow = { name: 'slow', text: 'SELECT pg_sleep(30)' };
  await expect(reads.inOneMoment(300, (moment) => moment.rows(slow, []))).rejects.toMatchObject({ code: 'ledger_unavailable' });
});
