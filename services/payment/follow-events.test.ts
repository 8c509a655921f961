import { RetryableFault } from '#shared/faults/faults.ts';
import type { ConsumeSaleEventsOptions, SaleEventsConsumer } from '#shared/line/line.ts';
import { followEvents } from './follow-events.ts';

const away = new RetryableFault('line_unavailable', 'Kafka is away');
const soon = () => new Promise((resolve) => setImmediate(resolve));

/** A Kafka that lets nobody in as often as `refusals` says; `crash` puts the newest member out. */
function setUp(refusals = 0) {
  const members: ConsumeSaleEventsOptions[] = [];
  const stopped: number[] = [];
  const crashes: Error[] = [];
  let left = refusals;
  const consume = async (options: ConsumeSaleEventsOptions): Promise<SaleEventsConsumer> => {
    if (left-- > 0) throw away;
    const member = members.push(options);
    return { poisonCount: () => 0, blocked: () => null, stop: async () => void stopped.push(member) };
  };
  const followed = followEvents(
    { brokers: [], groupId: 'payment', onEvents: async () => undefined, onCrash: (error) => crashes.push(error), wait: soon },
    consume,
  );
  return { followed, members, stopped, crashes, crash: (error: Error) => members.at(-1)?.onCrash(error) };
}

test.each([0, 3])('joins, also where Kafka is away at first (%i times)', async (refusals) => {
  const { followed, members, crashes } = setUp(refusals);
  expect(followed.reason()).not.toBeNull();
  for (let turn = 0; turn < 10; turn++) await soon();
  expect(followed.reason()).toBeNull();
  expect(members).toHaveLength(1);
  expect(crashes).toEqual([]);
});

test('joins again where the library has given up on the cluster; the process goes on', async () => {
  const { followed, members, crashes, stopped, crash } = setUp();
  await soon();
  crash(away);
  expect(followed.reason()).toBe(away.message);
  for (let turn = 0; turn < 5; turn++) await soon();
  expect(members).toHaveLength(2);
  expect(followed.reason()).toBeNull();
  expect(crashes).toEqual([]);
  await followed.stop();
  expect(stopped).toEqual([2]);
});

test('ends the process where something else has failed', async () => {
  const { members, crashes, crash } = setUp();
  await soon();
  const bug = new Error('a bug');
  crash(bug);
  await soon();
  expect(crashes).toEqual([bug]);
  expect(members).toHaveLength(1);
});
