import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { openPool } from '#shared/ledger/connections.ts';
import { encodeCommand } from '#shared/line/encode.ts';
import { createEnqueuer } from '#shared/line/enqueue.ts';
import { createPaymentBooks } from '#shared/payments/books.ts';
import { PAYMENT_EVENT_TYPES } from '#shared/payments/enroll.ts';
import { createGateway } from '#shared/payments/http-gateway.ts';
import { EXIT, superviseProcess } from '#shared/telemetry/lifecycle.ts';
import { openLog } from '#shared/telemetry/log.ts';
import { openMetrics } from '#shared/telemetry/metrics.ts';
import { startOperatorServer, type Dependency } from '#shared/telemetry/operator-server.ts';
import { processClock } from './clock.ts';
import { parsePaymentConfig } from './config.ts';
import { followEvents } from './follow-events.ts';
import { paymentMetrics } from './metrics.ts';
import { answerManual } from './operator-routes.ts';
import { startPaymentService } from './service.ts';

/** The payment service: the only process that calls a payment gateway. Several may run beside each other. */

/** Less than the lifecycle's bound, so that connections can be closed in order. */
const stepsWaitMsMax = 7_000;

const config = parsePaymentConfig(process.env);
const log = openLog({ service: 'payment', instance: config.INSTANCE_ID ?? randomUUID().slice(0, 8), level: config.LOG_LEVEL });
const metrics = openMetrics('payment');

const pool = openPool(config.DATABASE_URL, 'firstcome-payment', 6, (error) =>
  log.warn({ err: error }, 'an idle connection to PostgreSQL was lost'),
);
const enqueuer = createEnqueuer({ brokers: config.KAFKA_BROKERS, clientId: 'firstcome-payment', log });
const gateway = createGateway({
  baseUrl: config.PAYMENT_GATEWAY_URL,
  timeoutMs: config.PAYMENT_TIMEOUT_MS,
  connectionsMax: config.PAYMENT_CALLS_MAX,
});
const service = startPaymentService({
  books: createPaymentBooks(pool),
  gateway,
  enqueue: (partition, command) => enqueuer.enqueue(partition, encodeCommand(command)),
  metrics: paymentMetrics(metrics),
  log,
  callsMax: config.PAYMENT_CALLS_MAX,
  leaseMs: config.leaseMs,
  retryBaseMs: config.PAYMENT_RETRY_BASE_MS,
  triesMax: config.PAYMENT_TRIES_MAX,
  clock: processClock,
  random: Math.random,
});

const events = followEvents({
  brokers: config.KAFKA_BROKERS,
  groupId: 'payment',
  types: PAYMENT_EVENT_TYPES,
  neverSkipped: ['checkout.', 'refund.'],
  wait: (ms, signal) => wait(ms, undefined, { signal }),
  onEvents: (_partition, decided) => service.takeIn(decided),
  onCrash(error) {
    log.fatal({ err: error }, 'events can no longer be read; ending, to be started anew');
    process.exit(EXIT.terminal);
  },
  log,
});

/** @param reason why it is not ready; null where it is */
function dependency(name: string, reason: string | null): Dependency {
  return reason === null ? { name, ready: true } : { name, ready: false, reason };
}

async function ledgerState(): Promise<Dependency> {
  try {
    await pool.query('SELECT 1');
    return dependency('postgresql', null);
  } catch (error) {
    return dependency('postgresql', String(error));
  }
}

const operators = await startOperatorServer({
  host: config.HTTP_HOST,
  port: config.HTTP_PORT,
  metrics,
  log,
  readiness: async () => [
    await ledgerState(),
    dependency('events of sales', events.reason()),
    dependency('kafka', enqueuer.health().status === 'ready' ? null : 'the newest request to Kafka failed or hangs'),
    dependency('payment gateway', service.gatewayAway() ? 'it does not answer; calls wait' : null),
  ],
  furtherRoutes: (request, response) => answerManual(service, request, response),
});

superviseProcess({
  process,
  log,
  async stop() {
    await events.stop();
    await service.stop(stepsWaitMsMax);
    await Promise.all([operators.close(), enqueuer.close()]);
    gateway.close();
    await pool.end();
  },
});
log.info({ port: operators.port }, 'payment service started');
