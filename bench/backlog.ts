import { setTimeout as pause } from 'node:timers/promises';
import { COMMAND_VERSION, type CreateReservation } from '#schemas/command.ts';
import { EpochMs, Partition, SaleId, Sku } from '#schemas/ids.ts';
import { fingerprint, reservationId, userRef } from '#shared/ids/derive.ts';
import { encodeCommand } from '#shared/line/encode.ts';
import { createEnqueuer } from '#shared/line/enqueue.ts';
import { killService } from '#deploy/local/down.ts';
import { restartService } from '#deploy/local/up.ts';
import { createSale } from '../services/cli/sale/sale-calls.ts';
import type { Surroundings } from '../services/cli/stack/surroundings.ts';

/** How fast the writer works through a line that is full: real Kafka, real PostgreSQL, the writer's own process. */

export interface BacklogResult {
  readonly reservations: number;
  readonly enqueuedPerSecond: number;
  /** From the writer's start (process, takeover, loading) to its first decision. */
  readonly firstDecisionMs: number;
  /** From the first decision seen to the last. */
  readonly seconds: number;
  readonly decisionsPerSecond: number;
}

const sku = 'backlog';
const inFlightMax = 8_000;
const lookEveryMs = 25;
const boundMs = 180_000;

export async function measureBacklog(
  reservations: number,
  surroundings: Surroundings,
  environment: Readonly<Record<string, string>>,
): Promise<BacklogResult> {
  const sale = await createSale(surroundings.call, {
    name: 'Backlog',
    starts_at: new Date(Date.now() - 1_000).toISOString(),
    ends_at: new Date(Date.now() + 86_400_000).toISOString(),
    items: [{ sku, name: 'Backlog', unit_price: 100, currency: 'EUR', quantity: reservations }],
    hold_seconds: 3_600,
  });
  const ledger = surroundings.openLedger();
  try {
    const line = await ledger.view.line(sale.id);
    if (line === null) throw new Error(`sale ${sale.id} has no line`);
    for (const { part } of surroundings.writers) await killService(part, 'SIGTERM', { environment });
    const before = (await ledger.view.line(sale.id))!.seq;
    const enqueuedPerSecond = await fill(
      sale.id,
      line.partition,
      reservations,
      surroundings.userRefSecret,
      environment['KAFKA_BROKERS']!.split(','),
    );

    const startedAt = performance.now();
    const starting = restartService('writer', { environment });
    let first: { at: number; seq: number } | null = null;
    let last = { at: startedAt, seq: before };
    while (last.seq - before < reservations) {
      const seq = (await ledger.view.line(sale.id))!.seq;
      const at = performance.now();
      if (seq > before) first ??= { at, seq };
      last = { at, seq };
      if (at - startedAt > boundMs)
        throw new Error(`the writer decided ${seq - before} of ${reservations} in ${boundMs / 1000} s. Look at its log.`);
      await pause(lookEveryMs);
    }
    await starting;
    await restartService('writer-standby', { environment });
    const seconds = (last.at - first!.at) / 1_000;
    return {
      reservations,
      enqueuedPerSecond,
      firstDecisionMs: first!.at - startedAt,
      seconds,
      decisionsPerSecond: (last.seq - first!.seq) / seconds,
    };
  } finally {
    await ledger.close();
  }
}

/** Puts the requests on the line; how many a second it took. */
async function fill(saleId: string, partition: number, count: number, secret: string, brokers: readonly string[]): Promise<number> {
  const sale = SaleId.parse(saleId);
  const enqueuer = createEnqueuer({ brokers, clientId: 'bench', enqueueTimeoutMs: 30_000 });
  const items = [{ sku: Sku.parse(sku), quantity: 1 }];
  const print = fingerprint(['reservation.create', items, false]);
  const started = performance.now();
  let inFlight: Promise<unknown>[] = [];
  for (let index = 0; index < count; index += 1) {
    const user = userRef(secret, `bench-${index}`);
    const command: CreateReservation = {
      v: COMMAND_VERSION,
      type: 'reservation.create',
      sale_id: sale,
      request_id: `bench-${index}`,
      fingerprint: print,
      accepted_at: EpochMs.parse(Date.now()),
      reservation_id: reservationId(sale, user, 'bench'),
      user,
      items,
      allow_partial: false,
      respond_async: true,
    };
    inFlight.push(enqueuer.enqueue(Partition.parse(partition), encodeCommand(command)));
    if (inFlight.length >= inFlightMax) {
      await Promise.all(inFlight);
      inFlight = [];
    }
  }
  await Promise.all(inFlight);
  const seconds = (performance.now() - started) / 1_000;
  await enqueuer.close();
  return count / seconds;
}
