import { join, resolve } from 'node:path';
import { z } from 'zod';
import { parseEnvironment, type Environment } from '#shared/config/environment.ts';
import { flag, linePartitions, wholeNumber } from '#shared/config/pieces.ts';

/** Where a stack keeps its things and on which ports it listens: a pure function of the environment. */

/** Ports of a stack whose PORT_OFFSET is 0. */
const PORTS = {
  gateway: 8080,
  'gateway-tls': 8443,
  postgres: 5460,
  kafka: 9192,
  'kafka-controller': 9194,
  redis: 6390,
  reserve: 8101,
  checkout: 8102,
  writer: 8103,
  'writer-standby': 8113,
  payment: 8104,
  scheduler: 8105,
  'gateway-sim': 8106,
  audit: 8107,
} as const;

export type PortName = keyof typeof PORTS;

/** Keeps every port under 32,768, where Linux begins to hand out ports to clients: one of those would be taken now and then. */
const portOffsetMax = 23_000;

export interface Layout {
  /** The checkout. */
  readonly root: string;
  /** Everything of this stack: pid files, logs, data. */
  readonly home: string;
  readonly portOffset: number;
  readonly ports: Readonly<Record<PortName, number>>;
  readonly linePartitions: number;
  /** `dev` believes X-User-Id; `jwt` wants a token. */
  readonly authMode: 'dev' | 'jwt';
  /** Whether clients on this machine are held to the request limits too. */
  readonly limitLoopback: boolean;
  /** Further listeners of Kafka's, for clients that come through a proxy: where it listens, and where it says that it is. */
  readonly kafkaProxied: readonly { readonly listen: number; readonly advertised: number }[];
  /** Names of parts to start, `servers` for the four servers; undefined: all. */
  readonly only: readonly string[] | undefined;
}

const schema = z.object({
  FIRSTCOME_HOME: z.string().default('.local').describe('a folder'),
  PORT_OFFSET: wholeNumber(0, portOffsetMax).default(0),
  LINE_PARTITIONS: linePartitions,
  AUTH_MODE: z.enum(['dev', 'jwt']).default('dev').describe('dev or jwt'),
  GATEWAY_LIMIT_LOOPBACK: flag.optional(),
  KAFKA_PROXIED: z
    .string()
    .regex(/^\d{1,5}:\d{1,5}(,\d{1,5}:\d{1,5})*$/, 'is not a list of pairs of ports')
    .optional()
    .describe('pairs of ports such as 9201:9301, separated by commas: where Kafka listens, and where its clients find it'),
  STACK_ONLY: z.string().optional().describe('names of parts, separated by commas; `servers` means the four servers'),
});

/** Throws TerminalFault `environment_invalid` that names all faults together. `root` is the checkout; relative folders start there. */
export function layoutOf(environment: Environment, root: string): Layout {
  const values = parseEnvironment(schema, environment);
  const home = resolve(root, values.FIRSTCOME_HOME);
  const ports = Object.fromEntries(Object.entries(PORTS).map(([name, port]) => [name, port + values.PORT_OFFSET])) as Record<
    PortName,
    number
  >;
  return {
    root,
    home,
    portOffset: values.PORT_OFFSET,
    ports,
    linePartitions: values.LINE_PARTITIONS,
    authMode: values.AUTH_MODE,
    limitLoopback: values.GATEWAY_LIMIT_LOOPBACK ?? values.AUTH_MODE === 'jwt',
    kafkaProxied: (values.KAFKA_PROXIED?.split(',') ?? []).map((pair) => {
      const [listen, advertised] = pair.split(':').map(Number);
      return { listen: listen!, advertised: advertised! };
    }),
    only: values.STACK_ONLY?.split(',').map((name) => name.trim()),
  };
}

/** Log of a part: what it wrote to its standard output and error. */
export function logOf(layout: Layout, part: string): string {
  return join(layout.home, part, 'log');
}

/** Pid file of a part. */
export function pidFileOf(layout: Layout, part: string): string {
  return join(layout.home, part, 'pid');
}

/** Kafka's jars are the same for all stacks of a checkout. */
export function kafkaLibsOf(layout: Layout): string {
  return join(layout.root, '.local', 'kafka-libs');
}
