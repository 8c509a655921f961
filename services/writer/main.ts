import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { EpochMs, Partition } from '#schemas/ids.ts';
import { RetryableFault, TerminalFault } from '#shared/faults/faults.ts';
import { createWriterLedger } from '#shared/ledger/writer-ledger.ts';
import { parseCommand } from '#shared/line/parse-command.ts';
import { createLineReader } from '#shared/line/read-line.ts';
import type { LineReader } from '#shared/line/line.ts';
import { createEventPublisher } from '#shared/line/sale-events.ts';
import { createAnnouncer } from '#shared/replies/announce.ts';
import { EXIT, superviseProcess } from '#shared/telemetry/lifecycle.ts';
import { openLog, withoutPassword } from '#shared/telemetry/log.ts';
import { openMetrics } from '#shared/telemetry/metrics.ts';
import { startOperatorServer, type Dependency } from '#shared/telemetry/operator-server.ts';
import { parseWriterConfig, type WriterConfig } from './config.ts';
import type { FollowerFigures } from './follower.ts';
import { createWriterMetrics } from './metrics.ts';
import { createOwnership, DEFAULT_LEASES, type Ownership, type PartitionStatus } from './ownership.ts';
import { openLine, type OpenedLine } from './open-line.ts';
import { DEFAULT_LIMITS, type WriterPorts } from './ports.ts';

/** The composition root of the writer. */

const lagEveryMs = 5_000;
const kafkaRetryMs = 1_000;
/** Longer than this without an answer and PostgreSQL counts as away. */
const ledgerSilentMsMax = 3_000;

function readConfig(): WriterConfig {
  try {
    return parseWriterConfig(process.env);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(EXIT.terminal);
  }
}

const FOLLOWS_NOTHING: FollowerFigures = { sales: 0, lagEvents: 0 };

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const now = () => Date.now() as EpochMs;

async function main(): Promise<void> {
  const config = readConfig();
  const instance = config.instanceId ?? `writer-${randomBytes(4).toString('hex')}`;
  const log = openLog({ service: 'writer', instance, level: config.logLevel });
  const metrics = openMetrics('writer');
  let ownership: Ownership | undefined = undefined as Ownership | undefined;
  let reader: LineReader | undefined;
  let readerFault: RetryableFault | TerminalFault | undefined;
  let stopping = false;
  const status = (): readonly PartitionStatus[] => ownership?.status() ?? [];
  const writerMetrics = createWriterMetrics(metrics, status, () => ownership?.following() ?? FOLLOWS_NOTHING);

  const ledger = createWriterLedger({
    databaseUrl: config.databaseUrl,
    applicationName: `firstcome-${instance}`,
    onConnectionError: (error) => {
      log.warn({ err: error.message }, 'a connection to PostgreSQL was lost; another is opened when it is needed');
    },
  });
  const publisher = createEventPublisher({ brokers: config.kafkaBrokers, topic: config.eventsTopic, clientId: instance, log });
  const announcer = createAnnouncer({ redisUrl: config.redisUrl, log });

  const lifecycle = superviseProcess({
    process,
    log,
    stop: async () => {
      stopping = true;
      await ownership?.stop();
      await Promise.allSettled([reader?.stop(), publisher.close(), announcer.close(), ledger.close()]);
      await operators.close();
    },
  });

  const current = (): LineReader => {
    if (reader === undefined) throw new RetryableFault('line_unavailable', 'Kafka is away; the writer goes on when it is back');
    return reader;
  };
  const ports: WriterPorts = {
    ledger,
    line: {
      open: (partition, fromOffset, onRecords) => {
        current().open(partition, fromOffset, onRecords);
      },
      close: (partition) => reader?.close(partition),
      pause: (partition) => reader?.pause(partition),
      resume: (partition) => reader?.resume(partition),
      watermarks: async (partition) => current().watermarks(partition),
      fetchOne: async (partition, offset) => current().fetchOne(partition, offset),
    },
    parse: parseCommand,
    announce: announcer.announce,
    publish: publisher.publish,
    startPublishing: publisher.startOver,
    now,
    schedule: (ms, run) => {
      const timer = setTimeout(run, ms);
      return () => {
        clearTimeout(timer);
      };
    },
    observer: writerMetrics.observer,
    log,
  };

  const operators = await startOperatorServer({
    host: config.httpHost,
    port: config.httpPort,
    metrics,
    log,
    readiness: () => [...servers(ownership, reader, readerFault), ...halted(status())],
  });

  /** Connects, and connects anew when the reader has given up. Where the topic is another one the process stays up, not ready. */
  async function connect(): Promise<OpenedLine | null> {
    const opened = await openLine({
      create: (onCrash) =>
        createLineReader({ brokers: config.kafkaBrokers, topic: config.commandsTopic, clientId: instance, log, onCrash }),
      onAway: (fault) => {
        readerFault = fault;
        log.warn({ code: fault.code, err: fault.message }, 'Kafka is away, waiting for it');
      },
      onCrash: (fault) => {
        readerFault = fault;
        reader = undefined;
        log.error({ code: fault.code, err: fault.message }, 'the reader of the line has stopped');
        reopen().catch(lifecycle.crash);
      },
      stopping: () => stopping,
      pause: () => pause(kafkaRetryMs),
    });
    if (opened !== null) {
      readerFault = undefined;
      reader = opened.reader;
    }
    return opened;
  }

  async function reopen(): Promise<void> {
    await ownership?.suspend('the reader of the line has stopped');
    if (readerFault instanceof TerminalFault) return;
    await pause(kafkaRetryMs);
    if ((await connect()) !== null) ownership?.resume();
  }

  const opened = await connect();
  if (opened === null) return;
  ownership = createOwnership({
    partitions: config.partitions,
    // Unique even where two processes were given one INSTANCE_ID: an owner may take over from itself.
    owner: `${instance}@${hostname()}/${String(process.pid)}-${randomBytes(4).toString('hex')}`,
    clusterId: opened.clusterId,
    ports,
    limits: DEFAULT_LIMITS,
    leases: DEFAULT_LEASES,
    crash: lifecycle.crash,
  });
  ownership.start();
  log.info(
    {
      partitions: config.partitions.length,
      database: withoutPassword(config.databaseUrl),
      brokers: config.kafkaBrokers,
      http_port: operators.port,
    },
    'writer started',
  );

  async function measureLag(): Promise<void> {
    for (const entry of status()) {
      if (entry.kind !== 'owned' || entry.figures.hotSales === 0) continue;
      try {
        const { high } = await current().watermarks(entry.partition);
        writerMetrics.setLag(entry.partition, Math.max(0, high - entry.figures.committedOffset));
      } catch (error) {
        if (!(error instanceof RetryableFault)) throw error;
        break;
      }
    }
    if (!stopping) setTimeout(() => void measureLag().catch(lifecycle.crash), lagEveryMs).unref();
  }
  await measureLag();
}

function servers(
  ownership: Ownership | undefined,
  reader: LineReader | undefined,
  fault: RetryableFault | TerminalFault | undefined,
): Dependency[] {
  const answeredAt = ownership?.ledgerAnsweredAt() ?? null;
  const ledgerReady = answeredAt !== null && now() - answeredAt < ledgerSilentMsMax;
  return [
    reader === undefined
      ? {
          name: 'kafka',
          ready: false,
          reason: fault === undefined ? 'not connected yet; is KAFKA_BROKERS right and the broker up?' : `${fault.code}: ${fault.message}`,
        }
      : { name: 'kafka', ready: true },
    ledgerReady
      ? { name: 'postgres', ready: true }
      : { name: 'postgres', ready: false, reason: 'no answer for some seconds; is DATABASE_URL right, the server up and migrated?' },
  ];
}

function halted(status: readonly PartitionStatus[]): Dependency[] {
  return status.flatMap((entry) =>
    entry.kind === 'halted'
      ? [
          {
            name: `partition ${String(entry.partition satisfies Partition)}`,
            ready: false,
            reason: `${entry.fault.code}: ${entry.fault.message}`,
          },
        ]
      : [],
  );
}

main().catch((error: unknown) => {
  process.stderr.write(
    `${JSON.stringify({ level: 'fatal', service: 'writer', msg: error instanceof Error ? error.message : String(error) })}\n`,
  );
  process.exit(error instanceof TerminalFault ? EXIT.terminal : EXIT.bug);
});
