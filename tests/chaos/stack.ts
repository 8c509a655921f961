import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from 'pg';
import { clear } from '#deploy/local/clear.ts';
import { secretsOf } from '#deploy/local/environment.ts';
import { askHttp } from '#deploy/local/nginx.ts';
import { contextOf, partNamed } from '#deploy/local/open.ts';
import type { Command, StackContext } from '#deploy/local/part.ts';
import { databaseUrl, OWNER_ROLE, postgresDataOf } from '#deploy/local/postgres.ts';
import { stopProcess } from '#deploy/local/processes.ts';
import { up } from '#deploy/local/up.ts';
import { openProxy, type Proxy } from '../proxy.ts';
import { unmountAll } from './mounts.ts';
import { watchServices, type Services } from './processes.ts';
import { createServers, type Server, type Servers } from './servers.ts';

/**
 * The harness's own stack: servers by deploy/local, our services as its children, and between the two a proxy
 * for each way that a fault can befall. Started once, healed after each round, made afresh where a fault
 * leaves what no healing mends.
 */
export interface Stack {
  readonly context: StackContext;
  readonly servers: Servers;
  readonly services: Services;
  readonly userRefSecret: string;
  readonly brokers: string;
  urlOf(service: Service): string;
  way(from: Client_, to: Server): Proxy;
  /** A query as the owner of the tables, past every proxy. */
  query<Row extends object>(text: string, values?: readonly unknown[]): Promise<Row[]>;
  start(service: Service, environment?: Readonly<Record<string, string>>): void;
  /** The writer that owns the partition, by the ledger; null where nobody does. */
  ownerOf(partition: number): Promise<Writer | null>;
  /** Why a service is not ready, by dependency; null where it does not answer. */
  readiness(service: Service): Promise<readonly { readonly name: string; readonly reason: string }[] | null>;
  /** Everything runs, nothing is in the way, everybody is ready. */
  heal(): Promise<void>;
  /** As after the first start: no sale, an empty line. */
  startAfresh(): Promise<void>;
  close(): Promise<void>;
}

export const WRITERS = ['writer', 'writer-standby', 'writer-third', 'writer-fourth'] as const;
export type Writer = (typeof WRITERS)[number];
const ALWAYS = ['gateway-sim', 'writer', 'writer-standby', 'payment', 'reserve', 'checkout', 'scheduler'] as const;
export type Service = (typeof ALWAYS)[number] | Writer;

/** Who has a way of its own to each server: the two edge services share one. The others go straight. */
const CLIENTS = ['writer', 'writer-standby', 'edge', 'payment'] as const;
export type Client_ = (typeof CLIENTS)[number];
const clientOf: Partial<Record<Service, Client_>> = {
  writer: 'writer',
  'writer-standby': 'writer-standby',
  reserve: 'edge',
  checkout: 'edge',
  payment: 'payment',
};

const portOffset = 20_000;
/** Kafka's listener for each client, and the proxy it is told to come by. */
const kafkaPorts = (index: number) => ({ listen: 9_210 + portOffset + index, advertised: 9_310 + portOffset + index });
const furtherWriterPorts: Partial<Record<Service, number>> = { 'writer-third': 8_123 + portOffset, 'writer-fourth': 8_133 + portOffset };
const healMsMax = 90_000;
const pollMs = 50;
const partsAtStart = ['postgres', 'kafka', 'redis'] as const;
const FRESH = 'fresh';

/** @param environment of this process; the stack's own addresses are set here */
export async function openStack(environment: Readonly<Record<string, string | undefined>>, say: (line: string) => void): Promise<Stack> {
  const own = {
    ...environment,
    FIRSTCOME_HOME: '.local/chaos',
    PORT_OFFSET: String(portOffset),
    STACK_ONLY: '',
    AUTH_MODE: 'dev',
    NODE_ENV: 'test',
    LINE_PARTITIONS: '32',
    LOG_LEVEL: 'info',
    KAFKA_PROXIED: CLIENTS.map((_, index) => `${kafkaPorts(index).listen}:${kafkaPorts(index).advertised}`).join(),
  };
  await clearLeftovers(contextOf({ environment: own }), own);
  // Only now: the stack's secrets were cleared with the rest.
  const context = contextOf({ environment: own, say });
  const { layout } = context;
  await up({ environment: own, only: partsAtStart, say });
  const servers = createServers(context);
  for (const server of ['postgres', 'kafka'] as const) {
    await servers.stop(server);
    servers.keepCopy(server, FRESH);
  }
  await Promise.all([servers.start('postgres'), servers.start('kafka')]);

  const ways = new Map<string, Proxy>();
  for (const [index, client] of CLIENTS.entries()) {
    ways.set(`${client} postgres`, await openProxy('127.0.0.1', layout.ports.postgres));
    ways.set(`${client} redis`, await openProxy('127.0.0.1', layout.ports.redis));
    ways.set(`${client} kafka`, await openProxy('127.0.0.1', kafkaPorts(index).listen, kafkaPorts(index).advertised));
  }
  const way = (from: Client_, to: Server): Proxy => ways.get(`${from} ${to}`)!;
  const services = watchServices(layout);

  const portOf = (service: Service): number => furtherWriterPorts[service] ?? layout.ports[service as keyof typeof layout.ports];

  function commandOf(service: Service, further: Readonly<Record<string, string>>): Command {
    const command = partNamed(service in furtherWriterPorts ? 'writer' : service).command(context);
    const client = clientOf[service];
    const through = client === undefined ? {} : addressesThrough(client, command.env);
    return {
      ...command,
      env: {
        ...command.env,
        HTTP_PORT: String(portOf(service)),
        INSTANCE_ID: service,
        ...QUICK_PAYMENTS,
        ...journalOf(layout.home),
        ...through,
        ...further,
      },
    };
  }

  function addressesThrough(client: Client_, env: Readonly<Record<string, string>>): Record<string, string> {
    const database = new URL(env['DATABASE_URL']!);
    database.port = String(way(client, 'postgres').port);
    return {
      DATABASE_URL: database.href,
      REDIS_URL: `redis://127.0.0.1:${way(client, 'redis').port}`,
      KAFKA_BROKERS: `127.0.0.1:${way(client, 'kafka').port}`,
    };
  }

  const startService = (service: Service, further: Readonly<Record<string, string>> = {}): void => {
    services.start(service, commandOf(service, further), portOf(service));
  };

  async function query<Row extends object>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    const client = new Client({
      connectionString: databaseUrl(layout, OWNER_ROLE),
      connectionTimeoutMillis: 3_000,
      application_name: 'chaos',
    });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query<Row>(text, [...values])).rows;
    } finally {
      await client.end();
    }
  }

  async function untilReady(): Promise<void> {
    const deadline = performance.now() + healMsMax;
    for (const service of ALWAYS) {
      for (;;) {
        const reason = await askHttp(portOf(service), '/readyz');
        if (reason === null) break;
        if (performance.now() > deadline)
          throw new Error(
            `${service} is not ready ${healMsMax} ms after everything was mended: ${reason}. See ${layout.home}/${service}/log`,
          );
        await pause(pollMs);
      }
    }
  }

  async function heal(): Promise<void> {
    for (const proxy of ways.values()) proxy.restore();
    for (const server of partsAtStart) servers.signal(server, 'SIGCONT');
    for (const service of services.running()) services.signal(service, 'SIGCONT');
    await Promise.all(partsAtStart.map((server) => servers.start(server)));
    for (const extra of ['writer-third', 'writer-fourth'] as const) await services.stop(extra);
    for (const service of ALWAYS) if (!services.running().includes(service)) startService(service);
    await untilReady();
  }

  /** At once; nothing of it is worth an orderly end. */
  async function stopEverything(): Promise<void> {
    for (const service of services.running()) services.signal(service, 'SIGCONT');
    await Promise.all(services.running().map((service) => services.stop(service, 'SIGKILL')));
    for (const server of partsAtStart) {
      servers.signal(server, 'SIGCONT');
      await servers.kill(server, 'SIGKILL');
      await servers.stop(server);
    }
    unmountAll(postgresDataOf(context));
  }

  return {
    context,
    servers,
    services,
    userRefSecret: secretsOf(layout)['USER_REF_SECRET']!,
    brokers: `127.0.0.1:${layout.ports.kafka}`,
    urlOf: (service) => `http://127.0.0.1:${portOf(service)}`,
    way,
    query,
    start: startService,
    async ownerOf(partition) {
      const [row] = await query<{ owner: string | null }>('SELECT owner FROM partitions WHERE partition = $1 AND lease_until > now()', [
        partition,
      ]);
      const instance = row?.owner?.split('@')[0];
      return WRITERS.find((writer) => writer === instance) ?? null;
    },
    async readiness(service) {
      try {
        const response = await fetch(`http://127.0.0.1:${portOf(service)}/readyz`, { signal: AbortSignal.timeout(2_000) });
        const { dependencies } = (await response.json()) as { dependencies: { name: string; ready: boolean; reason?: string }[] };
        return dependencies.filter(({ ready }) => !ready).map(({ name, reason }) => ({ name, reason: reason ?? '' }));
      } catch {
        return null;
      }
    },
    heal,
    async startAfresh() {
      await stopEverything();
      for (const server of ['postgres', 'kafka'] as const) servers.putBack(server, FRESH);
      services.takeExits();
      await heal();
    },
    async close() {
      await stopEverything();
      for (const proxy of ways.values()) await proxy.close();
      await clear(own);
    },
  };
}

/** A gateway that does not answer is given up on sooner, and asked again sooner, than in production. */
const QUICK_PAYMENTS = { PAYMENT_TIMEOUT_MS: '700', PAYMENT_RETRY_BASE_MS: '100', PAYMENT_LEASE_MS: '2000' };

const journalOf = (home: string): Record<string, string> => ({ GATEWAY_JOURNAL: join(home, 'gateway-sim', 'journal.ndjson') });

/** What a harness that was killed left: `down` knows the stack's own parts only, and nothing of mounts. */
async function clearLeftovers(context: StackContext, environment: Readonly<Record<string, string | undefined>>): Promise<void> {
  const { home } = context.layout;
  const folders = readdirSync(home, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const { name } of folders) await stopProcess(join(home, name, 'pid'), 'SIGKILL', 1_000);
  unmountAll(postgresDataOf(context));
  await clear(environment);
}
