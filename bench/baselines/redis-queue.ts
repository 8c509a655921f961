import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import type { Contender } from './contender.ts';

/** The stock in Redis, taken by a script that also queues the reservation; a worker writes the queue to PostgreSQL behind it. */

const TAKE = `
if tonumber(redis.call('GET', KEYS[1])) <= 0 then return 0 end
redis.call('DECR', KEYS[1])
redis.call('XADD', KEYS[2], '*', 'id', ARGV[1], 'user', ARGV[2])
return 1`;
const batchMax = 2_000;
const blockMs = 50;
const lookEveryMs = 20;

export const REDIS_QUEUE: Contender = {
  name: 'redis-queue',
  what: 'a Redis script decrements and queues (append-only file, synced each second); a worker writes batches to PostgreSQL',
  clients: [64, 256],
  async open({ databaseUrl, redisUrl }, stock) {
    const tag = `bench:${randomUUID()}`;
    const keys = [`${tag}:stock`, `${tag}:queue`];
    const database = new Client({ connectionString: databaseUrl });
    await database.connect();
    await database.query(`CREATE TABLE reservations (id uuid PRIMARY KEY, user_ref uuid NOT NULL, status text NOT NULL)`);
    // Requests that are made while a script is under way travel together.
    const redis = new Redis(redisUrl, { enableAutoPipelining: true });
    const queue = new Redis(redisUrl);
    const before = await redis.config('GET', 'appendonly');
    await redis.config('SET', 'appendonly', 'yes');
    await redis.set(keys[0]!, stock);
    const sha = (await redis.script('LOAD', TAKE)) as string;

    let told = 0;
    let written = 0;
    let ended = false;
    const working = (async () => {
      for (let from = '0-0'; !ended;) {
        const read = await queue.xread('COUNT', batchMax, 'BLOCK', blockMs, 'STREAMS', keys[1]!, from);
        const entries = read?.[0]?.[1] ?? [];
        if (entries.length === 0) continue;
        await database.query({
          name: 'persist',
          text: `INSERT INTO reservations SELECT id, user_ref, 'held' FROM unnest($1::uuid[], $2::uuid[]) AS row (id, user_ref)`,
          values: [entries.map(([, fields]) => fields[1]), entries.map(([, fields]) => fields[3])],
        });
        written += entries.length;
        from = entries.at(-1)![0];
      }
    })();
    return {
      async reserve() {
        const taken = (await redis.evalsha(sha, 2, ...keys, randomUUID(), randomUUID())) === 1;
        if (taken) told += 1;
        return taken;
      },
      async settle() {
        while (written < told) await pause(lookEveryMs);
        return Number((await database.query<{ n: string }>('SELECT count(*) AS n FROM reservations')).rows[0]!.n);
      },
      atRisk: 'up to a second of what was told',
      async close() {
        ended = true;
        await working;
        await redis.unlink(...keys);
        await redis.config('SET', 'appendonly', before[1]!);
        redis.disconnect();
        queue.disconnect();
        await database.end();
      },
    };
  },
};
