import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { PortName } from './layout.ts';
import { askHttp } from './nginx.ts';
import type { Part } from './part.ts';

/** Our own processes, in the order in which they are stopped last to first. */

interface Service {
  readonly name: PortName;
  /** Folder under services/. */
  readonly folder: string;
}

const SERVICES: readonly Service[] = [
  { name: 'gateway-sim', folder: 'gateway-sim' },
  { name: 'writer', folder: 'writer' },
  // The same program: which of the two owns a partition is decided in PostgreSQL, not here.
  { name: 'writer-standby', folder: 'writer' },
  { name: 'payment', folder: 'payment' },
  { name: 'reserve', folder: 'reserve' },
  { name: 'checkout', folder: 'checkout' },
  { name: 'scheduler', folder: 'scheduler' },
];

function mainOf(folder: string): string {
  return `services/${folder}/main.ts`;
}

/** Services whose program is in this checkout. */
export function servicesIn(root: string): readonly Part[] {
  return SERVICES.filter(({ folder }) => existsSync(join(root, mainOf(folder)))).map(partOf);
}

function partOf({ name, folder }: Service): Part {
  return {
    name,
    kind: 'service',
    port: (layout) => layout.ports[name],
    prepare: () => Promise.resolve(),
    command: ({ layout, environment }) => ({
      file: join(layout.root, 'node_modules/.bin/node'),
      args: ['--disable-warning=TimeoutNegativeWarning', mainOf(folder)],
      env: { ...environment, HTTP_PORT: String(layout.ports[name]) },
      cwd: layout.root,
    }),
    ready: ({ layout }) => askHttp(layout.ports[name], '/readyz'),
    stopSignal: 'SIGTERM',
  };
}
