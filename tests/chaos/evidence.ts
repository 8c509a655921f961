import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Event } from '#schemas/event.ts';
import type { EpochMs, Offset, Partition, SaleId } from '#schemas/ids.ts';
import type { LineRecord } from '#shared/line/line.ts';
import { parseCommand } from '#shared/line/parse-command.ts';
import { createLineReader } from '#shared/line/read-line.ts';
import { commandsTopic, eventsTopic } from '#shared/line/topics.ts';
import { replaySale } from '#shared/replay/replay-sale.ts';
import { call } from '../faults/api.ts';
import { until } from '../until.ts';
import type { BookedCharge, Evidence, LoggedEvent } from './history.ts';
import { WRITERS, type Stack } from './stack.ts';

/** Reads what a round left behind: ledger, line, published events, the gateway's books, the report. */

export interface SaleUnderTest {
  readonly id: string;
  readonly partition: Partition;
}

const quietMsMax = 60_000;
const readMsMax = 20_000;

/** Everything that stood in the line is decided, and every payment has come to its end. */
export async function untilQuiet(stack: Stack, { id, partition }: SaleUnderTest): Promise<void> {
  const { high } = await withReader(stack, commandsTopic, (reader) => reader.watermarks(partition));
  await until(
    async () => {
      const [row] = await stack.query<{ undecided: string; open_orders: string; open_payments: string; unheard: string }>(
        `SELECT greatest(0, $2::bigint - next_offset) AS undecided,
           (SELECT count(*) FROM orders JOIN sale_lines USING (sale_no) WHERE sale_id = $1 AND status IN ('pending', 'refunding')) AS open_orders,
           (SELECT count(*) FROM payments WHERE sale_id = $1 AND due_at IS NOT NULL) AS open_payments,
           (SELECT count(*) FROM orders JOIN sale_lines USING (sale_no) WHERE sale_id = $1 AND id NOT IN (SELECT order_id FROM payments)) AS unheard
         FROM partitions WHERE partition = $3`,
        [id, high, partition],
      );
      return row!;
    },
    (row) => Object.values(row).every((count) => Number(count) === 0),
    quietMsMax,
  );
}

export async function readLedger(stack: Stack, saleId: string): Promise<LoggedEvent[]> {
  const rows = await stack.query<{ leaf: Buffer; hash: Buffer }>(
    'SELECT leaf, hash FROM events JOIN sale_lines USING (sale_no) WHERE sale_id = $1 ORDER BY seq',
    [saleId],
  );
  return rows.map(({ leaf, hash }) => {
    const text = leaf.toString('utf8');
    return { leaf: text, hash: hash.toString('hex'), event: JSON.parse(text) as Event };
  });
}

export async function collect(
  stack: Stack,
  sale: SaleUnderTest,
  attempts: Evidence['attempts'],
  { lineIsWhole }: { lineIsWhole: boolean },
): Promise<Evidence> {
  const ledger = await readLedger(stack, sale.id);
  const readAtMs = Date.now();
  const { records, replayed } = lineIsWhole
    ? await replayLine(stack, sale, ledger)
    : { records: await readLine(stack, commandsTopic, sale.partition, 0 as Offset), replayed: null };
  return {
    attempts,
    ledger,
    readAtMs,
    replayed,
    line: new Map(records.map(({ offset, value }) => [offset, requestIn(value)])),
    published: await readPublished(stack, sale, ledger.length),
    charges: readBooks(join(stack.context.layout.home, 'gateway-sim', 'journal.ndjson'), ledger),
    report: await readReport(stack, sale.id),
    exits: stack.services.takeExits(),
    halted: await haltedLines(stack),
  };
}

/** What each writer says it leaves alone. */
export async function haltedLines(stack: Stack): Promise<{ writer: string; reason: string }[]> {
  const running = WRITERS.filter((writer) => stack.services.running().includes(writer));
  const found = await Promise.all(
    running.map(async (writer) =>
      ((await stack.readiness(writer)) ?? [])
        .filter(({ name, reason }) => name.startsWith('partition') || reason.includes('line_broken'))
        .map(({ reason }) => ({ writer, reason })),
    ),
  );
  return found.flat();
}

type Reader = ReturnType<typeof createLineReader>;

export async function withReader<T>(stack: Stack, topic: string, use: (reader: Reader) => Promise<T>): Promise<T> {
  const crashed = Promise.withResolvers<never>();
  crashed.promise.catch(() => undefined);
  const reader = createLineReader({ brokers: [stack.brokers], clientId: 'chaos', topic, onCrash: crashed.reject });
  try {
    return await Promise.race([use(reader), crashed.promise]);
  } finally {
    await reader.stop();
  }
}

/** From an offset to the end there is now. */
export async function readLine(stack: Stack, topic: string, partition: Partition, from: Offset): Promise<LineRecord[]> {
  return withReader(stack, topic, async (reader) => {
    const { low, high } = await reader.watermarks(partition);
    const records: LineRecord[] = [];
    if (Math.max(low, from) >= high) return records;
    await reader.start();
    const all = Promise.withResolvers<undefined>();
    reader.open(partition, Math.max(low, from) as Offset, (some) => {
      for (const record of some) records.push(record);
      if ((records.at(-1)?.offset ?? -1) >= high - 1) all.resolve(undefined);
    });
    const late = setTimeout(
      () => all.reject(new Error(`partition ${partition} of ${topic} was not read to ${high} within ${readMsMax} ms`)),
      readMsMax,
    );
    await all.promise.finally(() => clearTimeout(late));
    return records;
  });
}

async function replayLine(
  stack: Stack,
  sale: SaleUnderTest,
  ledger: readonly LoggedEvent[],
): Promise<{ records: LineRecord[]; replayed: Evidence['replayed'] }> {
  const firstOffset = ledger[0]!.event.offset;
  const records = await readLine(stack, commandsTopic, sale.partition, firstOffset);
  const others = await stack.query<{ sale_id: SaleId; command_offset: string }>(
    `SELECT sale_id, command_offset FROM sale_lines JOIN events USING (sale_no) WHERE partition = $1 AND seq = 1 AND sale_id <> $2`,
    [sale.partition, sale.id],
  );
  const { take } = replaySale({
    saleId: sale.id as SaleId,
    firstOffset,
    firstAt: Date.parse(ledger[0]!.event.at) as EpochMs,
    others: new Map(others.map((row) => [row.sale_id, Number(row.command_offset) as Offset])),
  });
  const throughOffset = ledger.at(-1)!.event.offset;
  const replayed = records
    .filter(({ offset }) => offset <= throughOffset)
    .flatMap((record) => [...take(record, parseCommand(record.value ?? Buffer.alloc(0)))]);
  return { records, replayed: replayed.slice(0, ledger.length) };
}

/** Under which id the record's decision would stand. */
function requestIn(value: Buffer | null): string {
  const parsed = parseCommand(value ?? Buffer.alloc(0));
  if (!parsed.ok) return 'malformed';
  const { command } = parsed;
  if ('key' in command) return command.key;
  if ('order_id' in command) return command.order_id;
  return 'reservation_id' in command ? command.reservation_id : command.type;
}

/** Publishing is behind deciding: what is decided comes within the bound, or never. */
async function readPublished(stack: Stack, { id, partition }: SaleUnderTest, events: number): Promise<string[]> {
  let leaves: string[] = [];
  const lastSeq = (): number => (leaves.length === 0 ? 0 : (JSON.parse(leaves.at(-1)!) as Event).seq);
  const deadline = performance.now() + readMsMax;
  do {
    const records = await readLine(stack, eventsTopic, partition, 0 as Offset);
    leaves = records.flatMap(({ value }) => value?.toString('utf8').split('\n') ?? []).filter((leaf) => leaf.includes(`"sale_id":"${id}"`));
  } while (lastSeq() < events && performance.now() < deadline);
  return leaves;
}

/** The simulated gateway's journal: one entry a line, of all sales it ever had. */
function readBooks(file: string, ledger: readonly LoggedEvent[]): BookedCharge[] {
  const orders = new Set<string>(ledger.map(({ event }) => ('order_id' in event ? event.order_id : '')));
  const charges = new Map<string, { reference: string; amount: number; status: 'succeeded' | 'refunded' }>();
  const lines = existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : [];
  for (const line of lines) {
    if (line === '') continue;
    const entry = JSON.parse(line) as { kind: string; id: string; charge_id: string; reference: string; amount: number };
    if (entry.kind === 'charge') charges.set(entry.id, { reference: entry.reference, amount: entry.amount, status: 'succeeded' });
    const refunded = entry.kind === 'refund' ? charges.get(entry.charge_id) : undefined;
    if (refunded !== undefined) refunded.status = 'refunded';
  }
  return [...charges.values()].filter(({ reference }) => orders.has(reference));
}

async function readReport(stack: Stack, saleId: string): Promise<Evidence['report']> {
  return until(
    async () =>
      (await call(stack.urlOf('reserve'), 'GET', `/v1/sales/${saleId}/report`, { user: 'operator', scope: 'operator' })) as {
        status: number;
        body: Evidence['report'];
      },
    ({ status }) => status === 200,
    readMsMax,
  ).then(
    ({ body }) => body,
    () => null,
  );
}
