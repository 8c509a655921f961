import { join } from 'node:path';
import { Redis } from 'ioredis';
import { messageOf } from './failure.ts';
import type { Part, StackContext } from './part.ts';
import { ownFolder, writeFor } from './server-user.ts';

/** Redis 7 from the system's package: caches, reply channels, rate-limit buckets; never truth. */

const askMsMax = 2_000;

/** redis.conf of a store that may be lost at any moment. */
export function redisConf({ port, folder }: { port: number; folder: string }): string {
  const settings: readonly (readonly [string, string])[] = [
    ['bind', '127.0.0.1'],
    ['port', String(port)],
    ['protected-mode', 'yes'],
    ['daemonize', 'no'],
    ['dir', folder],
    // Nothing here is truth: a restart with an empty cache is slower, not wrong, and no fork ever doubles the memory.
    ['save', '""'],
    ['appendonly', 'no'],
    ['maxmemory', '512mb'],
    // Full: forget what was used least. `noeviction` would refuse writes and so turn a full cache into failing requests;
    // the `volatile-` policies would too, once keys without expiry fill the memory.
    ['maxmemory-policy', 'allkeys-lru'],
    ['maxmemory-samples', '5'],
    // Replies of large batches: an API process that pauses for a moment must not lose its channel.
    ['client-output-buffer-limit', 'pubsub 128mb 64mb 30'],
    ['tcp-backlog', '511'],
    ['timeout', '0'],
    ['tcp-keepalive', '60'],
    ['hz', '10'],
    ['loglevel', 'notice'],
    ['logfile', '""'],
  ];
  return `# Written by deploy/local/redis.ts at each start.\n${settings.map(([name, value]) => `${name} ${value}`).join('\n')}\n`;
}

function confOf(context: StackContext): string {
  return join(context.serversHome, 'redis', 'redis.conf');
}

export const redis: Part = {
  name: 'redis',
  kind: 'server',
  port: (layout) => layout.ports.redis,
  async prepare(context) {
    const folder = ownFolder(join(context.serversHome, 'redis'), context.user);
    writeFor(context.user, confOf(context), redisConf({ port: context.layout.ports.redis, folder }));
  },
  command: (context) => ({
    file: 'redis-server',
    args: [confOf(context)],
    env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/bin:/bin`, LC_ALL: 'C' },
    cwd: '/',
  }),
  async ready({ layout }) {
    const client = new Redis({
      host: '127.0.0.1',
      port: layout.ports.redis,
      lazyConnect: true,
      connectTimeout: askMsMax,
      commandTimeout: askMsMax,
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.ping();
      return null;
    } catch (error) {
      return messageOf(error);
    } finally {
      client.disconnect();
    }
  },
  stopSignal: 'SIGTERM',
  // It does next to nothing, and an answer that comes late by it is looked up in the ledger instead.
  goesFirst: true,
};
