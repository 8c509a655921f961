import net from 'node:net';
import tls from 'node:tls';
import { Kafka, logLevel, type ISocketFactory, type KafkaConfig } from 'kafkajs';
import { growEncodersAsWanted } from './kafkajs-encoders.ts';
import { silenceIdleTimer } from './kafkajs-idle-timer.ts';
import { emptySpentRequests } from './kafkajs-spent-requests.ts';
import type { LineLog } from './line.ts';
import { registerZstd } from './zstd.ts';

growEncodersAsWanted();
silenceIdleTimer();
emptySpentRequests();
registerZstd();

/** How the brokers are reached: the same for every part of the line. */
export interface KafkaAccess {
  /** `host:port`, at least one. */
  readonly brokers: readonly string[];
  /** Shown in the brokers' logs and quotas; default `firstcome`. */
  readonly clientId?: string;
  readonly ssl?: tls.ConnectionOptions | boolean;
  readonly sasl?: Extract<KafkaConfig['sasl'], { mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512' }>;
  readonly log?: LineLog;
  /** Where a broker that says it is at `address` is reached, for a way through a proxy; default: there. */
  readonly reach?: (address: BrokerAddress) => BrokerAddress;
}

export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

const connectionTimeoutMs = 1_000;
const keepAliveMs = 60_000;

export const silentLog: LineLog = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Nagle's algorithm holds a small request back until the one before is acknowledged; the line is made of small requests. */
function socketFactory(reach: (address: BrokerAddress) => BrokerAddress): ISocketFactory {
  return ({ host, port, ssl, onConnect }) => {
    // kafkajs passes null where TLS is off, whatever its types say.
    const options = ssl as tls.ConnectionOptions | null | undefined;
    const address = reach({ host, port });
    const socket =
      options === undefined || options === null
        ? net.connect({ ...address }, onConnect)
        : tls.connect({ ...address, ...(net.isIP(host) === 0 ? { servername: host } : {}), ...options }, onConnect);
    socket.setKeepAlive(true, keepAliveMs);
    socket.setNoDelay(true);
    return socket;
  };
}

/**
 * A kafkajs client with the line's sockets and log.
 *
 * @param tuning overrides per use; `onLibraryLog` sees every line the library logs at level error or warn.
 */
export function createKafka(
  access: KafkaAccess,
  tuning: Pick<KafkaConfig, 'requestTimeout' | 'retry'> & { readonly onLibraryLog?: (message: string, fields: object) => void } = {},
): Kafka {
  const { onLibraryLog, ...config } = tuning;
  const log = access.log ?? silentLog;
  return new Kafka({
    brokers: [...access.brokers],
    clientId: access.clientId ?? 'firstcome',
    ...(access.ssl === undefined ? {} : { ssl: access.ssl }),
    ...(access.sasl === undefined ? {} : { sasl: access.sasl }),
    connectionTimeout: connectionTimeoutMs,
    socketFactory: socketFactory(access.reach ?? ((address) => address)),
    logLevel: logLevel.WARN,
    // The library calls its own retries errors; what is one for us is logged by the parts that use it.
    logCreator:
      () =>
      ({ log: { message, ...fields } }) => {
        onLibraryLog?.(message, fields);
        log.info({ kafkajs: withoutStack(fields) }, message);
      },
    ...config,
  });
}

function withoutStack(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => name !== 'stack' && name !== 'timestamp' && name !== 'logger'));
}

/** What went wrong, through kafkajs's layers of causes. */
export function rootCause(error: unknown): Error {
  let cause = error instanceof Error ? error : new Error(String(error));
  for (let depth = 0; depth < 10 && cause.cause instanceof Error && cause.cause !== cause; depth += 1) cause = cause.cause;
  return cause;
}

/** Kafka's number for the error, where a broker gave one. */
export function kafkaErrorCode(error: unknown): number | undefined {
  const code = (rootCause(error) as { code?: unknown }).code;
  return typeof code === 'number' ? code : undefined;
}
