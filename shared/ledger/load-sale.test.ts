import { EventEmitter } from 'node:events';
import type { Pool } from 'pg';
import type { Partition, SaleId } from '#schemas/ids.ts';
import { loadSale } from './load-sale.ts';

/** A connection that is ended by the server right after its statement `breaksAfter` was answered. */
function breakingPool(breaksAfter: number) {
  let asked = 0;
  let broken = false;
  const released: unknown[] = [];
  const client = Object.assign(new EventEmitter(), {
    async query() {
      if (broken) throw Object.assign(new Error('Connection terminated'), { code: '57P01' });
      if (asked++ === breaksAfter) {
        broken = true;
        // With nobody who listens this throws here, and in a process of its own it ends that.
        setImmediate(() => client.emit('error', new Error('terminating connection due to administrator command')));
        await new Promise((resolve) => setImmediate(resolve));
      }
      return { rows: [] };
    },
    release: (error: unknown) => released.push(error),
  });
  return { pool: { connect: async () => client } as unknown as Pool, released, listeners: () => client.listenerCount('error') };
}

test.each([0, 1])('a connection that is ended between two statements (%i) is a fault that is tried again, and no crash', async (after) => {
  const { pool, released, listeners } = breakingPool(after);
  await expect(loadSale(pool, 3 as Partition, 'sale-1' as SaleId)).rejects.toMatchObject({ name: 'RetryableFault' });
  expect(released).toEqual([true]);
  expect(listeners()).toBe(0);
});
