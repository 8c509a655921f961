import { setTimeout as pause } from 'node:timers/promises';
import { type Admin, Kafka, logLevel } from 'kafkajs';
import { COMMAND_VERSION } from '#schemas/command.ts';
import type { EpochMs, Offset, SaleId, Sku } from '#schemas/ids.ts';
import { prepareTopics } from '#deploy/local/kafka.ts';
import { fingerprint, reservationId, userRef } from '#shared/ids/derive.ts';
import { encodeCommand } from '#shared/line/encode.ts';
import { createEnqueuer } from '#shared/line/enqueue.ts';
import { parseCommand } from '#shared/line/parse-command.ts';
import { commandsTopic, deleteTopic } from '#shared/line/topics.ts';
import { until } from '../until.ts';
import { haltedLines, readLedger, readLine, withReader } from './evidence.ts';
import type { Scene } from './scene.ts';
import type { Stack } from './stack.ts';

/** Faults after which the ledger and the line do not belong to each other any more. */

const haltMsMax = 60_000;
const redecidedMsMax = 30_000;
const COPY = 'older';
const strangersBeyond = 100;
const EDGE = ['reserve', 'checkout'] as const;

/** Waits until a writer has halted with one of the codes; says which, or what is wrong. */
export async function untilHalted({ stack, violated }: Scene, codes: readonly string[]): Promise<string> {
  const found = await until(
    () => haltedLines(stack),
    (lines) => lines.length > 0,
    haltMsMax,
  ).catch(() => []);
  const [first] = found;
  if (first === undefined) {
    const said = await Promise.all(
      (['writer', 'writer-standby'] as const).map(async (writer) => `${writer}: ${JSON.stringify(await stack.readiness(writer))}`),
    );
    violated('halted', `no writer halted within ${haltMsMax} ms; not ready at ${said.join(', ')}`);
    return 'NOT halted';
  }
  for (const { writer, reason } of found)
    if (!codes.some((code) => reason.includes(code))) violated('halted', `${writer} halted by ${reason}, not by ${codes.join(' or ')}`);
  return `halted: ${codes.find((code) => first.reason.includes(code)) ?? first.reason}`;
}

/** The line is the source: whatever the copy has not decided is decided again, to the same bytes. */
export async function restorePostgres(scene: Scene, line: 'line whole' | 'line cut'): Promise<string> {
  const { stack, sale, random, violated } = scene;
  await stack.servers.stop('postgres');
  stack.servers.keepCopy('postgres', COPY);
  await stack.servers.start('postgres');
  const copied = (await readLedger(stack, sale.id)).length;
  const nextAtCopy = await nextOffset(scene);
  // More has to be decided before it is undone.
  await until(
    async () => (await readLedger(stack, sale.id)).length,
    (events) => events > copied + 20,
  );
  await pause(random.between(300, 1_500));
  // As an operator has to: until the line is decided again, the ledger knows less than buyers were told.
  await Promise.all([...EDGE.map((edge) => stack.services.stop(edge, 'SIGKILL')), stack.services.stop('payment')]);
  await stack.servers.kill('postgres', 'SIGQUIT');
  await stack.servers.start('postgres');
  const before = await readLedger(stack, sale.id);
  await stack.servers.stop('postgres');
  stack.servers.putBack('postgres', COPY);
  if (line === 'line cut') await deleteBelowEnd(scene);
  await stack.servers.start('postgres');
  const undone = `${before.length - copied} of ${before.length} events undone`;

  if (line === 'line cut') {
    const halted = await untilHalted(scene, ['line_truncated', 'line_broken']);
    await pause(1_000);
    const after = await nextOffset(scene);
    if (after > nextAtCopy + 1_000) violated('halted', `the ledger went on to offset ${after} behind the hole`);
    const events = await readLedger(stack, sale.id);
    for (const edge of EDGE) stack.start(edge);
    if (events.length !== copied) violated('halted', `${events.length - copied} events were decided behind the hole`);
    return `${undone}; ${halted}`;
  }
  // Kafka remembers what the payment service has read, and the ledger no longer has what came of it: it reads all of it again.
  await withAdmin(stack, (admin) => admin.deleteGroups(['payment']));
  const again = await until(
    () => readLedger(stack, sale.id),
    (events) => events.length >= before.length,
    redecidedMsMax,
  );
  const differs = before.findIndex(({ leaf, hash }, at) => again[at]!.leaf !== leaf || again[at]!.hash !== hash);
  if (differs >= 0)
    violated('different', `seq ${differs + 1} was decided otherwise the second time: ${before[differs]!.leaf} and ${again[differs]!.leaf}`);
  return `${undone} and decided again, ${differs < 0 ? 'the same bytes' : 'DIFFERENT'}`;
}

async function nextOffset({ stack, sale }: Scene): Promise<number> {
  const [row] = await stack.query<{ next_offset: string }>('SELECT next_offset FROM partitions WHERE partition = $1', [sale.partition]);
  return Number(row!.next_offset);
}

/** Deletes what stands in the sale's line. */
async function deleteBelowEnd({ stack, sale }: Scene): Promise<void> {
  const { high } = await withReader(stack, commandsTopic, (reader) => reader.watermarks(sale.partition));
  await withAdmin(stack, async (admin) => {
    // The library deletes only where it has met the topic before.
    await admin.fetchTopicOffsets(commandsTopic);
    await admin.deleteTopicRecords({ topic: commandsTopic, partitions: [{ partition: sale.partition, offset: String(high) }] });
  });
}

async function withAdmin(stack: Stack, use: (admin: Admin) => Promise<unknown>): Promise<void> {
  const admin = new Kafka({ clientId: 'chaos', brokers: [stack.brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    await use(admin);
  } finally {
    await admin.disconnect();
  }
}

/**
 * The line is gone and another has its name. Sooner or later it reaches the offset at which the writer stands:
 * in some rounds at once, by requests of strangers.
 */
export async function recreateTopic(scene: Scene): Promise<string> {
  const { stack, sale, random, violated } = scene;
  const access = { brokers: [stack.brokers], clientId: 'chaos' };
  const strangers = random.chance(0.6);
  await deleteTopic(access, commandsTopic);
  const due = await nextOffset(scene);
  const ms = random.between(0, 1_500);
  await pause(ms);
  await until(
    () => prepareTopics({ brokers: [stack.brokers], partitions: stack.context.layout.linePartitions, copies: 1 }).then(() => true),
    () => true,
  );
  if (strangers) await sendStrangers(scene, due + strangersBeyond);
  const from = performance.now();
  const halted = await untilHalted(scene, ['line_broken', 'line_behind_ledger', 'line_differs', 'line_hole', 'line_truncated']);
  const tookMs = performance.now() - from;
  // Time for what must not happen.
  await pause(2_000);
  const decidedFrom = new Map((await readLedger(stack, sale.id)).map(({ event }) => [`${event.offset} ${event.request_id}`, event.seq]));
  const records = await readLine(stack, commandsTopic, sale.partition, 0 as Offset);
  let decided = 0;
  for (const { offset, value } of records) {
    const parsed = parseCommand(value ?? Buffer.alloc(0));
    const seq = parsed.ok ? decidedFrom.get(`${offset} ${parsed.command.request_id}`) : undefined;
    if (seq === undefined) continue;
    decided += 1;
    if (decided === 1) violated('halted', `seq ${seq} was decided from offset ${offset} of the new topic`);
  }
  return `made anew after ${ms} ms, due ${due}, ${records.length} records in it; ${halted} after ${(tookMs / 1000).toFixed(1)} s, ${decided} of the new topic decided`;
}

async function sendStrangers({ stack, sale }: Scene, count: number): Promise<void> {
  const enqueuer = createEnqueuer({ brokers: [stack.brokers], clientId: 'chaos', enqueueTimeoutMs: 20_000 });
  try {
    await Promise.all(
      Array.from({ length: count }, (_, n) => {
        const user = userRef('strangers', String(n));
        const items = [{ sku: 'unit' as Sku, quantity: 1 }];
        return enqueuer.enqueue(
          sale.partition,
          encodeCommand({
            v: COMMAND_VERSION,
            type: 'reservation.create',
            sale_id: sale.id as SaleId,
            request_id: `stranger-${n}`,
            fingerprint: fingerprint(['reservation.create', items, false]),
            accepted_at: Date.now() as EpochMs,
            reservation_id: reservationId(sale.id as SaleId, user, 'stranger'),
            user,
            items,
            allow_partial: false,
            respond_async: false,
          }),
        );
      }),
    );
  } finally {
    await enqueuer.close();
  }
}
