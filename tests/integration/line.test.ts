import { randomBytes } from 'node:crypto';
import type { Event } from '#schemas/event.ts';
import type { Offset, Partition, SaleId, Seq } from '#schemas/ids.ts';
import { RetryableFault, TerminalFault } from '#shared/faults/faults.ts';
import { createEnqueuer } from '#shared/line/enqueue.ts';
import type { KafkaAccess } from '#shared/line/kafka-client.ts';
import type { Enqueuer, EventRange, LineReader, LineRecord } from '#shared/line/line.ts';
import { createLineReader } from '#shared/line/read-line.ts';
import { consumeSaleEvents, createEventPublisher } from '#shared/line/sale-events.ts';
import { deleteTopic, ensureTopic } from '#shared/line/topics.ts';
import { openProxy, type Proxy } from '../proxy.ts';
import { testServers } from './setup/servers.ts';

/** The line against a real Kafka: order, places, broker time, backpressure, and what happens when Kafka goes away. */

const brokers = testServers().kafkaBrokers;
const partitionCount = 8;
const partition = 3 as Partition;
const other = 5 as Partition;
const offset = (value: number): Offset => value as Offset;
const text = (record: LineRecord | null): string | undefined => record?.value?.toString();

/** Resolves when `holds`, looked at whenever something may have changed. */
function watcher() {
  let waiting: (() => void)[] = [];
  return {
    changed: (): void => {
      for (const look of waiting) look();
    },
    until: (holds: () => boolean): Promise<void> =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!holds()) return;
          waiting = waiting.filter((one) => one !== look);
          resolve();
        };
        waiting.push(look);
        look();
      }),
  };
}

/** Longer than a reader waits for an answer. */
const silentMs = 4_500;
const backWithinMs = 15_000;
/** The group waits for the session of the member that was cut off. */
const eventsBackWithinMs = 30_000;

describe('a line', () => {
  let topic: string;
  let enqueuer: Enqueuer;
  let proxy: Proxy;
  let throughProxy: KafkaAccess;
  const closing: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    const [host, port] = brokers[0]!.split(':');
    proxy = await openProxy(host!, Number(port));
    throughProxy = { brokers, reach: () => ({ host: '127.0.0.1', port: proxy.port }) };
  });
  afterAll(() => proxy.close());
  beforeEach(async () => {
    topic = `test-line-${randomBytes(4).toString('hex')}`;
    await ensureTopic({ brokers, topic, partitions: partitionCount });
    enqueuer = createEnqueuer({ brokers, topic });
  });
  afterEach(async () => {
    proxy.restore();
    await enqueuer.close();
    for (const close of closing.splice(0)) await close();
    await deleteTopic({ brokers }, topic);
  });

  async function startReader(options: Partial<Parameters<typeof createLineReader>[0]> = {}): Promise<LineReader> {
    const reader = createLineReader({
      brokers,
      topic,
      onCrash: (fault) => {
        throw fault;
      },
      ...options,
    });
    closing.push(reader.stop);
    await reader.start();
    return reader;
  }

  /** Opens a partition and keeps what comes. */
  function follow(reader: LineReader, from: number, at = partition) {
    const records: LineRecord[] = [];
    const { changed, until } = watcher();
    reader.open(at, offset(from), (batch) => {
      records.push(...batch);
      changed();
    });
    return { records, count: (wanted: number): Promise<void> => until(() => records.length >= wanted) };
  }

  const put = (value: string, at = partition): Promise<unknown> => enqueuer.enqueue(at, Buffer.from(value));
  const putMany = (count: number, at = partition): Promise<unknown> =>
    Promise.all(Array.from({ length: count }, (_, index) => put(`r${index}`, at)));

  it('takes records in the order in which they were handed in and says where each stands', async () => {
    const places = await Promise.all(Array.from({ length: 2_000 }, (_, index) => enqueuer.enqueue(partition, Buffer.from(`r${index}`))));
    expect(places).toEqual(Array.from({ length: 2_000 }, (_, index) => ({ partition, offset: index })));
    const reader = await startReader();
    const { records, count } = follow(reader, 0);
    await count(2_000);
    expect(records.map((record) => `${record.offset}${text(record)!}`)).toEqual(
      Array.from({ length: 2_000 }, (_, index) => `${index}r${index}`),
    );
    expect(enqueuer.health()).toMatchObject({ status: 'ready', recordsAcked: 2_000, recordsFailed: 0, recordsWaiting: 0 });
  });

  it('tells the broker’s time, whatever clock its writer has', async () => {
    await put('to connect', other);
    const before = Date.now();
    const clock = jest.spyOn(Date, 'now').mockReturnValue(1_000_000);
    const placed = put('a');
    await placed.finally(() => {
      clock.mockRestore();
    });
    const after = Date.now();
    const reader = await startReader();
    const { records, count } = follow(reader, 0);
    await count(1);
    expect(records[0]!.timestamp).toBeGreaterThanOrEqual(before - 1_000);
    expect(records[0]!.timestamp).toBeLessThanOrEqual(after + 1_000);
  });

  it('is read from any place, again and again, while other partitions go on', async () => {
    await Promise.all([putMany(50), putMany(50, other)]);
    const reader = await startReader();
    const elsewhere = follow(reader, 0, other);
    for (const from of [40, 0, 49, 20]) {
      const { records, count } = follow(reader, from);
      await count(50 - from);
      expect(records.map((record) => record.offset)).toEqual(Array.from({ length: 50 - from }, (_, index) => from + index));
      reader.close(partition);
    }
    await put('last', other);
    await elsewhere.count(51);
    expect(elsewhere.records.map((record) => record.offset)).toEqual(Array.from({ length: 51 }, (_, index) => index));
  });

  it('has a single record looked up, and goes on behind it', async () => {
    await putMany(5);
    const reader = await startReader();
    expect(await reader.watermarks(partition)).toEqual({ low: 0, high: 5 });
    expect(await reader.clusterId()).toMatch(/.+/);
    expect(text(await reader.fetchOne(partition, offset(2)))).toBe('r2');
    expect(await reader.fetchOne(partition, offset(5))).toBeNull();
    expect(await reader.fetchOne(other, offset(0))).toBeNull();
    const { records, count } = follow(reader, 3);
    await count(2);
    expect(records.map((record) => record.offset)).toEqual([3, 4]);
  });

  it('holds back what comes while a partition is paused, and only that one', async () => {
    const reader = await startReader({ heldRecordsMax: 100 });
    const { records, count } = follow(reader, 0);
    const elsewhere = follow(reader, 0, other);
    reader.pause(partition);
    await putMany(1_000);
    await putMany(1_000, other);
    await elsewhere.count(1_000);
    expect(records).toEqual([]);
    reader.resume(partition);
    await count(1_000);
    expect(records.map((record) => record.offset)).toEqual(Array.from({ length: 1_000 }, (_, index) => index));
  });

  it('takes a record of 8 MiB beside small ones', async () => {
    const large = Buffer.alloc(8 * 1024 * 1024, 'x');
    await Promise.all([put('a'), enqueuer.enqueue(partition, large), put('b'), put('c', other)]);
    const reader = await startReader();
    const { records, count } = follow(reader, 0);
    const elsewhere = follow(reader, 0, other);
    await count(3);
    await elsewhere.count(1);
    expect(records.map((record) => record.value?.length)).toEqual([1, large.length, 1]);
  });

  it('delivers every record once and in order though its connections break again and again', async () => {
    const reader = await startReader(throughProxy);
    const { records, count } = follow(reader, 0);
    for (let round = 1; round <= 3; round += 1) {
      await putMany(200);
      await count(round * 200 - 100);
      proxy.interrupt();
    }
    await count(600);
    expect(records.map((record) => record.offset)).toEqual(Array.from({ length: 600 }, (_, index) => index));
  });

  it('goes on within seconds where its connections swallow everything, as after a partition of the network', async () => {
    const reader = await startReader(throughProxy);
    const { count } = follow(reader, 0);
    await putMany(10);
    await count(10);
    proxy.silence();
    // New connections are swallowed as well for a while, so that one of the attempts to come back meets the same.
    await new Promise((resolve) => setTimeout(resolve, silentMs));
    proxy.restore();
    await putMany(10);
    const from = performance.now();
    await count(20);
    expect(performance.now() - from).toBeLessThan(backWithinMs);
  }, 120_000);

  type BreakIt = (
    reader: LineReader,
    open: () => void,
    got: readonly LineRecord[],
    until: ReturnType<typeof watcher>['until'],
  ) => Promise<void>;
  it.each<[string, BreakIt]>([
    [
      'is opened behind its end',
      async (_, open) => {
        await putMany(3);
        open();
      },
    ],
    [
      'was made anew',
      async (_, open) => {
        await putMany(20);
        open();
        await deleteTopic({ brokers }, topic);
        await ensureTopic({ brokers, topic, partitions: partitionCount });
        await putMany(5);
      },
    ],
    ...[249, 415, 581].map((ms): [string, BreakIt] => [
      `was away for ${ms} ms, and goes beyond where it stood when it is back`,
      async (_, open, got, until) => {
        await putMany(20);
        open();
        // Who has read nothing yet has nothing by which to know another topic.
        await until(() => got.length > 0);
        await deleteTopic({ brokers }, topic);
        await new Promise((resolve) => setTimeout(resolve, ms));
        await ensureTopic({ brokers, topic, partitions: partitionCount });
        await putMany(60);
      },
    ]),
    [
      'was made anew and goes beyond where it stood',
      async (_, open, got, until) => {
        await putMany(20);
        open();
        await until(() => got.length > 0);
        // While it was not looking.
        proxy.cut();
        await deleteTopic({ brokers }, topic);
        await ensureTopic({ brokers, topic, partitions: partitionCount });
        await putMany(60);
        proxy.restore();
      },
    ],
  ])('stops its reader for good when it %s', async (_, breakIt) => {
    const { changed, until } = watcher();
    const faults: (TerminalFault | RetryableFault)[] = [];
    const reader = await startReader({
      ...throughProxy,
      onCrash: (fault) => {
        faults.push(fault);
        changed();
      },
    });
    const got: LineRecord[] = [];
    await breakIt(
      reader,
      () => {
        reader.open(partition, offset(10), (records) => {
          got.push(...records);
          changed();
        });
      },
      got,
      until,
    );
    await until(() => faults.length > 0);
    expect(faults.map(({ code }) => code)).toEqual(['line_broken']);
    expect(faults[0]).toBeInstanceOf(TerminalFault);
    expect(got.every((record) => record.offset >= 10 && record.offset < 20)).toBe(true);
  });

  it.each(['cut', 'silence'] as const)(
    'refuses records within the time limit while Kafka is away (%s), and takes them when it is back',
    async (how) => {
      const cutOff = createEnqueuer({ ...throughProxy, topic, enqueueTimeoutMs: 600 });
      closing.push(cutOff.close);
      await cutOff.enqueue(partition, Buffer.from('before'));
      proxy[how]();
      const startedAt = performance.now();
      const refused = await Promise.allSettled([1, 2, 3].map((value) => cutOff.enqueue(partition, Buffer.from(`lost ${value}`))));
      expect(performance.now() - startedAt).toBeLessThan(800);
      for (const outcome of refused)
        expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'line_unavailable', name: 'RetryableFault' } });
      expect(cutOff.health().status).toBe('away');
      proxy.restore();
      // Its connections may be dead still: the first records after that may be refused too.
      for (let tries = 0; ; tries += 1) {
        const taken = await cutOff.enqueue(partition, Buffer.from('after')).catch(() => null);
        if (taken !== null) break;
        expect(tries).toBeLessThan(5);
      }
      expect(cutOff.health()).toMatchObject({ status: 'ready', awayMs: 0 });
    },
  );

  it('refuses at once what is more than may wait', async () => {
    const small = createEnqueuer({ ...throughProxy, topic, enqueueTimeoutMs: 500, recordsWaitingMax: 10 });
    closing.push(small.close);
    proxy.silence();
    const outcomes = Array.from({ length: 11 }, () => small.enqueue(partition, Buffer.from('a')));
    await expect(outcomes[10]).rejects.toMatchObject({ code: 'line_unavailable' });
    expect(small.health().recordsWaiting).toBe(10);
    await Promise.allSettled(outcomes);
  });

  describe('of events', () => {
    const sale = 'sale_1' as SaleId;
    const user = '01234567-89ab-8def-8123-456789abcdef';
    const expired = (seq: number) => ({
      seq: seq as Seq,
      leaf: JSON.stringify({
        v: 1,
        type: 'reservation.expired',
        sale_id: sale,
        seq,
        offset: 1,
        at: '2026-11-21T00:00:00.000Z',
        request_id: 'x'.repeat(400),
        prev: '0'.repeat(64),
        reservation_id: user,
        user,
        counts: {},
      }),
    });
    const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => expired(from + index));

    async function consume(
      groupId: string,
      onEvents: (events: readonly Event[], range: EventRange) => Promise<void> = () => Promise.resolve(),
      neverSkipped: readonly string[] = [],
      access: KafkaAccess = { brokers },
    ) {
      const seqs: number[] = [];
      const { changed, until } = watcher();
      const crashes: Error[] = [];
      const consumer = await consumeSaleEvents({
        ...access,
        topic,
        groupId,
        neverSkipped,
        onCrash: (error) => {
          crashes.push(error);
          changed();
        },
        onEvents: async (_, events, covered) => {
          await onEvents(events, covered);
          seqs.push(...events.map(({ seq }) => seq));
          changed();
        },
      });
      closing.push(consumer.stop);
      return { consumer, seqs, crashes, until };
    }

    it('carries them in order, and a group goes on where it has got to', async () => {
      const publisher = createEventPublisher({ brokers, topic });
      closing.push(publisher.close);
      await Promise.all([publisher.publish(partition, sale, range(1, 3_000)), publisher.publish(partition, sale, range(3_001, 3_010))]);
      const groupId = `test-${randomBytes(4).toString('hex')}`;
      const first = await consume(groupId);
      await first.until(() => first.seqs.length >= 3_010);
      expect(first.seqs).toEqual(Array.from({ length: 3_010 }, (_, index) => index + 1));
      await first.consumer.stop();

      await publisher.publish(partition, sale, range(3_011, 3_012));
      const second = await consume(groupId);
      await second.until(() => second.seqs.includes(3_012));
      expect(second.seqs).toEqual([3_011, 3_012]);
    });

    it('go on within seconds where the connections of their consumer swallow everything', async () => {
      const publisher = createEventPublisher({ brokers, topic });
      closing.push(publisher.close);
      await publisher.publish(partition, sale, range(1, 2));
      const { seqs, until } = await consume(`test-${randomBytes(4).toString('hex')}`, undefined, [], throughProxy);
      await until(() => seqs.includes(2));
      proxy.silence();
      await new Promise((resolve) => setTimeout(resolve, silentMs));
      proxy.restore();
      await publisher.publish(partition, sale, range(3, 4));
      const from = performance.now();
      await until(() => seqs.includes(4));
      expect(performance.now() - from).toBeLessThan(eventsBackWithinMs);
      // What was handled and not yet noted by Kafka comes again.
      expect([...new Set(seqs)]).toEqual([1, 2, 3, 4]);
    }, 180_000);

    it('calls again after a RetryableFault, passes over what cannot be read, and ends on any other error', async () => {
      const publisher = createEventPublisher({ brokers, topic });
      closing.push(publisher.close);
      await publisher.publish(partition, sale, range(1, 2));
      await put('poison');
      await publisher.publish(partition, sale, range(3, 3));
      let calls = 0;
      const flaky = await consume(`test-${randomBytes(4).toString('hex')}`, () => {
        calls += 1;
        return calls <= 2 ? Promise.reject(new RetryableFault('away', 'come back later')) : Promise.resolve();
      });
      await flaky.until(() => flaky.seqs.includes(3));
      expect([flaky.seqs, flaky.consumer.poisonCount()]).toEqual([[1, 2, 3], 1]);
      expect(calls).toBeGreaterThan(2);

      const broken = await consume(`test-${randomBytes(4).toString('hex')}`, () => Promise.reject(new Error('a bug')));
      await broken.until(() => broken.crashes.length > 0);
      expect(broken.crashes.map(({ message }) => message)).toEqual(['a bug']);
    });

    it('does not read beyond what may not be skipped, and goes on there once it can be read', async () => {
      const publisher = createEventPublisher({ brokers, topic });
      closing.push(publisher.close);
      const unknown = { seq: 2 as Seq, leaf: JSON.stringify({ v: 1, type: 'refund.reversed', sale_id: sale, seq: 2 }) };
      await publisher.publish(partition, sale, [expired(1), unknown]);
      await publisher.publish(partition, sale, range(3, 3));
      const groupId = `test-${randomBytes(4).toString('hex')}`;
      const strict = await consume(groupId, undefined, ['checkout.', 'refund.']);
      while (strict.consumer.blocked() === null) await new Promise((resolve) => setTimeout(resolve, 20));
      expect(strict.consumer.blocked()).toMatchObject({ code: 'event_unreadable' });
      expect([strict.seqs, strict.crashes]).toEqual([[1], []]);
      await strict.consumer.stop();

      const able = await consume(groupId);
      await able.until(() => able.seqs.includes(3));
      expect([able.seqs, able.consumer.blocked()]).toEqual([[1, 3], null]);
    });

    it('refuses later events of a sale until those that failed come again', async () => {
      const publisher = createEventPublisher({ ...throughProxy, topic, publishTimeoutMs: 500 });
      closing.push(publisher.close);
      await publisher.publish(partition, sale, range(1, 2));
      proxy.cut();
      await expect(publisher.publish(partition, sale, range(3, 4))).rejects.toMatchObject({ code: 'events_unavailable' });
      proxy.restore();
      await expect(publisher.publish(partition, sale, range(5, 6))).rejects.toThrow('event 3 of the sale was not published');
      await publisher.publish(partition, sale, range(3, 6));
      const reader = await consume(`test-${randomBytes(4).toString('hex')}`);
      await reader.until(() => reader.seqs.includes(6));
      expect(reader.seqs.filter((seq, index, all) => all.indexOf(seq) === index)).toEqual([1, 2, 3, 4, 5, 6]);
    });
  });
});
