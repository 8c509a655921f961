import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import type { OrderId, SaleId, Seq } from '#schemas/ids.ts';
import { createAnnouncer } from '#shared/replies/announce.ts';
import { repliesChannel } from '#shared/replies/format.ts';
import { createReplyListener } from '#shared/replies/listen.ts';
import type { Announcer, Reply, ReplyListener } from '#shared/replies/replies.ts';
import { openProxy, type Proxy } from '../proxy.ts';
import { testServers } from './setup/servers.ts';

/** Replies through a real Redis, and what happens when it goes away. */

const { redisUrl } = testServers();
const sale = 'sale_1' as SaleId;
const order = '01234567-89ab-8def-8123-456789abcdef' as OrderId;
const nothing = { replies: [], settledOrders: [] };

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`never came true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('replies', () => {
  let proxy: Proxy;
  let instance: string;
  let announcer: Announcer;
  let listener: ReplyListener;
  let redis: Redis;

  beforeEach(async () => {
    const url = new URL(redisUrl);
    proxy = await openProxy(url.hostname, Number(url.port));
    url.hostname = '127.0.0.1';
    url.port = String(proxy.port);
    instance = `test-${randomBytes(4).toString('hex')}`;
    announcer = createAnnouncer({ redisUrl: url.href });
    listener = createReplyListener({ redisUrl: url.href, instance, waitersMax: 100 });
    redis = new Redis(redisUrl);
    await until('connected', heard);
  });
  afterEach(async () => {
    await Promise.all([announcer.close(), listener.close(), redis.quit()]);
    await proxy.close();
  });

  /** Both ends have their connection: a reply goes through. */
  async function heard(): Promise<boolean> {
    if (!listener.connected()) return false;
    const replyTo = listener.newReplyTo();
    const reply = listener.waitFor(replyTo, 200);
    await announcer.announce({ ...nothing, replies: [{ kind: 'unknown_sale', replyTo, saleId: sale }] });
    return (await reply) !== null;
  }

  it('reach the one who waits, in one message for all of an instance', async () => {
    const replies: Reply[] = Array.from({ length: 50 }, (_, index) => ({
      kind: 'decided',
      replyTo: listener.newReplyTo(),
      leaf: JSON.stringify({ seq: index, name: 'ü b' }),
    }));
    replies.push({ kind: 'repeated', replyTo: listener.newReplyTo(), saleId: sale, seq: 7 as Seq });
    const waiting = replies.map(({ replyTo }) => listener.waitFor(replyTo, 5_000));
    let messages = 0;
    const eavesdropper = redis.duplicate();
    await eavesdropper.subscribe(repliesChannel(instance));
    eavesdropper.on('message', () => (messages += 1));
    await announcer.announce({ ...nothing, replies });
    expect(await Promise.all(waiting)).toEqual(replies);
    await eavesdropper.quit();
    expect(messages).toBe(1);
    expect(listener.counts()).toMatchObject({ waiting: 0, malformed: 0 });
  });

  it('tell everyone who waits for an order that it is settled', async () => {
    const waiting = [listener.onOrderSettled(order, 5_000), listener.onOrderSettled(order, 5_000)];
    await announcer.announce({ ...nothing, settledOrders: [order] });
    expect(await Promise.all(waiting)).toEqual([true, true]);
    expect(await listener.onOrderSettled(order, 20)).toBe(false);
  });

  it('that are malformed are counted and passed over', async () => {
    const replyTo = listener.newReplyTo();
    const reply = listener.waitFor(replyTo, 5_000);
    await redis.publish(repliesChannel(instance), `nonsense\nu ${replyTo.split('/')[1]!} ${sale}`);
    expect(await reply).toEqual({ kind: 'unknown_sale', replyTo, saleId: sale });
    expect(listener.counts().malformed).toBe(1);
  });

  it('that nobody gives let the one who waits go in time, and at once where too many wait', async () => {
    const replyTo = listener.newReplyTo();
    expect(await listener.waitFor(replyTo, 30)).toBeNull();
    const waiting = Array.from({ length: 100 }, () => listener.waitFor(listener.newReplyTo(), 60_000));
    expect(await listener.waitFor(replyTo, 60_000)).toBeNull();
    expect(listener.counts()).toMatchObject({ waiting: 100, refused: 1 });
    await listener.close();
    expect(await Promise.all(waiting)).toEqual(waiting.map(() => null));
  });

  it.each(['cut', 'silence'] as const)(
    'are dropped within the bound while Redis is away (%s), and come through when it is back',
    async (how) => {
      proxy[how]();
      for (let index = 0; index < 3; index += 1) {
        const startedAt = performance.now();
        await announcer.announce({
          replies: [{ kind: 'unknown_sale', replyTo: listener.newReplyTo(), saleId: sale }],
          settledOrders: [order],
        });
        expect(performance.now() - startedAt).toBeLessThan(300);
      }
      expect(announcer.counts().dropped).toBeGreaterThanOrEqual(6);
      await until('noticed', () => !listener.connected());
      proxy.restore();
      await until('heard again', heard);
    },
  );
});
