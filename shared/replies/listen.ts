import { assert } from '#shared/faults/assert.ts';
import { connectRedis, endRedis, type RedisLog } from './connect.ts';
import { isInstance, ordersChannel, parseOrders, parseReplies, repliesChannel, toReplyTo } from './format.ts';
import type { Reply, ReplyListener } from './replies.ts';
import { createWaiters } from './waiters.ts';

export interface ReplyListenerOptions {
  readonly redisUrl: string;
  /** This process, 1-64 characters of `A-Z a-z 0-9 _ . -`; no other process may have the same. */
  readonly instance: string;
  /** Requests that may wait at once, and as many orders; default 20,000. */
  readonly waitersMax?: number;
  readonly log?: RedisLog;
}

const tickMs = 25;
const commandMsMax = 1_000;
/** A connection that died without a word is found out by then. */
const pingMs = 3_000;

/**
 * Hears the replies to this process's requests. Modes: away (nothing is heard) and
 * connected (subscribed); every new connection subscribes again. What was said while
 * away is not repeated: a waiter's time runs out and it looks into the ledger.
 */
export function createReplyListener(options: ReplyListenerOptions): ReplyListener {
  const { instance } = options;
  assert(isInstance(instance), `INSTANCE_ID has 1-64 characters of A-Z a-z 0-9 _ . -, not "${instance}"`);
  const waitersMax = options.waitersMax ?? 20_000;
  const waiters = createWaiters<Reply>(waitersMax, tickMs);
  const orders = createWaiters<true>(waitersMax, tickMs);
  const channel = repliesChannel(instance);
  const redis = connectRedis(options.redisUrl, `replies-${instance}`, commandMsMax, options.log);
  let subscribed = false;
  let received = 0;
  let malformed = 0;
  // Starts anywhere, so that a reply to an earlier process of the same name reaches nobody.
  let lastWaiter = Math.floor(Math.random() * 2 ** 40);

  redis.on('ready', () => {
    redis.subscribe(channel, ordersChannel).then(
      () => {
        subscribed = true;
      },
      () => {
        if (redis.status === 'ready') redis.disconnect(true);
      },
    );
  });
  redis.on('close', () => {
    subscribed = false;
  });
  redis.on('message', (from: string, message: string) => {
    if (from === channel) {
      const parsed = parseReplies(instance, message);
      received += parsed.replies.length;
      malformed += parsed.malformed;
      for (const reply of parsed.replies) waiters.answer(reply.replyTo, reply);
    } else if (from === ordersChannel) {
      const parsed = parseOrders(message);
      malformed += parsed.malformed;
      for (const order of parsed.orders) orders.answer(order, true);
    }
  });
  const pinging = setInterval(() => {
    if (!subscribed) return;
    redis.ping().catch(() => {
      if (redis.status === 'ready') redis.disconnect(true);
    });
  }, pingMs);
  pinging.unref();

  return {
    newReplyTo: () => {
      lastWaiter += 1;
      return toReplyTo(instance, lastWaiter.toString(36));
    },
    waitFor: waiters.wait,
    forget: (replyTo) => {
      waiters.answer(replyTo, null);
    },
    onOrderSettled: async (orderId, timeoutMs) => (await orders.wait(orderId, timeoutMs)) === true,
    connected: () => subscribed,
    counts: () => ({
      waiting: waiters.waiting() + orders.waiting(),
      received,
      malformed,
      refused: waiters.refused() + orders.refused(),
    }),
    close: () => {
      clearInterval(pinging);
      waiters.close();
      orders.close();
      endRedis(redis);
      return Promise.resolve();
    },
  };
}
