import { setTimeout as pause } from 'node:timers/promises';
import { Client } from 'pg';
import { databaseUrl, OWNER_ROLE } from '#deploy/local/postgres.ts';
import { until } from '../until.ts';
import type { Direction } from '../proxy.ts';
import type { Scene } from './scene.ts';
import { epochOf, ownerOf, takeover } from './owner.ts';
import type { Server } from './servers.ts';
import type { Client_ } from './stack.ts';

/** Faults at the writer and on the ways to the servers. */

const batchMsMax = 15_000;
/** From the batch's arrival at PostgreSQL to its commit, many times over. */
const committedMs = 400;

export async function killWriter(scene: Scene): Promise<string> {
  const { stack, random } = scene;
  await pause(random.between(0, 300));
  const owner = await ownerOf(scene);
  const other = owner === 'writer' ? 'writer-standby' : 'writer';
  const who = random.pick(['owner', 'owner', 'both', 'other']);
  if (who !== 'owner') await stack.services.kill(other);
  if (who === 'other') return `${other} killed, ${owner} stays the owner`;
  await stack.services.kill(owner);
  return `${who} killed: ${await takeover(scene, owner)}`;
}

/** Holds back the next batch of the sale's line, or PostgreSQL's answer to it, and kills the writer that waits for it. */
export async function killInBatch(scene: Scene, held: Direction): Promise<string> {
  const { stack, sale, violated } = scene;
  const owner = await ownerOf(scene);
  const seen = Promise.withResolvers<{ from: number; to: number }>();
  let passing = false;
  // The first statement of a batch: partition, epoch, offset before, offset after.
  const fence = new RegExp(`EXECUTE "?fence"?\\('${sale.partition}','\\d+','(\\d+)','(\\d+)'`);
  const way = stack.way(owner as Client_, 'postgres');
  way.tap((direction, bytes) => {
    if (direction === 'answered') return passing && held === 'answered' ? 'hold' : 'pass';
    const batch = passing ? null : fence.exec(bytes.toString('latin1'));
    if (batch === null) return 'pass';
    passing = true;
    seen.resolve({ from: Number(batch[1]), to: Number(batch[2]) });
    return held === 'asked' ? 'hold' : 'pass';
  });
  const batch = await Promise.race([seen.promise, pause(batchMsMax, null)]);
  if (batch === null)
    throw new Error(`no batch of partition ${sale.partition} came by within ${batchMsMax} ms: is ${owner} the owner still?`);
  if (held === 'answered') await pause(committedMs);
  await stack.services.kill(owner);
  const [row] = await stack.query<{ next_offset: string }>('SELECT next_offset FROM partitions WHERE partition = $1', [sale.partition]);
  const nextOffset = Number(row!.next_offset);
  const isCommitted = nextOffset >= batch.to;
  if (isCommitted !== (held === 'answered'))
    violated('different', `offsets ${batch.from} to ${batch.to - 1} were held back, the ledger stands at ${nextOffset}`);
  way.restore();
  return `offsets ${batch.from} to ${batch.to - 1} ${isCommitted ? 'committed, untold' : 'not committed'}; ${await takeover(scene, owner)}`;
}

/** Lets a batch hang inside its transaction, behind the fence, and kills the writer that sent it. */
export async function killWhileLocked(scene: Scene): Promise<string> {
  const { stack, random } = scene;
  const owner = await ownerOf(scene);
  const locker = new Client({ connectionString: databaseUrl(stack.context.layout, OWNER_ROLE), application_name: 'chaos-lock' });
  locker.on('error', () => undefined);
  await locker.connect();
  try {
    await locker.query('BEGIN');
    await locker.query('LOCK TABLE events IN SHARE MODE');
    await until(
      () => stack.query(`SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = $1`, [`firstcome-${owner}`]),
      (rows) => rows.length > 0,
      batchMsMax,
    );
    const [before, epoch] = await Promise.all([nextOffsetOf(scene), epochOf(scene)]);
    await stack.services.kill(owner);
    await pause(random.between(0, 2_500));
    await locker.query('COMMIT');
    await pause(100);
    const after = await nextOffsetOf(scene);
    const what =
      after > before ? `the dead writer's batch was committed (offset ${before} to ${after})` : "the dead writer's batch was not committed";
    return `${what}; ${await takeover(scene, owner, epoch)}`;
  } finally {
    await locker.end();
  }
}

async function nextOffsetOf({ stack, sale }: Scene): Promise<number> {
  const [row] = await stack.query<{ next_offset: string }>('SELECT next_offset FROM partitions WHERE partition = $1', [sale.partition]);
  return Number(row!.next_offset);
}

/** Whose way is broken. */
export type Cut = 'writer' | 'edge' | 'payment' | 'everyone';

export async function breakLink(scene: Scene, from: Cut, to: Server): Promise<string> {
  const { stack, random } = scene;
  const clients: readonly Client_[] = {
    everyone: ['writer', 'writer-standby', 'edge'] as const,
    writer: random.chance(0.7) ? [(await ownerOf(scene)) as Client_] : (['writer', 'writer-standby'] as const),
    edge: ['edge'] as const,
    payment: ['payment'] as const,
  }[from];
  const ways = clients.map((client) => stack.way(client, to));
  const ms = random.between(500, 6_000);
  const how = random.pick(['slow', 'cut', 'cut once', 'silent']);
  const delayMs = random.between(20, 400);
  for (const way of ways) {
    if (how === 'slow') way.delay(delayMs);
    else if (how === 'cut') way.cut();
    else if (how === 'silent') way.silence();
    else way.interrupt();
  }
  if (how !== 'cut once') await pause(ms);
  for (const way of ways) way.restore();
  const what = how === 'slow' ? `${delayMs} ms slower each way` : how;
  return `${clients.join(' and ')}: ${what}${how === 'cut once' ? '' : ` for ${ms} ms`}`;
}
