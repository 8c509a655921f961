/**
 * A payment service whose line is a file, for tests that kill it: events come over
 * the process's channel, and it can be told to end itself after a step of its work.
 */
import { appendFileSync } from 'node:fs';
import type { Event } from '#schemas/event.ts';
import { openPool } from '#shared/ledger/connections.ts';
import { createPaymentBooks } from '#shared/payments/books.ts';
import { createGateway } from '#shared/payments/http-gateway.ts';
import { openLog } from '#shared/telemetry/log.ts';
import { openMetrics } from '#shared/telemetry/metrics.ts';
import { processClock } from '../clock.ts';
import { paymentMetrics } from '../metrics.ts';
import { startPaymentService } from '../service.ts';

/** What the test that starts this process says, as JSON in its only argument. */
interface KilledServiceSettings {
  readonly databaseUrl: string;
  readonly gatewayUrl: string;
  /** Commands go here, one a line. */
  readonly linePath: string;
  /** After which step the process ends itself as SIGKILL does; absent: it does not. */
  readonly crashAt?: 'after_call' | 'after_refund_call' | 'after_record' | 'after_enqueue';
  readonly timeoutMs: number;
  readonly leaseMs: number;
  readonly triesMax: number;
}

const settings = JSON.parse(process.argv[2] ?? '{}') as KilledServiceSettings;

function crashAt(step: NonNullable<KilledServiceSettings['crashAt']>): void {
  if (settings.crashAt === step) process.kill(process.pid, 'SIGKILL');
}

const gateway = createGateway({ baseUrl: settings.gatewayUrl, timeoutMs: settings.timeoutMs, connectionsMax: 64 });
const service = startPaymentService({
  books: createPaymentBooks(openPool(settings.databaseUrl, 'payment-test', 4)),
  gateway: {
    ...gateway,
    async charge(order) {
      const outcome = await gateway.charge(order);
      crashAt('after_call');
      return outcome;
    },
    async refund(order) {
      const outcome = await gateway.refund(order);
      crashAt('after_refund_call');
      return outcome;
    },
  },
  enqueue(partition, command) {
    crashAt('after_record');
    appendFileSync(settings.linePath, `${JSON.stringify({ partition, ...command })}\n`);
    crashAt('after_enqueue');
    return Promise.resolve();
  },
  metrics: paymentMetrics(openMetrics('payment-test')),
  log: openLog({ service: 'payment-test', instance: String(process.pid), level: 'silent' }),
  callsMax: 64,
  leaseMs: settings.leaseMs,
  retryBaseMs: 2,
  triesMax: settings.triesMax,
  clock: processClock,
  random: Math.random,
});

process.on('message', (events: readonly Event[]) => {
  service.takeIn(events).then(
    () => process.send?.('taken in'),
    (error: unknown) => process.send?.(String(error)),
  );
});
process.on('disconnect', () => {
  void service.stop(1_000).then(() => process.exit(0));
});
process.send?.('ready');
