import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Kafka, logLevel, type Admin } from 'kafkajs';
import { commandsTopic, ensureTopic, eventsTopic } from '#shared/line/topics.ts';
import { messageOf, StackFailure } from './failure.ts';
import { kafkaLibsOf, type Layout } from './layout.ts';
import type { Part, StackContext } from './part.ts';
import { ownFolder, readableFolder, writeFor } from './server-user.ts';

/** Kafka 4.1 from Maven Central's jars, broker and controller in one process: the line. */

const askMsMax = 3_000;

export function brokersOf(layout: Layout): string {
  return `127.0.0.1:${layout.ports.kafka}`;
}

/** server.properties of a broker that is alone and shares two cores with everything else. */
export function serverProperties({
  port,
  controllerPort,
  data,
  proxied = [],
}: {
  port: number;
  controllerPort: number;
  data: string;
  proxied?: Layout['kafkaProxied'];
}): string {
  // A broker tells its clients where it is, and they go there: whoever comes through a proxy must be told the proxy's port.
  const further = proxied.map((_, index) => `PROXIED${index}`);
  const at = (ports: readonly number[]): string => further.map((name, index) => `,${name}://127.0.0.1:${ports[index]!}`).join('');
  const settings: Readonly<Record<string, string | number | boolean>> = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}${at(proxied.map(({ listen }) => listen))}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}${at(proxied.map(({ advertised }) => advertised))}`,
    'listener.security.protocol.map': ['PLAINTEXT', 'CONTROLLER', ...further].map((name) => `${name}:PLAINTEXT`).join(','),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': data,
    // Topics are made on purpose, with their partitions, or not at all.
    'auto.create.topics.enable': false,
    // One broker: whatever wants copies has one, and one partition is enough.
    'default.replication.factor': 1,
    'min.insync.replicas': 1,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 1,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'share.coordinator.state.topic.num.partitions': 1,
    'group.initial.rebalance.delay.ms': 0,
    // After a crash the broker waits until the session of its former self has ended: 9 s by default.
    'broker.session.timeout.ms': 4_000,
    'broker.heartbeat.interval.ms': 1_000,
    // Few threads: two cores are shared with the database and our own processes.
    'num.network.threads': 2,
    'num.io.threads': 2,
    'num.replica.fetchers': 1,
    'num.recovery.threads.per.data.dir': 2,
    'background.threads': 2,
    'log.cleaner.threads': 1,
    'log.cleaner.dedupe.buffer.size': 16 * 1024 * 1024,
    // Two topics with many partitions, most of them empty: no space is taken in advance.
    'log.preallocate': false,
    'log.segment.bytes': 256 * 1024 * 1024,
    'log.index.size.max.bytes': 2 * 1024 * 1024,
    'log.retention.check.interval.ms': 300_000,
    'controlled.shutdown.enable': true,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  return `# Written by deploy/local/kafka.ts at each start.\n${lines.join('\n')}\n`;
}

/** A cluster's id: 16 bytes, base64url. One that begins with a dash would be read as an option. */
export function clusterIdFrom(bytes: Buffer): string {
  return bytes.toString('base64url').replace(/^-/, 'A');
}

function folderOf(context: StackContext): string {
  return join(context.serversHome, 'kafka');
}

export function kafkaDataOf(context: StackContext): string {
  return join(folderOf(context), 'data');
}

function propertiesOf(context: StackContext): string {
  return join(folderOf(context), 'server.properties');
}

function pomHash(layout: Layout): string {
  return createHash('sha256')
    .update(readFileSync(join(layout.root, 'deploy/local/kafka/pom.xml')))
    .digest('hex');
}

/** Whether the jars of the present pom.xml are there. */
export function jarsPresent(layout: Layout): boolean {
  const mark = join(kafkaLibsOf(layout), '.pom-sha256');
  return existsSync(mark) && readFileSync(mark, 'utf8') === pomHash(layout);
}

/** Has Maven fetch the jars; done once for each version of pom.xml. */
function fetchJars(context: StackContext): void {
  if (jarsPresent(context.layout)) return;
  const libs = kafkaLibsOf(context.layout);
  const fresh = `${libs}.${process.pid}`;
  context.say('kafka: fetching its jars from Maven Central (once, about a minute)');
  try {
    execFileSync(
      'mvn',
      [
        '-q',
        '-B',
        '-f',
        join(context.layout.root, 'deploy/local/kafka/pom.xml'),
        'dependency:copy-dependencies',
        `-DoutputDirectory=${fresh}`,
        '-DincludeScope=runtime',
      ],
      { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' },
    );
    if (!readdirSync(fresh).some((name) => name.startsWith('kafka_'))) throw new Error('Maven ended well, but copied no kafka_*.jar');
    writeFileSync(join(fresh, '.pom-sha256'), pomHash(context.layout));
    rmSync(libs, { recursive: true, force: true });
    renameSync(fresh, libs);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    const said = (error as { stdout?: string }).stdout?.split('\n').slice(0, 20).join('\n') ?? '';
    throw new StackFailure(
      `Kafka's jars could not be fetched: ${messageOf(error)}\n${said}\nCheck the network (Maven Central) and run this again.`,
    );
  }
}

function classpathOf(context: StackContext): string {
  const libs = readableFolder(kafkaLibsOf(context.layout), join(folderOf(context), 'libs'), pomHash(context.layout), context.user);
  return `${libs}/*`;
}

function log4jOf(context: StackContext): string {
  return `-Dlog4j2.configurationFile=file:${join(folderOf(context), 'log4j2.properties')}`;
}

function javaEnvironment(): Record<string, string> {
  const javaHome = process.env['JAVA_HOME'];
  return { PATH: process.env['PATH'] ?? '/usr/bin:/bin', ...(javaHome === undefined ? {} : { JAVA_HOME: javaHome }) };
}

/** `java` of JAVA_HOME, else of the path. */
export function javaProgram(environment: Readonly<Record<string, string | undefined>> = process.env): string {
  const home = environment['JAVA_HOME'];
  return home === undefined || home === '' ? 'java' : join(home, 'bin/java');
}

function formatData(context: StackContext): void {
  const data = kafkaDataOf(context);
  if (existsSync(join(data, 'meta.properties'))) return;
  ownFolder(data, context.user);
  try {
    execFileSync(
      javaProgram(),
      [
        log4jOf(context),
        '-Xmx128m',
        '-XX:TieredStopAtLevel=1',
        '-cp',
        classpathOf(context),
        'kafka.tools.StorageTool',
        'format',
        '-g',
        '-t',
        clusterIdFrom(randomBytes(16)),
        '-c',
        propertiesOf(context),
      ],
      {
        ...(context.user === undefined ? {} : { uid: context.user.uid, gid: context.user.gid }),
        cwd: '/',
        env: javaEnvironment(),
        stdio: ['ignore', 'pipe', 'pipe'],
        encoding: 'utf8',
      },
    );
  } catch (error) {
    rmSync(data, { recursive: true, force: true });
    throw new StackFailure(`Kafka's data folder ${data} could not be made: ${(error as { stderr?: string }).stderr ?? messageOf(error)}`);
  }
}

async function withAdmin<T>(layout: Layout, use: (admin: Admin) => Promise<T>): Promise<T> {
  const kafka = new Kafka({
    clientId: 'firstcome-stack',
    brokers: [brokersOf(layout)],
    logLevel: logLevel.NOTHING,
    connectionTimeout: askMsMax,
    requestTimeout: 15_000,
    retry: { retries: 0 },
  });
  const admin = kafka.admin();
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
}

/** Both topics with their partitions and settings. Partitions are added, never removed. */
async function settle({ layout }: StackContext): Promise<void> {
  const partitions = layout.linePartitions;
  await withAdmin(layout, async (admin) => {
    const existing = new Set(await admin.listTopics());
    const ours = [commandsTopic, eventsTopic].filter((topic) => existing.has(topic));
    if (ours.length === 0) return;
    const { topics } = await admin.fetchTopicMetadata({ topics: ours });
    for (const { name, partitions: found } of topics) {
      if (found.length < partitions) await admin.createPartitions({ topicPartitions: [{ topic: name, count: partitions }] });
      if (found.length <= partitions) continue;
      throw new StackFailure(
        `Topic ${name} has ${found.length} partitions and LINE_PARTITIONS is ${partitions}: set it to ${found.length}, partitions cannot be taken away.`,
      );
    }
  });
  await prepareTopics({ brokers: [brokersOf(layout)], partitions, copies: 1 });
}

/** Makes both topics where they are missing; throws TerminalFault `topic_unfit` where one is there and different. */
export async function prepareTopics({
  brokers,
  partitions,
  copies,
}: {
  brokers: string[];
  partitions: number;
  copies: number;
}): Promise<void> {
  const access = { brokers, clientId: 'firstcome-stack' };
  await Promise.all([commandsTopic, eventsTopic].map((topic) => ensureTopic({ ...access, topic, partitions, replicationFactor: copies })));
}

export const kafka: Part = {
  name: 'kafka',
  kind: 'server',
  port: (layout) => layout.ports.kafka,
  async prepare(context) {
    fetchJars(context);
    const { layout, user } = context;
    ownFolder(folderOf(context), user);
    writeFor(
      user,
      propertiesOf(context),
      serverProperties({
        port: layout.ports.kafka,
        controllerPort: layout.ports['kafka-controller'],
        data: kafkaDataOf(context),
        proxied: layout.kafkaProxied,
      }),
    );
    mkdirSync(folderOf(context), { recursive: true });
    writeFor(
      user,
      join(folderOf(context), 'log4j2.properties'),
      readFileSync(join(layout.root, 'deploy/local/kafka/log4j2.properties'), 'utf8'),
    );
    formatData(context);
  },
  command: (context) => ({
    file: javaProgram(),
    args: [
      '-Xms256m',
      '-Xmx768m',
      // Two cores: a collector with threads of its own would take one of them.
      '-XX:+UseSerialGC',
      '-Djava.awt.headless=true',
      log4jOf(context),
      '-cp',
      classpathOf(context),
      'kafka.Kafka',
      propertiesOf(context),
    ],
    env: javaEnvironment(),
    cwd: '/',
  }),
  async ready({ layout }) {
    try {
      const { brokers } = await withAdmin(layout, (admin) => admin.describeCluster());
      return brokers.length > 0 ? null : 'the broker has not registered yet';
    } catch (error) {
      return messageOf(error);
    }
  },
  settle,
  stopSignal: 'SIGTERM',
};
