import { rmSync } from 'node:fs';
import { down } from './down.ts';
import { openLayout } from './open.ts';
import { serversHomeOf, serverUserOf } from './server-user.ts';

/** Stops the stack of this environment and removes all it has: for stacks that begin from nothing each time. */
export async function clear(environment: Readonly<Record<string, string | undefined>>, say?: (line: string) => void): Promise<void> {
  await down({ environment, ...(say === undefined ? {} : { say }) });
  const { layout } = openLayout(environment);
  const outside = serversHomeOf(layout, serverUserOf(layout, environment));
  for (const folder of [layout.home, outside]) rmSync(folder, { recursive: true, force: true });
}
