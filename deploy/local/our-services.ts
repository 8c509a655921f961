import { join } from 'node:path';
import { ensureKey } from '#shared/audit-keys/key-folder.ts';
import type { Layout, PortName } from './layout.ts';
import { askHttp } from './nginx.ts';
import { ALLOCATOR, allocatorLacking } from './packages.ts';
import type { Part, StackContext } from './part.ts';

/** Our own processes: a new one is a line in the table, and a port in layout.ts. */

interface Service {
  readonly name: PortName;
  /** Folder under services/. */
  readonly folder: string;
  readonly nodeArgs?: readonly string[];
  /** `serviceEnvironment` if absent; who starts it may say otherwise. */
  readonly settings?: () => Readonly<Record<string, string>>;
  /** Its own on this stack, whatever who starts it says. */
  readonly environment?: (layout: Layout) => Readonly<Record<string, string>>;
  /** Made before the first start; changes nothing that is right already. */
  readonly prepare?: (context: StackContext) => Promise<unknown>;
}

/**
 * Buffers stand outside the heap and are freed by full collections only: they would bring one on every 64 MB, up to three
 * a second in a rush. Measured by the size of the whole process instead, the writer makes a tenth more decisions, for some
 * hundred and fifty MB, and reserve takes a sixth less for a request (docs/PERFORMANCE.md).
 */
const serviceArgs = ['--disable-warning=TimeoutNegativeWarning', '--external-memory-accounted-in-global-limit'];
/** The C library keeps an arena for each of some eight threads, and in each what was freed there: ten MB of a service at rest. */
const serviceEnvironment = { MALLOC_ARENA_MAX: '2' };
/**
 * Room for what is short-lived makes the writer no faster beyond 8 MB, and it keeps it at rest. What it takes may double,
 * not grow to four times as much, before everything is collected (docs/decisions/0017-memory-after-a-rush.md).
 */
export const writerArgs = [...serviceArgs, '--max-semi-space-size=8', '--heap-growing-percent=100'];
/**
 * After a rush the C library keeps half of what a writer took, in pieces between those in use; jemalloc gives it back
 * (docs/decisions/0017-memory-after-a-rush.md). A thread of its own does so while the writer has nothing to do;
 * one arena, and little kept by each thread, are 4 MB of it at rest.
 */
export const allocatorSettings = {
  LD_PRELOAD: ALLOCATOR,
  MALLOC_CONF: 'background_thread:true,narenas:1,dirty_decay_ms:5000,muzzy_decay_ms:0,lg_tcache_max:12',
};

export function writerEnvironment(): Readonly<Record<string, string>> {
  return { ...serviceEnvironment, ...(allocatorLacking() === null ? allocatorSettings : {}) };
}

/**
 * Under the checkout's folder, shared by its stacks. Without it every process strips the types from its files anew, and
 * keeps the compiler it did that with: 20 MB each, for as long as it runs.
 */
const compileCache = '.local/compile-cache';

const TABLE: readonly Service[] = [
  {
    name: 'gateway-sim',
    folder: 'gateway-sim',
    // Each stack's own: what another one charged is none of its business.
    environment: ({ home }) => ({ GATEWAY_JOURNAL: join(home, 'gateway-sim', 'journal.ndjson') }),
  },
  { name: 'writer', folder: 'writer', nodeArgs: writerArgs, settings: writerEnvironment },
  // The same program: which of the two owns a partition is decided in PostgreSQL, not here.
  { name: 'writer-standby', folder: 'writer', nodeArgs: writerArgs, settings: writerEnvironment },
  { name: 'payment', folder: 'payment' },
  { name: 'reserve', folder: 'reserve' },
  { name: 'checkout', folder: 'checkout' },
  { name: 'scheduler', folder: 'scheduler' },
  {
    name: 'audit',
    folder: 'audit',
    prepare: ({ environment }) => ensureKey(environment['AUDIT_KEYS_DIR']!, environment['AUDIT_ORIGIN']!),
  },
];

function mainOf(folder: string): string {
  return `services/${folder}/main.ts`;
}

function partOf({ name, folder, nodeArgs = serviceArgs, settings = () => serviceEnvironment, environment: own, prepare }: Service): Part {
  return {
    name,
    kind: 'service',
    port: (layout) => layout.ports[name],
    async prepare(context) {
      await prepare?.(context);
    },
    command: ({ layout, environment }) => ({
      file: join(layout.root, 'node_modules/.bin/node'),
      args: [...nodeArgs, mainOf(folder)],
      env: {
        ...settings(),
        NODE_COMPILE_CACHE: join(layout.root, compileCache),
        ...environment,
        ...own?.(layout),
        HTTP_PORT: String(layout.ports[name]),
      },
      cwd: layout.root,
    }),
    ready: ({ layout }) => askHttp(layout.ports[name], '/readyz'),
    stopSignal: 'SIGTERM',
  };
}

export const SERVICES: readonly Part[] = TABLE.map(partOf);
