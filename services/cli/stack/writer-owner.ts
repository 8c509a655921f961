/** Which writer process serves a partition, asked from the processes themselves. */

const askMs = 2_000;

/** Name of the part that owns the partition. Throws where none says so. */
export async function writerThatOwns(
  partition: number,
  writers: readonly { readonly part: string; readonly port: number }[],
): Promise<string> {
  const epochs = await Promise.all(writers.map(async ({ part, port }) => ({ part, epoch: epochIn(await metricsOf(port), partition) })));
  const owner = epochs.filter(({ epoch }) => epoch !== null).sort((a, b) => b.epoch! - a.epoch!)[0];
  if (owner === undefined) throw new Error(`No writer says that it owns partition ${partition}. Run: firstcome status`);
  return owner.part;
}

/** Value of the writer's gauge of its epoch for the partition; null where it does not own it. */
export function epochIn(metrics: string, partition: number): number | null {
  const found = new RegExp(`^firstcome_writer_epoch\\{[^}]*\\bpartition="${partition}"[^}]*\\} (\\d+)`, 'm').exec(metrics);
  return found === null ? null : Number(found[1]);
}

async function metricsOf(port: number): Promise<string> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(askMs) });
    return await response.text();
  } catch {
    // A writer that is down owns nothing.
    return '';
  }
}
