import { setTimeout as wait } from 'node:timers/promises';
import { openKeys, verifierKeysOf } from '#shared/audit-keys/key-folder.ts';
import { TerminalFault } from '#shared/faults/faults.ts';
import { createTellFault, openHttpService, randomInstance } from '#shared/http/open-service.ts';
import type { EdgeDependency } from '#shared/http/operator-routes.ts';
import { openPool } from '#shared/ledger/connections.ts';
import { createLeadership } from '#shared/ledger/leadership.ts';
import { createLogReads } from '#shared/ledger/log/log-reads.ts';
import { createRecordRead } from '#shared/ledger/log/record-read.ts';
import { createTreeStore } from '#shared/ledger/log/tree-store.ts';
import { refsOfUser } from '#shared/ledger/read/buyers.ts';
import { openReads } from '#shared/ledger/read/reads.ts';
import { createSaleCards } from '#shared/ledger/read/sale-card.ts';
import { superviseProcess } from '#shared/telemetry/lifecycle.ts';
import { openLog } from '#shared/telemetry/log.ts';
import { openMetrics } from '#shared/telemetry/metrics.ts';
import { createAttemptsHandler } from './attempts.ts';
import { parseAuditConfig } from './config.ts';
import { createEventsHandler } from './events.ts';
import { createFollower } from './follower.ts';
import { createGuardFiles } from './guard-files.ts';
import { createHistoryHandlers } from './histories.ts';
import { countLogs, showFollower } from './metrics.ts';
import { createProofHandlers } from './proofs.ts';
import { createReceiptHandler } from './receipt.ts';
import { auditRoutes } from './routes.ts';
import { createVerifyHandler, createVerifySale } from './verify.ts';

/**
 * The audit service: signs the logs of all sales and proves what stands in them. Several
 * copies may answer; one of them follows and signs. It cannot change what was decided.
 */

const SERVICE = 'audit';
const config = parseAuditConfig(process.env);
const log = openLog({ service: SERVICE, instance: config.INSTANCE_ID ?? randomInstance(SERVICE), level: config.LOG_LEVEL });
const metrics = openMetrics(SERVICE);
const onFault = createTellFault(log);

const keys = openKeys(config.AUDIT_KEYS_DIR);
const { name } = keys().signing.verifier;
if (name !== config.AUDIT_ORIGIN) {
  throw new TerminalFault(
    'key_of_another_origin',
    `the key in ${config.AUDIT_KEYS_DIR} is named ${name} and AUDIT_ORIGIN is ${config.AUDIT_ORIGIN}: set AUDIT_ORIGIN back, auditors have pinned it`,
  );
}

const reads = openReads({
  databaseUrl: config.AUDIT_DATABASE_URL,
  applicationName: SERVICE,
  connectionsMax: config.DATABASE_CONNECTIONS,
  onFault,
});
/** One for each sale that is followed at the same time. */
const followerConnections = 4;
const pool = openPool(config.AUDIT_DATABASE_URL, `${SERVICE}-follower`, followerConnections, onFault);
const leadership = createLeadership(config.AUDIT_DATABASE_URL, 'audit', onFault);

const guards = createGuardFiles(config.AUDIT_STATE_DIR, config.AUDIT_ORIGIN, () => verifierKeysOf(keys()));
const follower = createFollower({
  store: createTreeStore(pool),
  guards,
  keys,
  auditOrigin: config.AUDIT_ORIGIN,
  now: Date.now,
  log,
  observe: countLogs(metrics),
  holdsLeadership: () => leadership.holds(),
  sleep: (ms, signal) => wait(ms, undefined, { signal }).catch(() => undefined),
  onFault,
});
showFollower(metrics, follower);

const logReads = createLogReads(reads);
const sales = createSaleCards(reads);
const recordRead = createRecordRead(reads);

/** Logs that are named in one answer of `/readyz`. */
const faultsNamedMax = 20;

function readiness(): readonly EdgeDependency[] {
  const faulty = [...follower.faults()].slice(0, faultsNamedMax);
  return [
    { name: 'ledger', required: true, ready: reads.isUp(), ...(reads.isUp() ? {} : { reason: `PostgreSQL: ${reads.whyDown()}` }) },
    {
      name: 'logs',
      required: true,
      ready: faulty.length === 0,
      ...(faulty.length === 0
        ? {}
        : { reason: faulty.map(([saleId, { code, seq }]) => `${saleId}: ${code}${seq === null ? '' : ` at seq ${seq}`}`).join('; ') }),
    },
  ];
}

const verifySale = createVerifySale({
  databaseUrl: config.AUDIT_DATABASE_URL,
  kafkaBrokers: config.KAFKA_BROKERS,
  auditOrigin: config.AUDIT_ORIGIN,
  keys: () => verifierKeysOf(keys()),
  lastSigned: (saleId) => guards.read(saleId),
});

const service = openHttpService({
  routes: auditRoutes({
    receipt: createReceiptHandler(logReads),
    events: createEventsHandler(logReads, sales),
    proofs: createProofHandlers(logReads, sales, keys),
    histories: createHistoryHandlers({ log: logReads, userRefsOf: (userId) => refsOfUser(reads, userId), recordRead }),
    attempts: createAttemptsHandler({ reads, recordRead }),
    verify: createVerifyHandler(sales, verifySale),
  }),
  readiness,
  config,
  metrics,
  log,
});

const stopped = new AbortController();
const following = follower.run(stopped.signal);
const lifecycle = superviseProcess({
  process,
  log,
  async stop() {
    stopped.abort();
    await Promise.all([service.stop(), following]);
    await leadership.release();
    await Promise.all([reads.close(), pool.end()]);
  },
});
following.catch((error: unknown) => lifecycle.crash(error));
const port = await service.listen(config.HTTP_HOST, config.HTTP_PORT);
log.info({ port, auth: config.AUTH_MODE, origin: config.AUDIT_ORIGIN }, 'listening');
