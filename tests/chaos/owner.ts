import { until } from '../until.ts';
import type { Scene } from './scene.ts';
import type { Writer } from './stack.ts';

const takeoverMsMax = 30_000;

/** Who owns the sale's line; waits where nobody does at the moment. */
export async function ownerOf({ stack, sale }: Pick<Scene, 'stack' | 'sale'>): Promise<Writer> {
  return (await until(
    () => stack.ownerOf(sale.partition),
    (owner) => owner !== null,
    takeoverMsMax,
  ))!;
}

/** Waits until the line has another owner, or the same again under a new epoch. */
export async function takeover(scene: Pick<Scene, 'stack' | 'sale'>, former: Writer, epochBefore?: number): Promise<string> {
  const { stack, sale } = scene;
  const from = performance.now();
  const before = epochBefore ?? (await epochOf(scene));
  const { owner } = await until(
    () => ownership(stack, sale.partition),
    ({ epoch }) => epoch > before,
    takeoverMsMax,
  );
  return `${former} was the owner, ${owner} took over after ${((performance.now() - from) / 1000).toFixed(1)} s`;
}

export async function epochOf({ stack, sale }: Pick<Scene, 'stack' | 'sale'>): Promise<number> {
  return (await ownership(stack, sale.partition)).epoch;
}

async function ownership(stack: Scene['stack'], partition: number): Promise<{ epoch: number; owner: string }> {
  const [row] = await stack.query<{ epoch: string; owner: string | null }>('SELECT epoch, owner FROM partitions WHERE partition = $1', [
    partition,
  ]);
  return { epoch: Number(row!.epoch), owner: row!.owner?.split('@')[0] ?? 'nobody' };
}
