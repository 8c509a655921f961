import { connectRedis, endRedis, type RedisLog } from './connect.ts';
import { encodeOrders, encodeReplies, ordersChannel, repliesChannel } from './format.ts';
import type { Announcement, Announcer } from './replies.ts';

export interface AnnouncerOptions {
  readonly redisUrl: string;
  /** An announcement takes no longer; default 100. */
  readonly announceMsMax?: number;
  /** Announcements under way; further ones are dropped. Default 64. */
  readonly announcementsMax?: number;
  readonly log?: RedisLog;
}

/** Announcements without an answer before the connection is made anew. */
const failuresInARowMax = 3;

/**
 * Tells the API processes what was committed, by Redis. Whatever cannot be told within the bound is
 * dropped and counted: whoever waits for it looks into the ledger.
 */
export function createAnnouncer(options: AnnouncerOptions): Announcer {
  const announcementsMax = options.announcementsMax ?? 64;
  const redis = connectRedis(options.redisUrl, 'announcer', options.announceMsMax ?? 100, options.log);
  const isReady = (): boolean => redis.status === 'ready';
  let underWay = 0;
  let sent = 0;
  let dropped = 0;
  let failuresInARow = 0;

  async function announce({ replies, settledOrders }: Announcement): Promise<void> {
    const told = replies.length + settledOrders.length;
    if (told === 0) return;
    if (!isReady() || underWay >= announcementsMax) {
      dropped += told;
      return;
    }
    underWay += 1;
    try {
      const { messages, unaddressed } = encodeReplies(replies);
      const publishing = [...messages].map(([instance, message]) => redis.publish(repliesChannel(instance), message));
      if (settledOrders.length > 0) publishing.push(redis.publish(ordersChannel, encodeOrders(settledOrders)));
      await Promise.all(publishing);
      failuresInARow = 0;
      sent += told - unaddressed;
      dropped += unaddressed;
    } catch {
      dropped += told;
      failuresInARow += 1;
      // A connection that died without a word never closes by itself.
      if (failuresInARow >= failuresInARowMax && isReady()) {
        failuresInARow = 0;
        redis.disconnect(true);
      }
    } finally {
      underWay -= 1;
    }
  }

  return {
    announce,
    counts: () => ({ sent, dropped }),
    close: () => {
      endRedis(redis);
      return Promise.resolve();
    },
  };
}
