import type { Offset, Partition } from '#schemas/ids.ts';
import { RetryableFault } from '#shared/faults/faults.ts';
import { createMicroBatch, type MicroBatchLimits, type PartitionRecords, type Turns } from './micro-batch.ts';

const limits: MicroBatchLimits = {
  lingerMs: 2,
  busyLingerMs: 6,
  busyRecords: 4,
  flushRecords: 5,
  requestRecordsMax: 8,
  requestBytesMax: 100,
  recordsWaitingMax: 20,
  bytesWaitingMax: 1_000,
  recordTimeoutMs: 1_500,
  requestTimeoutMs: 1_000,
  backoffMsMin: 20,
  backoffMsMax: 100,
};

/** A clock that moves when told, with everything that falls due on the way. */
function fakeTurns() {
  let now = 0;
  let timers: { at: number; work: () => void }[] = [];
  const soon: (() => void)[] = [];
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn += 1) {
      await Promise.resolve();
      for (const work of soon.splice(0)) work();
    }
  };
  const turns: Turns = {
    now: () => now,
    soon: (work) => {
      soon.push(work);
    },
    after: (ms, work) => {
      const timer = { at: now + ms, work };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
  };
  const pass = async (ms: number): Promise<void> => {
    await settle();
    for (const end = now + ms; ;) {
      timers.sort((a, b) => a.at - b.at);
      const next = timers[0];
      if (next === undefined || next.at > end) {
        now = end;
        break;
      }
      timers.shift();
      now = next.at;
      next.work();
      await settle();
    }
    await settle();
  };
  return { turns, pass };
}

interface Request {
  readonly at: number;
  readonly batch: readonly PartitionRecords<string>[];
  readonly acknowledge: () => void;
  readonly fail: () => void;
}

/** A broker that answers when told, and gives offsets from 0 in each partition. */
function bench(options: { laneOf?: (partition: number) => number; failTogether?: boolean; limits?: Partial<MicroBatchLimits> } = {}) {
  const { turns, pass } = fakeTurns();
  const requests: Request[] = [];
  const log = new Map<Partition, string[]>();
  const batch = createMicroBatch<string>({
    limits: { ...limits, ...options.limits },
    send: (sent) =>
      new Promise((resolve, reject) => {
        requests.push({
          at: turns.now(),
          batch: sent,
          acknowledge: () => {
            const offsets = new Map<Partition, Offset>();
            for (const { partition, records } of sent) {
              const written = log.get(partition) ?? [];
              offsets.set(partition, written.length as Offset);
              log.set(partition, [...written, ...records]);
            }
            resolve(offsets);
          },
          fail: () => {
            reject(new Error('broken'));
          },
        });
      }),
    laneOf: options.laneOf ?? (() => 0),
    bytesOf: (record) => record.length,
    turns,
    fault: (cause) => new RetryableFault('line_unavailable', cause),
    failTogether: options.failTogether ?? false,
  });
  const results: string[] = [];
  const add = (partition: number, record: string): void => {
    batch.add(partition as Partition, record).then(
      (place) => results.push(`${record}@${place.partition}/${place.offset}`),
      (fault: unknown) => results.push(`${record}!${(fault as RetryableFault).message}`),
    );
  };
  const sent = (index: number): string =>
    (requests[index]?.batch ?? []).map(({ partition, records }) => `${partition}:${records.join('')}`).join(' ');
  return { batch, add, pass, requests, results, sent, log, turns };
}

describe('a request', () => {
  it('carries a lone record at once', async () => {
    const { add, pass, requests, results } = bench();
    await pass(50);
    add(3, 'a');
    await pass(0);
    expect(requests.map(({ at }) => at)).toEqual([50]);
    requests[0]!.acknowledge();
    await pass(0);
    expect(results).toEqual(['a@3/0']);
  });

  it('carries what came in the same turn, by partition and in order, each with its own offset', async () => {
    const { add, pass, requests, results, sent } = bench();
    for (const record of ['a', 'b', 'c']) add(1, record);
    add(2, 'd');
    await pass(0);
    expect(sent(0)).toBe('1:abc 2:d');
    requests[0]!.acknowledge();
    await pass(0);
    expect(results).toEqual(['a@1/0', 'b@1/1', 'c@1/2', 'd@2/0']);
  });

  it('waits for company while one went out a moment ago, and no longer than the linger', async () => {
    const { add, pass, requests, sent } = bench();
    add(1, 'a');
    await pass(0);
    requests[0]!.acknowledge();
    await pass(1);
    add(1, 'b');
    await pass(0.5);
    add(1, 'c');
    expect(requests).toHaveLength(1);
    await pass(0.5);
    expect(requests.map(({ at }) => at)).toEqual([0, 2]);
    expect(sent(1)).toBe('1:bc');
  });

  it('waits longer behind one that was well filled', async () => {
    const { add, pass, requests } = bench();
    for (const record of ['a', 'b', 'c', 'd']) add(1, record);
    await pass(0);
    requests[0]!.acknowledge();
    await pass(1);
    add(1, 'e');
    await pass(5);
    requests[1]!.acknowledge();
    await pass(1);
    add(1, 'f');
    await pass(1);
    expect(requests.map(({ at }) => at)).toEqual([0, 6, 8]);
  });

  it('does not wait for the linger once enough records have gathered', async () => {
    const { add, pass, requests } = bench();
    add(1, 'a');
    await pass(0);
    requests[0]!.acknowledge();
    await pass(1);
    for (const record of ['b', 'c', 'd', 'e', 'f']) add(1, record);
    await pass(0);
    expect(requests.map(({ at }) => at)).toEqual([0, 1]);
  });

  it('is bounded in records and in bytes', async () => {
    const { add, pass, requests, sent } = bench();
    for (let index = 0; index < 10; index += 1) add(1, String(index));
    await pass(0);
    requests[0]!.acknowledge();
    await pass(6);
    requests[1]!.acknowledge();
    await pass(0);
    expect([sent(0), sent(1)]).toEqual(['1:01234567', '1:89']);

    add(1, 'x'.repeat(60));
    add(1, 'y'.repeat(60));
    add(1, 'z'.repeat(300));
    for (const index of [2, 3, 4]) {
      await pass(5);
      requests[index]!.acknowledge();
    }
    await pass(5);
    expect(requests.slice(2).map(({ batch }) => batch[0]!.records.length)).toEqual([1, 1, 1]);
  });

  it('is the only one of its lane; another lane does not wait for it', async () => {
    const { add, pass, requests, sent } = bench({ laneOf: (partition) => partition });
    add(1, 'a');
    await pass(0);
    add(1, 'b');
    add(2, 'c');
    await pass(100);
    expect(requests).toHaveLength(2);
    expect(sent(1)).toBe('2:c');
    requests[0]!.acknowledge();
    await pass(10);
    expect(sent(2)).toBe('1:b');
  });

  it('never has a second of its partition beside it, though the leader changes', async () => {
    let leader = 1;
    const { add, pass, requests, sent } = bench({ laneOf: () => leader });
    add(1, 'a');
    await pass(0);
    leader = 2;
    add(1, 'b');
    await pass(100);
    expect(requests).toHaveLength(1);
    requests[0]!.acknowledge();
    await pass(10);
    expect(sent(1)).toBe('1:b');
  });
});

describe('when Kafka fails', () => {
  it('sends the same records again before newer ones, with growing pauses', async () => {
    const { add, pass, requests, results, sent, log } = bench();
    add(1, 'a');
    add(1, 'b');
    await pass(0);
    requests[0]!.fail();
    await pass(0);
    add(1, 'c');
    await pass(20);
    requests[1]!.fail();
    await pass(40);
    expect(requests.map(({ at }) => at)).toEqual([0, 20, 60]);
    expect(sent(2)).toBe('1:abc');
    requests[2]!.acknowledge();
    await pass(0);
    expect(results).toEqual(['a@1/0', 'b@1/1', 'c@1/2']);
    expect(log.get(1 as Partition)).toEqual(['a', 'b', 'c']);
  });

  it('gives a record up within its time limit, whether it fails or hangs, and says why', async () => {
    const { add, pass, requests, results, batch } = bench();
    add(1, 'a');
    await pass(700);
    add(1, 'b');
    await pass(300);
    expect(requests).toHaveLength(1);
    expect(batch.counts().failingSince).toBe(1_000);
    await pass(500);
    expect(results).toEqual(['a!no answer from Kafka within 1000 ms']);
    await pass(700);
    expect(results).toEqual(['a!no answer from Kafka within 1000 ms', 'b!no answer from Kafka within 1000 ms']);
    expect(batch.counts()).toMatchObject({ waiting: 0, failed: 2 });
  });

  it('works again with the first request that succeeds', async () => {
    const { add, pass, requests, results, batch } = bench();
    add(1, 'a');
    await pass(0);
    requests[0]!.fail();
    await pass(25);
    requests[1]!.acknowledge();
    await pass(0);
    add(1, 'b');
    await pass(2);
    requests[2]!.acknowledge();
    await pass(0);
    expect(results).toEqual(['a@1/0', 'b@1/1']);
    expect(batch.counts().failingSince).toBeNull();
  });

  it('sends each partition of a request that failed by itself, so that one that is broken does not hold up others', async () => {
    const { add, pass, requests, sent, results } = bench();
    add(1, 'a');
    add(2, 'b');
    await pass(0);
    requests[0]!.fail();
    await pass(20);
    expect(sent(1)).toBe('1:a');
    requests[1]!.fail();
    await pass(2);
    expect(sent(2)).toBe('2:b');
    requests[2]!.acknowledge();
    await pass(0);
    add(2, 'c');
    add(3, 'd');
    await pass(2);
    expect(sent(3)).toBe('2:c 3:d');
    requests[3]!.acknowledge();
    await pass(100);
    expect(sent(4)).toBe('1:a');
    requests[4]!.acknowledge();
    await pass(0);
    expect(results).toEqual(['b@2/0', 'c@2/1', 'd@3/0', 'a@1/0']);
  });

  it('sends again what an answer leaves out', async () => {
    const { turns, pass } = fakeTurns();
    let calls = 0;
    const batch = createMicroBatch<string>({
      limits,
      send: () => Promise.resolve(new Map<Partition, Offset>((calls += 1) === 1 ? [] : [[1 as Partition, 7 as Offset]])),
      laneOf: () => 0,
      bytesOf: () => 1,
      turns,
      fault: (cause) => new RetryableFault('line_unavailable', cause),
      failTogether: false,
    });
    const place = batch.add(1 as Partition, 'a');
    await pass(100);
    await expect(place).resolves.toEqual({ partition: 1, offset: 7 });
    expect(calls).toBe(2);
  });

  it('refuses at once what is more than may wait', async () => {
    const { add, pass, results, batch } = bench();
    for (let index = 0; index < 21; index += 1) add(1, 'r');
    await pass(0);
    expect(results).toEqual(['r!20 records wait already']);
    expect(batch.counts().waiting).toBe(20);
  });

  it.each([
    [true, ['a!broken', 'b!broken']],
    [false, ['a!broken']],
  ])('failTogether %s: gives up %j when the first has had its time', async (failTogether, given) => {
    const { add, pass, requests, results } = bench({ failTogether });
    const failAll = async (ms: number): Promise<void> => {
      for (let passed = 0; passed < ms; passed += 10) {
        for (const request of requests) request.fail();
        await pass(10);
      }
    };
    add(1, 'a');
    await failAll(700);
    add(1, 'b');
    await failAll(800);
    expect(results).toEqual(given);
  });
});
