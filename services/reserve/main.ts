import { Counter } from 'prom-client';
import { receiveGatewayRefusals } from '#shared/edge-records/gateway-refusals.ts';
import { createChangeWaiter } from '#shared/http/await-change.ts';
import { parseEdgeConfig } from '#shared/http/edge-config.ts';
import { openEdge } from '#shared/http/open-edge.ts';
import { randomInstance } from '#shared/http/open-service.ts';
import { openPool } from '#shared/ledger/connections.ts';
import { allocateLine } from '#shared/ledger/lines.ts';
import { createProgress } from '#shared/ledger/read/progress.ts';
import { createReportReads } from '#shared/ledger/read/report.ts';
import { createReservationReads, type ReservationRow } from '#shared/ledger/read/reservations.ts';
import { createSaleReads } from '#shared/ledger/read/sales.ts';
import { superviseProcess } from '#shared/telemetry/lifecycle.ts';
import { openLog } from '#shared/telemetry/log.ts';
import { createAvailabilityHandler } from './availability.ts';
import { createReservationHandler } from './create-reservation.ts';
import { createReportHandler } from './report.ts';
import { createReservationHandlers } from './reservations.ts';
import { reserveRoutes } from './routes.ts';
import { createSaleHandlers } from './sales.ts';

/** The reserve service: sales and reservations by HTTP. Stateless; any number of copies may run. */

const SERVICE = 'reserve';
const config = parseEdgeConfig(process.env, 8101);
const instance = config.INSTANCE_ID ?? randomInstance(SERVICE);
const log = openLog({ service: SERVICE, instance, level: config.LOG_LEVEL });
const now = Date.now;

const edge = openEdge({ service: SERVICE, config, instance, log });
const { cards, submit, notes, reads, onFault } = edge;
const reservations = createReservationReads(reads);
const sales = createSaleReads(reads);
const progress = createProgress(reads);
const decided = createChangeWaiter<ReservationRow>({ read: reservations.byIds, settled: () => true, onFault });
const lines = openPool(config.DATABASE_URL, `${SERVICE}-lines`, 1, onFault);

const refused = new Counter({
  name: 'firstcome_gateway_refusals',
  help: 'Requests that the gateway refused by its own limits; estimated from a sample where the house was full',
  labelNames: ['reason'],
  registers: [edge.metrics],
});

const service = edge.serve(
  reserveRoutes({
    createReservation: createReservationHandler({
      cards,
      submit,
      notes,
      reservations,
      findDecision: (key) => edge.findDecision({ kind: 'reservation', key }),
      progress,
      now,
    }),
    availability: createAvailabilityHandler(sales, now),
    report: createReportHandler(sales, createReportReads(reads)),
    reservations: createReservationHandlers({ cards, submit, notes, reservations, decided, progress, now }),
    sales: createSaleHandlers({
      cards,
      sales,
      submit,
      progress,
      async allocateLine(saleId) {
        const line = await allocateLine(lines, saleId, config.LINE_PARTITIONS);
        return line === 'no_free_line' ? null : line;
      },
    }),
  }),
);

superviseProcess({
  process,
  log,
  async stop() {
    gatewayRefusals.close();
    edge.stopWaiting();
    decided.stop();
    await service.stop();
    await Promise.all([edge.close(), lines.end()]);
  },
});
const port = await service.listen(config.HTTP_HOST, config.HTTP_PORT);
// The same number as for HTTP, so that whoever reaches the one knows the other.
const gatewayRefusals = receiveGatewayRefusals({
  host: config.HTTP_HOST,
  port,
  note: edge.noteAttempt,
  count: (reason, refusals) => refused.inc({ reason }, refusals),
  onFault,
});
log.info({ port, auth: config.AUTH_MODE }, 'listening');
