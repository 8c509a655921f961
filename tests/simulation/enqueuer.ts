import type { Offset, Partition } from '#schemas/ids.ts';
import { enqueueBy } from '#shared/line/enqueue.ts';
import type { Enqueuer } from '#shared/line/line.ts';
import type { CallName } from './faults.ts';
import type { SimProcess } from './process.ts';
import type { World } from './world.ts';

/** The real gathering of records into requests, over the world's line. */
export function createLineEnqueuer(world: World, process: SimProcess, call: CallName): Enqueuer {
  return enqueueBy(
    {
      send: (batch) =>
        process.call(call, 'line', () => {
          const first = new Map<Partition, Offset>();
          for (const { partition, records } of batch) {
            const offsets = records.map(({ value }) => world.line.append(partition, value));
            first.set(partition, offsets[0]!);
          }
          return first;
        }),
      laneOf: () => 0,
      failed: () => undefined,
      close: () => Promise.resolve(),
    },
    { now: world.time.now, soon: (work) => void process.schedule(0, work), after: process.schedule },
    {},
  );
}
