/**
 * What a decision costs the writer's own code, in processor time of all its threads, without servers: records as they
 * come from the line are parsed, decided, sealed, made into COPY bytes, replies and event records, which are dropped.
 * Only what Kafka's, PostgreSQL's and Redis's clients do is missing, so it shows what a change of our own code is worth
 * on a machine that is busy with other things.
 *
 *   node bench/writer-work.ts [--decisions 300000] [--stock 150000]
 */
import { parseArgs } from 'node:util';
import type { EpochMs, Offset, Partition, SaleId, SaleNo, Seq } from '#schemas/ids.ts';
import { batchStatements } from '#shared/ledger/batch-statements.ts';
import type { WriterLedger } from '#shared/ledger/ledger.ts';
import { encodeCommand } from '#shared/line/encode.ts';
import { toEventRecords } from '#shared/line/event-records.ts';
import type { LineRecord } from '#shared/line/line.ts';
import { parseCommand } from '#shared/line/parse-command.ts';
import { encodeReplies } from '#shared/replies/format.ts';
import { decideBatch, type LinePosition } from '../services/writer/decide-batch.ts';
import { lookUpPart, parsePart } from '../services/writer/part.ts';
import { createHotSales } from '../services/writer/sales.ts';
import { always, reservation, schedule, skuOf } from './reservation-records.ts';

const { values: flags } = parseArgs({
  options: { decisions: { type: 'string', default: '300000' }, stock: { type: 'string' } },
});
const decisions = Number(flags.decisions);
const stock = Number(flags.stock ?? Math.ceil(decisions / 2));
/** As the writer takes them from a backlog. */
const batchRecords = 2_000;
/** Committed batches that the writer still holds on to: two under way, and what waits to be published. */
const batchesHeld = 4;
const warmUpBatches = 25;

const saleId = 'work' as SaleId;
const partition = 0 as Partition;
const unasked = (): never => {
  throw new Error('a sale seen from its birth asks the ledger nothing but its number');
};
const ledger = {
  loadSale: () => Promise.resolve({ kind: 'unborn', saleNo: 1 as SaleNo }),
  prefetch: () => Promise.resolve({ decisions: [], reservations: [], orders: [] }),
  commit: unasked,
} as unknown as WriterLedger;
const sales = createHotSales(partition, { ledger, schedule: unasked }, 50_000);
const held: unknown[] = [];
const asked = always(skuOf(0));
let position: LinePosition = { nextOffset: 0 as Offset, lastAt: 0 as EpochMs, lastRecordSha256: null };
let made = 0;

function record(value: Buffer): LineRecord {
  return { offset: (position.nextOffset + made++) as Offset, timestamp: 1_800_000_000_000 as EpochMs, value };
}

/** Everything the writer's own code does with a batch; what it hands to the servers' clients, in bytes. */
async function work(records: readonly LineRecord[]): Promise<number> {
  const part = parsePart(records, parseCommand);
  await lookUpPart(part, sales, ledger);
  const batch = decideBatch([part], position, sales, { recordsMax: batchRecords, eventsMax: 2 * batchRecords });
  const statements = batchStatements(
    {
      partition,
      epoch: 1,
      expectedNextOffset: position.nextOffset,
      nextOffset: batch.position.nextOffset,
      lastAt: batch.position.lastAt,
      lastRecordSha256: batch.position.lastRecordSha256,
      publishedOffset: 0,
      sales: batch.sales,
    } as unknown as Parameters<typeof batchStatements>[0],
    10_000,
  );
  let bytes = 0;
  for (const statement of statements) if ('messages' in statement) bytes += statement.messages.length;
  const published = batch.sales.flatMap(({ events }) => events.map(({ event, leaf }) => ({ seq: event.seq, leaf })));
  held.push(published);
  if (held.length > batchesHeld) held.shift();
  for (const message of encodeReplies(batch.announcement.replies).messages.values()) bytes += message.length;
  for (const { value } of toEventRecords(saleId, published)) bytes += value.length;
  for (const sale of batch.hot) sale.committedSeq = batch.sales.at(-1)!.seq;
  if (sales.crowded()) sales.forgetCommitted();
  position = batch.position;
  return bytes;
}

await work([record(Buffer.from(encodeCommand(schedule(saleId, { stock: [stock], perUser: 1 }))))]);
made = 0;
let cpuUs = 0;
let measured = 0;
let bytes = 0;
let n = 0;
for (let batch = 0; n < decisions; batch += 1) {
  const records = Array.from({ length: batchRecords }, () => record(reservation(saleId, n, asked(n++), 1_800_000_000_000, true)));
  const before = process.cpuUsage();
  const told = await work(records);
  const { user, system } = process.cpuUsage(before);
  made = 0;
  if (batch < warmUpBatches) continue;
  cpuUs += user + system;
  bytes += told;
  measured += batchRecords;
}
const seq: Seq | 0 = sales.get(saleId)?.committedSeq ?? 0;
if (seq < decisions) throw new Error(`${String(decisions)} requests made ${String(seq)} events`);
console.log(`${(cpuUs / measured).toFixed(2)} us a decision, ${Math.round(bytes / measured)} bytes to the servers' clients`);
