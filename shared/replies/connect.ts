import { Redis } from 'ioredis';

/** What a part that uses Redis as a shortcut tells its log. pino's logger fits. */
export interface RedisLog {
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
}

const connectMsMax = 1_000;
const reconnectMsMin = 50;
const reconnectMsMax = 1_000;

/**
 * A connection that is either there or not: nothing is queued while Redis is away, a command
 * without an answer within `commandMsMax` fails, and it reconnects by itself for ever.
 */
export function connectRedis(redisUrl: string, name: string, commandMsMax: number, log?: RedisLog): Redis {
  const redis = new Redis(redisUrl, {
    connectionName: `firstcome-${name}`,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    connectTimeout: connectMsMax,
    commandTimeout: commandMsMax,
    noDelay: true,
    keepAlive: 10_000,
    retryStrategy: (attempt) => Math.min(reconnectMsMax, reconnectMsMin * 2 ** Math.min(attempt, 6)),
  });
  let told = false;
  redis.on('error', (error: Error) => {
    // Each attempt to reconnect has an error of its own; one line an outage is enough.
    if (!told) log?.warn({ connection: name, error: error.message }, 'Redis is away: answers are found in the ledger meanwhile');
    told = true;
  });
  redis.on('ready', () => {
    if (told) log?.info({ connection: name }, 'Redis is back');
    told = false;
  });
  return redis;
}

/** Ends the connection without waiting for Redis. */
export function endRedis(redis: Redis): void {
  redis.disconnect();
}
