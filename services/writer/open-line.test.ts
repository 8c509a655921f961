import { RetryableFault, TerminalFault } from '#shared/faults/faults.ts';
import type { LineReader, OnReaderCrash } from '#shared/line/line.ts';
import { openLine } from './open-line.ts';

const away = new RetryableFault('line_unavailable', 'Kafka is away');
const broken = new TerminalFault('line_broken', 'the topic is another one');
const fails = (fault: Error) => () => Promise.reject(fault);

type Steps = Partial<Pick<LineReader, 'start' | 'clusterId'>>;

/** Opens with one reader for each entry; `crashes[n]` ends the nth one. */
function setUp(attempts: readonly Steps[], stopAfter = Infinity) {
  const told: string[] = [];
  const crashes: OnReaderCrash[] = [];
  const opened = openLine({
    create(onCrash) {
      const n = crashes.push(onCrash) - 1;
      return {
        start: () => Promise.resolve(),
        clusterId: () => Promise.resolve(`cluster ${n}`),
        stop: () => Promise.resolve(void told.push(`stopped ${n}`)),
        ...attempts[n],
      } as LineReader;
    },
    onAway: () => told.push('away'),
    onCrash: (fault) => told.push(`crashed: ${fault.code}`),
    stopping: () => crashes.length >= stopAfter,
    pause: () => Promise.resolve(),
  });
  return { opened, told, crashes };
}

test.each<[string, Steps]>([
  ['before the reader has started', { start: fails(away) }],
  ['between its start and the question which cluster it is', { clusterId: fails(away) }],
])('Kafka away %s is waited for', async (_when, first) => {
  const { opened, told } = setUp([first, {}]);
  expect(await opened).toMatchObject({ clusterId: 'cluster 1' });
  expect(told).toEqual(['stopped 0', 'away']);
});

test('a reader that ends before it is handed over is replaced', async () => {
  const { opened, crashes } = setUp([
    {
      clusterId: () => {
        crashes[0]!(away);
        return Promise.resolve('cluster 0');
      },
    },
    {},
  ]);
  expect(await opened).toMatchObject({ clusterId: 'cluster 1' });
});

test('one that ends later is told about', async () => {
  const { opened, told, crashes } = setUp([{}]);
  await opened;
  crashes[0]!(broken);
  expect(told).toEqual(['crashed: line_broken']);
});

test('a fault that no waiting mends ends it', async () => {
  const { opened, told } = setUp([{ start: fails(broken) }]);
  await expect(opened).rejects.toBe(broken);
  expect(told).toEqual(['stopped 0']);
});

test('a process that stops waits no longer', async () => {
  expect(await setUp([{ start: fails(away) }], 1).opened).toBeNull();
});
