import { connect } from 'node:net';
import { testServers } from './servers.ts';

/** How long a server may take to accept a connection. */
const connectMs = 2_000;

/** Runs once before all integration tests: says which server is away, before sixty tests say it in sixty ways. */
export default async function globalSetup(): Promise<void> {
  const servers = testServers();
  const redis = new URL(servers.redisUrl);
  const postgres = new URL(servers.databaseOwnerUrl);
  const wanted: readonly (readonly [string, string, number])[] = [
    ['PostgreSQL', postgres.hostname, Number(postgres.port)],
    ['Redis', redis.hostname, Number(redis.port)],
    ...servers.kafkaBrokers.map((broker) => ['Kafka', broker.split(':')[0]!, Number(broker.split(':')[1])] as const),
  ];
  const answers = await Promise.all(
    wanted.map(async ([name, host, port]) => ((await accepts(host, port)) ? null : `${name} at ${host}:${port}`)),
  );
  const away = answers.filter((answer) => answer !== null);
  if (away.length > 0) throw new Error(`No answer from ${away.join(', ')}. Run "make test", or "make up" and then the tests by hand.`);
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: connectMs });
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
    socket.once('timeout', () => end(false));
  });
}
