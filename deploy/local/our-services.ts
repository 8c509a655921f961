import { join } from 'node:path';
import type { PortName } from './layout.ts';
import { askHttp } from './nginx.ts';
import type { Part } from './part.ts';

/** Our own processes: a new one is a line in the table, and a port in layout.ts. */

interface Service {
  readonly name: PortName;
  /** Folder under services/. */
  readonly folder: string;
}

const TABLE: readonly Service[] = [
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

export const SERVICES: readonly Part[] = TABLE.map(partOf);
