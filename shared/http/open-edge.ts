import { Redis } from 'ioredis';
import { Gauge } from 'prom-client';
import type { NoteAttempt } from '#shared/edge-records/attempts.ts';
import { openEdgeRecords } from '#shared/edge-records/open-edge-records.ts';
import type { DecisionKey, FoundDecision } from '#shared/ledger/read/decisions.ts';
import { createFindDecisions, createReadLeaf } from '#shared/ledger/read/decisions.ts';
import { coalesce } from '#shared/ledger/read/coalesce.ts';
import { openReads, type Reads } from '#shared/ledger/read/reads.ts';
import { createSaleCards, type SaleCards } from '#shared/ledger/read/sale-card.ts';
import { createEnqueuer } from '#shared/line/enqueue.ts';
import { createReplyListener } from '#shared/replies/listen.ts';
import type { ReplyListener } from '#shared/replies/replies.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { openMetrics, type Metrics } from '#shared/telemetry/metrics.ts';
import { createNotes202, type Notes202 } from './answered-202.ts';
import { createNoteRefused } from './attempt.ts';
import { createDecisionWaiter } from './await-decision.ts';
import type { EdgeConfig } from './edge-config.ts';
import { createTellFault, openHttpService } from './open-service.ts';
import type { EdgeDependency } from './operator-routes.ts';
import type { Route } from './route.ts';
import type { HttpService } from './serve.ts';
import { createSubmit, type Submit } from './submit.ts';

/** What a service at the HTTP edge works with: connections, and the ways to ask the line and the ledger. */
export interface Edge {
  readonly metrics: Metrics;
  readonly reads: Reads;
  readonly cards: SaleCards;
  readonly submit: Submit;
  readonly notes: Notes202;
  readonly replies: ReplyListener;
  /** A decision by key, if there is one; those asked for together are read together. */
  readonly findDecision: (key: DecisionKey) => Promise<FoundDecision | null>;
  /** Keeps what never reached the line, where this process hears of it. */
  readonly noteAttempt: NoteAttempt;
  /** Tells the log about a fault of a dependency, at most once a second. */
  readonly onFault: (error: unknown) => void;
  /** The service with these routes and the operators'. */
  serve(routes: readonly Route[]): HttpService;
  /** Ends every wait, so that the service can stop. */
  stopWaiting(): void;
  close(): Promise<void>;
}

export interface OpenEdgeOptions {
  readonly service: string;
  readonly config: EdgeConfig;
  readonly instance: string;
  readonly log: Log;
}

const redisCommandMsMax = 250;
/** Twice what the gateway lets in: whoever comes past it, or by several gateways, is held to a bound too. */
const requestsWaitingMax = 2_000;

export function openEdge({ service, config, instance, log }: OpenEdgeOptions): Edge {
  const metrics = openMetrics(service);
  const onFault = createTellFault(log);

  const reads = openReads({
    databaseUrl: config.DATABASE_URL,
    applicationName: service,
    connectionsMax: config.DATABASE_CONNECTIONS,
    onFault,
  });
  const redis = new Redis(config.REDIS_URL, {
    connectionName: service,
    enableAutoPipelining: true,
    // Nothing waits for Redis: what it cannot do now is done without it.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: redisCommandMsMax,
    connectTimeout: 1_000,
    retryStrategy: (attempt) => Math.min(1_000, attempt * 50),
  });
  redis.on('error', onFault);
  const replies = createReplyListener({ redisUrl: config.REDIS_URL, instance, log });
  const enqueuer = createEnqueuer({ brokers: config.KAFKA_BROKERS, clientId: `firstcome-${service}`, log });

  const records = openEdgeRecords({ databaseUrl: config.DATABASE_URL, service, secret: config.USER_REF_SECRET, metrics, log });

  const findDecisions = createFindDecisions(reads);
  const waiter = createDecisionWaiter({ replies, findDecisions, readLeaf: createReadLeaf(reads), onFault });
  const submit = createSubmit({
    enqueue: enqueuer.enqueue,
    waiter,
    ledgerIsUp: reads.isUp,
    waitingMax: requestsWaitingMax,
    noteBuyer: records.noteBuyer,
  });

  new Gauge({
    name: 'firstcome_requests_waiting',
    help: 'Requests that wait for their decision',
    registers: [metrics],
    collect() {
      this.set(waiter.waiting());
    },
  });

  function readiness(): readonly EdgeDependency[] {
    const line = enqueuer.health();
    const repliesArrive = replies.connected() && redis.status === 'ready';
    return [
      { name: 'ledger', required: true, ready: reads.isUp(), ...(reads.isUp() ? {} : { reason: `PostgreSQL: ${reads.whyDown()}` }) },
      {
        name: 'line',
        required: true,
        ready: line.status === 'ready',
        ...(line.status === 'ready' ? {} : { reason: `Kafka has been away for ${line.awayMs} ms` }),
      },
      {
        name: 'replies',
        required: false,
        ready: repliesArrive,
        ...(repliesArrive ? {} : { reason: 'Redis does not answer: decisions are found in the ledger' }),
      },
    ];
  }

  return {
    metrics,
    reads,
    cards: createSaleCards(reads),
    submit,
    notes: createNotes202(redis, onFault),
    replies,
    findDecision: coalesce(findDecisions, ({ key }) => key),
    noteAttempt: records.noteAttempt,
    onFault,
    serve: (routes) =>
      openHttpService({
        routes,
        readiness,
        config,
        metrics,
        log,
        onRefused: createNoteRefused(records.noteAttempt, (caller) => records.noteBuyer(caller, Promise.resolve())),
      }),
    stopWaiting: () => waiter.stop(),
    async close() {
      redis.disconnect();
      await Promise.all([enqueuer.close(), replies.close(), reads.close(), records.close()]);
    },
  };
}
