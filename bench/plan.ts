import type { MeasurementId } from './measurement.ts';

/** What `make bench` runs, one after the other: data only. */

export interface Step {
  /** What a person reads, and what results of several runs are compared by. */
  readonly name: string;
  /** For whose sake it runs: `--only P1` takes the comparisons of P1 along. */
  readonly ids: readonly (MeasurementId | 'beside')[];
  /** In bench/. */
  readonly program: string;
  readonly nodeArgs?: readonly string[];
  readonly args: readonly string[];
  /** In place of `args` under `--quick`; absent: `--quick` is added to them. */
  readonly quickArgs?: readonly string[];
  /** In place of `args` under `--long`. */
  readonly longArgs?: readonly string[];
  /** `servers`: PostgreSQL, Kafka, Redis and no service, so that nothing else takes a core. */
  readonly stack: 'servers' | 'whole';
  /** From nothing: the holds of an earlier step would be loaded by its writers and expire in the middle. */
  readonly fresh?: true;
  /** Waits for a quiet machine: what is borne is a matter of tails, of which a neighbour makes much. */
  readonly quiet?: true;
  /** As it usually takes, the stack's start not counted; of `--long` its own. */
  readonly seconds: number;
  readonly secondsLong?: number;
  /** Then it is ended, and has failed. */
  readonly secondsMax: number;
}

const floor = (...ids: Step['ids']): Step => ({
  name: 'the floor',
  ids,
  program: 'floor.ts',
  args: [],
  stack: 'servers',
  seconds: 20,
  secondsMax: 120,
});

const rowLock = (stack: Step['stack'], ...ids: Step['ids']): Step => ({
  name: 'a row lock',
  ids,
  program: 'baselines/main.ts',
  args: ['--only', 'row-lock'],
  stack,
  seconds: 18,
  secondsMax: 120,
});

const writer: Step = {
  name: 'the writer',
  ids: ['P1'],
  program: 'writer-backlog.ts',
  args: [],
  stack: 'servers',
  seconds: 40,
  secondsMax: 300,
};

const writerOf = (name: string, ...args: string[]): Step => ({
  ...writer,
  name: `the writer, ${name}`,
  ids: ['P1b'],
  args,
});

const overHttp = (through: 'gateway' | 'api'): Step => ({
  name: `reservations over HTTP through ${through === 'gateway' ? 'the gateway' : 'one API process'}`,
  ids: ['P2'],
  program: 'over-http.ts',
  args: ['--through', through],
  stack: 'whole',
  fresh: true,
  quiet: true,
  seconds: 110,
  secondsMax: 600,
});

const compared: readonly Step[] = [floor('P1', 'beside'), writer, rowLock('servers', 'P1', 'P1b', 'beside')];

const otherSales: readonly Step[] = [
  writerOf('sold out', '--sold-out'),
  writerOf('10,000 items', '--items', '10000'),
  writerOf('3 items a request', '--each', '3'),
];

const underLoad: readonly Step[] = [
  overHttp('gateway'),
  rowLock('whole', 'P2', 'beside'),
  overHttp('api'),
  {
    name: 'reads of availability',
    ids: ['P3'],
    program: 'reads.ts',
    args: [],
    stack: 'whole',
    fresh: true,
    quiet: true,
    seconds: 160,
    secondsMax: 600,
  },
  {
    name: 'orders',
    ids: ['P4'],
    program: 'orders.ts',
    args: [],
    stack: 'whole',
    fresh: true,
    quiet: true,
    seconds: 80,
    secondsMax: 600,
  },
];

/**
 * What stands in a ratio stands in turn: the machine is not equally fast from minute to minute. Nor is it from one
 * quarter of an hour to the next: what depends on that most is measured again later. First what needs the servers only,
 * then the services at rest before anyone has loaded them, then the whole stack.
 */
export const PLAN: readonly Step[] = [
  ...compared,
  ...otherSales,
  ...compared,
  ...otherSales,
  ...compared,
  {
    name: 'what else people run instead',
    ids: ['beside'],
    program: 'baselines/main.ts',
    args: ['--only', 'conditional-update,serializable,redis-queue'],
    stack: 'servers',
    seconds: 55,
    secondsMax: 300,
  },
  {
    name: 'a sale with many reservations behind it',
    ids: ['P5', 'P7'],
    program: 'behind.ts',
    args: ['--to', '1000000', '--pairs', '2'],
    quickArgs: ['--quick'],
    longArgs: ['--to', '10000000'],
    stack: 'servers',
    fresh: true,
    seconds: 120,
    secondsLong: 900,
    secondsMax: 3_600,
  },
  {
    name: 'several lines in one writer',
    ids: ['P5'],
    program: 'partitions.ts',
    args: ['--commands', '400000', '--rounds', '2'],
    quickArgs: ['--quick'],
    stack: 'servers',
    seconds: 180,
    secondsMax: 900,
  },
  {
    name: 'a writer killed',
    ids: ['P6', 'P7'],
    program: 'takeover.ts',
    args: ['--rounds', '3'],
    quickArgs: ['--quick'],
    stack: 'servers',
    fresh: true,
    seconds: 180,
    secondsMax: 600,
  },
  {
    name: 'batches in the ledger',
    ids: ['beside'],
    program: 'ledger-batch.ts',
    args: [],
    quickArgs: [],
    stack: 'servers',
    seconds: 25,
    secondsMax: 120,
  },
  {
    name: 'what a hold costs in memory',
    ids: ['beside'],
    program: 'memory-of-holds.ts',
    nodeArgs: ['--expose-gc'],
    args: [],
    quickArgs: ['100000'],
    stack: 'servers',
    seconds: 20,
    secondsMax: 120,
  },
  {
    name: 'services at rest',
    ids: ['P7'],
    program: 'at-rest.ts',
    args: [],
    stack: 'whole',
    fresh: true,
    seconds: 30,
    secondsMax: 120,
  },
  ...underLoad,
  {
    name: 'the load generator beside another',
    ids: ['generator'],
    program: 'generator.ts',
    args: [],
    stack: 'whole',
    fresh: true,
    seconds: 120,
    secondsMax: 900,
  },
  {
    name: 'a stampede',
    ids: ['P8'],
    program: 'stampede.ts',
    args: [],
    stack: 'whole',
    fresh: true,
    seconds: 70,
    secondsMax: 600,
  },
  ...underLoad,
];

export interface Asked {
  readonly quick: boolean;
  readonly long: boolean;
  /** Ids of steps; undefined: all. */
  readonly only: readonly string[] | undefined;
}

/** The steps asked for, with the arguments that suit. Throws where a name is none. */
export function stepsFor({ quick, long, only }: Asked, plan: readonly Step[] = PLAN): Step[] {
  const known = new Set<string>(plan.flatMap(({ ids }) => ids));
  const strange = only?.filter((id) => !known.has(id)) ?? [];
  if (strange.length > 0) throw new Error(`there is no ${strange.join(', ')}; there are ${[...known].sort().join(', ')}`);
  return plan
    .filter(({ ids }) => only === undefined || ids.some((id) => only.includes(id)))
    .map((step) => {
      if (quick) return { ...step, args: step.quickArgs ?? [...step.args, '--quick'] };
      if (long) return { ...step, args: step.longArgs ?? step.args, seconds: step.secondsLong ?? step.seconds };
      return step;
    });
}

/** What repeats a step by hand. */
export function commandOf({ nodeArgs = [], program, args }: Step): string {
  return ['node', ...nodeArgs, `bench/${program}`, ...args].join(' ');
}
