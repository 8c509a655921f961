import type { OrderId } from '#schemas/ids.ts';
import { createChangeWaiter } from '#shared/http/await-change.ts';
import { parseEdgeConfig } from '#shared/http/edge-config.ts';
import { openEdge } from '#shared/http/open-edge.ts';
import { randomInstance } from '#shared/http/open-service.ts';
import { createClaimOrderKey } from '#shared/ledger/read/order-keys.ts';
import { createOrderReads, type OrderRow } from '#shared/ledger/read/orders.ts';
import { createProgress } from '#shared/ledger/read/progress.ts';
import { createReservationReads } from '#shared/ledger/read/reservations.ts';
import { superviseProcess } from '#shared/telemetry/lifecycle.ts';
import { openLog } from '#shared/telemetry/log.ts';
import { createOrderHandler } from './create-order.ts';
import { createOrderReaders } from './orders.ts';
import { checkoutRoutes } from './routes.ts';

/** The checkout service: orders by HTTP. Stateless; any number of copies may run. */

const SERVICE = 'checkout';
const config = parseEdgeConfig(process.env, 8102);
const instance = config.INSTANCE_ID ?? randomInstance(SERVICE);
const log = openLog({ service: SERVICE, instance, level: config.LOG_LEVEL });

const edge = openEdge({ service: SERVICE, config, instance, log });
const { cards, submit, notes, reads, onFault } = edge;
const orders = createOrderReads(reads);
const reservations = createReservationReads(reads);
const progress = createProgress(reads);
const settled = createChangeWaiter<OrderRow>({
  read: orders.byIds,
  settled: (order) => order.status !== 'pending',
  announced: (id, timeoutMs) => edge.replies.onOrderSettled(id as OrderId, timeoutMs),
  onFault,
});
const findDecision = (key: OrderId) => edge.findDecision({ kind: 'order', key });

const service = edge.serve(
  checkoutRoutes({
    createOrder: createOrderHandler({
      cards,
      submit,
      notes,
      reservations,
      orders,
      claimOrderKey: createClaimOrderKey(reads),
      progress,
      findDecision,
      settled,
    }),
    orders: createOrderReaders({ cards, notes, reservations, orders, progress, findDecision, settled }),
  }),
);

superviseProcess({
  process,
  log,
  async stop() {
    edge.stopWaiting();
    settled.stop();
    await service.stop();
    await edge.close();
  },
});
const port = await service.listen(config.HTTP_HOST, config.HTTP_PORT);
log.info({ port, auth: config.AUTH_MODE }, 'listening');
