import type { Partition, SaleId } from '#schemas/ids.ts';
import { decideLine } from './reference.ts';
import type { World } from './world.ts';

/**
 * Everything that must hold however a run went: the log is what the line means,
 * what was told is committed, what consumers see is the log. For a world in which
 * every record is decided and published.
 */
export function expectSound(world: World, partition: Partition, saleIds: readonly SaleId[]): void {
  expect(world.crashes).toEqual([]);
  const meant = decideLine(world.records(partition), saleIds);
  const leaves = new Set<string>();
  for (const saleId of saleIds) {
    const committed = world.database.eventsOf(saleId).map(({ leaf }) => leaf);
    expect(committed).toEqual(meant.get(saleId));
    for (const leaf of committed) leaves.add(leaf);
    let seen = 0;
    const consumed: string[] = [];
    for (const event of world.published) {
      if (event.saleId !== saleId || event.seq <= seen) continue;
      expect(event.seq).toBe(seen + 1);
      seen = event.seq;
      consumed.push(event.leaf);
    }
    expect(consumed).toEqual(committed);
  }
  for (const { reply } of world.told) if (reply.kind === 'decided') expect(leaves).toContain(reply.leaf);
}
