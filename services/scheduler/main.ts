import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { EpochMs } from '#schemas/ids.ts';
import { openPool } from '#shared/ledger/connections.ts';
import { unsettledSales } from '#shared/ledger/lines.ts';
import { encodeCommand } from '#shared/line/encode.ts';
import { createEnqueuer } from '#shared/line/enqueue.ts';
import { superviseProcess } from '#shared/telemetry/lifecycle.ts';
import { openLog } from '#shared/telemetry/log.ts';
import { openMetrics } from '#shared/telemetry/metrics.ts';
import { startOperatorServer } from '#shared/telemetry/operator-server.ts';
import { parseSchedulerConfig } from './config.ts';
import { createLeadership } from '#shared/ledger/leadership.ts';
import { schedulerMetrics } from './metrics.ts';
import { releaseUnscheduledLines } from '#shared/ledger/release-lines.ts';
import { runSchedule } from './schedule.ts';

/** The scheduler: opens and closes sales and ticks their lines. Several may run; one is active. */

const config = parseSchedulerConfig(process.env);
const log = openLog({ service: 'scheduler', instance: config.INSTANCE_ID ?? randomUUID().slice(0, 8), level: config.LOG_LEVEL });
const metrics = openMetrics('scheduler');
const observe = schedulerMetrics(metrics);

const pool = openPool(config.DATABASE_URL, 'firstcome-scheduler', 2, (error) =>
  log.warn({ err: error }, 'an idle connection to PostgreSQL was lost'),
);
const enqueuer = createEnqueuer({ brokers: config.KAFKA_BROKERS, clientId: 'firstcome-scheduler', log });

/** Why this process leads nothing, where the reason is a fault and not another leader. */
let ledgerReason: string | null = null;
const leadership = createLeadership(config.DATABASE_URL, 'scheduler', (error) => {
  ledgerReason = String(error);
  log.warn({ err: error }, 'the ledger is away, and with it the leadership; trying again each second');
});

const stopped = new AbortController();
const schedule = runSchedule(
  {
    now: () => Date.now() as EpochMs,
    sleep: (ms, signal) => wait(ms, undefined, { signal }).catch(() => undefined),
    async holdsLeadership() {
      ledgerReason = null;
      return leadership.holds();
    },
    unsettledSales: () => unsettledSales(pool),
    releaseUnscheduledLines: () => releaseUnscheduledLines(pool),
    enqueue: (partition, command) => enqueuer.enqueue(partition, encodeCommand(command)),
    log,
    observe,
  },
  stopped.signal,
);

const operators = await startOperatorServer({
  host: config.HTTP_HOST,
  port: config.HTTP_PORT,
  metrics,
  log,
  readiness: () => [
    { name: 'postgresql', ready: ledgerReason === null, ...(ledgerReason === null ? {} : { reason: ledgerReason }) },
    enqueuer.health().status === 'ready'
      ? { name: 'kafka', ready: true }
      : { name: 'kafka', ready: false, reason: 'the newest request to Kafka failed or hangs' },
  ],
});

const lifecycle = superviseProcess({
  process,
  log,
  async stop() {
    stopped.abort();
    await schedule;
    await leadership.release();
    await Promise.all([operators.close(), enqueuer.close(), pool.end()]);
  },
});
schedule.catch((error: unknown) => lifecycle.crash(error));
log.info({ port: operators.port }, 'scheduler started');
