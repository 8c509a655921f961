import type { Partition } from '#schemas/ids.ts';
import { RetryableFault } from '#shared/faults/faults.ts';
import { reservationId } from '#shared/ids/derive.ts';
import type { Batch } from '#shared/ledger/ledger.ts';
import { encodeCommand } from '#shared/line/encode.ts';
import type { MemoryBooks } from '#shared/payments/testing/memory-books.ts';
import { RESTING_STATES } from '#shared/payments/states.ts';
import { apply } from '#services/gateway-sim/book.ts';
import { refOf, startApi, type SimApi } from './api.ts';
import { createChecks, type Checks } from './checks.ts';
import { createClients, type Clients } from './client.ts';
import { countFault } from './coverage.ts';
import { createFaultSource, type FaultId } from './faults.ts';
import { createBooks, startPayment, type Group, type SimPayment } from './payment.ts';
import type { Act, Plan } from './plan.ts';
import type { SimProcess } from './process.ts';
import { startScheduler } from './scheduler.ts';
import { strangeCommand } from './strange-commands.ts';
import { createWorld, WORLD_START_MS, type World } from './world.ts';
import { startWriter, type SimWriter } from './writer.ts';

/** One run, from its plan to what was found. */
export interface RunResult {
  readonly seed: number;
  /** The first thing that must not be; null: nothing. */
  readonly violation: Violation | null;
  readonly fired: readonly FaultId[];
  /** Events checked. */
  readonly events: number;
  /** Virtual milliseconds. */
  readonly tookMs: number;
  readonly trace: readonly string[];
}

export interface Violation {
  readonly rule: string;
  readonly what: string;
}

export interface RunOptions {
  /** Those faults of calls only, for a run repeated with less. */
  readonly only?: ReadonlySet<FaultId>;
  readonly trace?: boolean;
  /** After the storm everything must be decided, answered, paid, published and settled by then; virtual. */
  readonly calmMsMax?: number;
  /** Told of each batch once it is in the ledger. */
  readonly committed?: (batch: Batch, world: World) => void;
}

const CALM_MS_MAX = 900_000;
const restartMsMin = 100;
const restartMsMax = 3_000;
/** How often an operator looks at what is halted and at payments that need a person. */
const operatorEveryMs = 3_000;
/** What was sent to the gateway is carried out by then or never. */
const gatewayGivesUpMs = 5_000;

export async function runPlan(plan: Plan, options: RunOptions = {}): Promise<RunResult> {
  const trace: string[] = [];
  let violation: Violation | null = null as Violation | null;
  const faults = createFaultSource(plan.seed, plan.rates, options.only ?? null);
  const looked = createChecks(() => world);
  const checks: Checks = {
    ...looked,
    committed(batch) {
      looked.committed(batch);
      options.committed?.(batch, world);
    },
  };
  const world: World = createWorld(plan, faults, {
    note: (who, what) => {
      if (options.trace === true) trace.push(`${String(world.time.now() - WORLD_START_MS).padStart(7)} ms  ${who.padEnd(12)}  ${what}`);
    },
    violated: (rule, what) => {
      violation ??= { rule, what };
      world.note('VIOLATION', `${rule}: ${what}`);
    },
    published: checks.published,
  });
  const { time, chance, note } = world;
  const books = createBooks(world);
  const processes = startProcesses(world, books, checks);
  const clients = createClients(world, {
    someApi: () => {
      const alive = processes.apis.filter(({ process }) => !process.isDead());
      return alive.length === 0 ? undefined : chance.pick('api', alive);
    },
    startMs: WORLD_START_MS,
    answered: checks.answered,
  });

  plan.sales.forEach(({ createAtMs }, index) => {
    time.schedule(createAtMs, () => {
      clients.createSale(index);
    });
  });
  for (const act of plan.acts) {
    time.schedule(act.atMs, () => {
      if (act.kind === 'happens') happen(world, processes, clients, act);
      else clients.begin(act);
    });
  }

  const over = (): boolean => violation !== null;
  for (let passed = 0; passed < plan.stormMs && !over(); passed += 1_000) await time.pass(Math.min(1_000, plan.stormMs - passed));
  world.calm();
  processes.calm();
  note('world', 'calm: no fault from here on');
  const calmAt = time.now();
  while (!over() && !isQuiet(world, clients, books, checks.allPublished) && time.now() - calmAt < (options.calmMsMax ?? CALM_MS_MAX))
    await time.pass(1_000);
  if (!over()) {
    const left = unfinished(world, clients, books, checks.allPublished);
    if (left.length > 0) world.violated('liveness: once faults stop everything ends', left.join('; '));
    else checks.atTheEnd(clients, books);
  }
  const tookMs = time.now() - WORLD_START_MS;
  processes.killAll();
  for (const id of faults.fired) countFault(id);
  return { seed: plan.seed, violation, fired: faults.fired, events: checks.events(), tookMs, trace };
}

interface Processes {
  readonly writers: SimWriter[];
  readonly apis: SimApi[];
  readonly payments: SimPayment[];
  readonly schedulers: SimProcess[];
  readonly startWriter: () => void;
  readonly calm: () => void;
  readonly killAll: () => void;
}

/** Two writers, two API processes, two payment services and a scheduler, each started anew a while after it died. */
function startProcesses(world: World, books: MemoryBooks, checks: Checks): Processes {
  const { time, chance, plan } = world;
  const partitions = Array.from({ length: plan.partitions }, (_, index) => index as Partition);
  const group: Group = { committed: 0 };
  let births = 0;
  let ended = false;
  const writers: SimWriter[] = [];
  const apis: SimApi[] = [];
  const payments: SimPayment[] = [];
  const schedulers: SimProcess[] = [];
  const nameOf = (kind: string): string => `${kind}-${String(++births)}`;

  function keep<T>(of: T[], processOf: (one: T) => SimProcess, start: () => T): void {
    const one = start();
    of.push(one);
    processOf(one).onKill(() => {
      of.splice(of.indexOf(one), 1);
      if (ended) return;
      time.schedule(restartMsMin + chance.next('restart') * (restartMsMax - restartMsMin), () => {
        if (!ended) keep(of, processOf, start);
      });
    });
  }
  const newWriter = (): SimWriter => startWriter(world, nameOf('writer'), partitions, checks);
  for (let count = 0; count < 2; count++) {
    keep(writers, ({ process }) => process, newWriter);
    keep(
      apis,
      ({ process }) => process,
      () => startApi(world, nameOf('api')),
    );
    keep(
      payments,
      ({ process }) => process,
      () => startPayment(world, nameOf('payment'), books, group),
    );
  }
  keep(
    schedulers,
    (process) => process,
    () => startScheduler(world, nameOf('scheduler')),
  );

  /** What a person does in the end: a writer that halted because of clocks is started anew, a payment that needs a person gets one. */
  function operate(): void {
    if (ended) return;
    for (const { process, ownership } of [...writers]) {
      const halted = ownership.status().find((entry) => entry.kind === 'halted');
      if (halted?.kind !== 'halted') continue;
      if (halted.fault.code !== 'broker_clock_ahead')
        world.violated('a partition halted', `${process.name}: ${halted.fault.code}: ${halted.fault.message}`);
      process.kill();
    }
    const service = payments[0]?.service;
    if (service !== undefined) void settleOne(world, service);
    time.schedule(operatorEveryMs, operate);
  }
  operate();

  const all = (): SimProcess[] => [...writers, ...apis, ...payments].map(({ process }) => process).concat(schedulers);
  return {
    writers,
    apis,
    payments,
    schedulers,
    startWriter: () => {
      const third = newWriter();
      writers.push(third);
      third.process.onKill(() => writers.splice(writers.indexOf(third), 1));
    },
    calm: () => {
      for (const process of all()) process.setClockRight();
    },
    killAll: () => {
      ended = true;
      for (const process of all()) process.kill();
    },
  };
}

/** As an operator would who has read docs/OPERATIONS.md, and who makes up his mind by chance. */
async function settleOne({ chance, time, violated }: World, service: SimPayment['service']): Promise<void> {
  try {
    const [first] = await service.list();
    if (first === undefined) return;
    const rested = time.now() - Date.parse(first.since) > gatewayGivesUpMs;
    const as = chance.pick('settle', ['retry', 'succeeded', 'failed'] as const);
    await service.settle(first.order_id, { as: as === 'failed' && !rested ? 'retry' : as });
  } catch (error) {
    if (!(error instanceof RetryableFault)) violated('settling a payment met a bug', String(error));
  }
}

function happen(world: World, processes: Processes, clients: Clients, act: Extract<Act, { kind: 'happens' }>): void {
  const { what, ms, where } = act;
  const { clocks, line, plan, note, setAway } = world;
  const one = <T>(of: readonly T[]): T | undefined => of[where % Math.max(1, of.length)];
  const partition = (where % plan.partitions) as Partition;
  countFault(what);
  note('world', `${what} ${ms === 0 ? '' : `${String(ms)} ms`}`);
  switch (what) {
    case 'a writer is killed':
      return one(processes.writers)?.process.kill();
    case 'a writer is frozen':
      return one(processes.writers)?.process.freeze(ms);
    case 'a third writer starts':
      return processes.startWriter();
    case 'a writer stops in order': {
      const writer = one(processes.writers);
      writer?.ownership.stop().then(
        () => writer.process.kill(),
        (error: unknown) => world.violated('a writer could not stop', String(error)),
      );
      return;
    }
    case "a writer's clock jumps":
      return one(processes.writers)?.process.jump(ms);
    case "the broker's clock jumps":
      clocks.broker += ms;
      return;
    case "the ledger's clock jumps":
      clocks.ledger += ms;
      return;
    case 'an API process is killed':
      return one(processes.apis)?.process.kill();
    case 'the payment service is killed':
      return one(processes.payments)?.process.kill();
    case 'the payment service is frozen':
      return one(processes.payments)?.process.freeze(ms);
    case 'the scheduler is killed':
      return one(processes.schedulers)?.kill();
    case 'the ledger is away':
      return setAway('ledger', ms);
    case 'the line is away':
      return setAway('line', ms);
    case 'redis is away':
      return setAway('redis', ms);
    case 'the gateway is away':
      return setAway('gateway', ms);
    case 'a record stands twice': {
      const records = line.records(partition);
      const record = records[where % Math.max(1, records.length)];
      if (record !== undefined) line.append(partition, record.value);
      return;
    }
    case 'bytes without meaning':
      line.append(partition, Buffer.from(['{"v":1', '\u0000', '[]', '{"v":1,"type":"reservation.create","request_id":"x"}'][where % 4]!));
      return;
    case 'a tombstone':
      line.append(partition, null);
      return;
    case 'a charge turns up after all':
      return chargeAfterAll(world, where);
    case 'a command that nobody of ours sends': {
      const saleId = one(clients.saleIds.filter((id) => id !== undefined));
      const place = saleId === undefined ? undefined : world.ledger.lines.get(saleId);
      if (saleId === undefined || place === undefined) return;
      const reserved = one(plan.acts.filter((other) => other.kind === 'reserve'));
      const reservation = reserved === undefined ? null : reservationId(saleId, refOf(reserved.buyer), reserved.key);
      line.append(place.partition, strangeCommand(world, saleId, reservation, where));
    }
  }
}

/** The gateway had said no, and finds out that it has charged: somebody reports it, and it must be paid back. */
function chargeAfterAll({ book, ledger, line, time }: World, where: number): void {
  const failed = [...ledger.orders.values()].filter(
    ({ id, status, paymentSettled, amount }) => status === 'failed' && paymentSettled && amount > 0 && !book.indexesOfReference.has(id),
  );
  const order = failed[where % Math.max(1, failed.length)];
  if (order === undefined) return;
  const { id, saleNo, reservationId: reservation_id, amount, currency } = order;
  const charge_id = `ch_after_${id}`;
  const at = new Date(time.now()).toISOString();
  apply(book, { kind: 'charge', key: charge_id, fingerprint: charge_id, id: charge_id, reference: id, amount, currency, at });
  const sale_id = ledger.saleIdOf(saleNo);
  const report = { v: 1, sale_id, request_id: 'after-all', type: 'payment.succeeded', order_id: id, reservation_id, charge_id } as const;
  line.append(ledger.lines.get(sale_id)!.partition, encodeCommand(report));
}

function isQuiet(...of: Parameters<typeof unfinished>): boolean {
  return unfinished(...of).length === 0;
}

/** What still has to happen, in words. */
function unfinished(world: World, clients: Clients, books: MemoryBooks, allPublished: () => boolean): string[] {
  const { ledger, line, plan } = world;
  const left: string[] = [];
  if (!clients.allDone())
    left.push(
      `clients wait: ${clients.asked
        .filter(({ done }) => !done)
        .slice(0, 3)
        .map(({ act, answers }) => `${JSON.stringify(act)} was last told ${JSON.stringify(answers.at(-1) ?? null)}`)
        .join(', ')}`,
    );
  for (let partition = 0 as Partition; partition < plan.partitions; partition++) {
    const next = ledger.partitions.get(partition)?.nextOffset ?? 0;
    const end = line.records(partition).length;
    if (next < end) left.push(`line ${String(partition)} is decided up to ${String(next)} of ${String(end)}`);
  }
  for (const [saleId, { saleNo }] of ledger.lines)
    if (ledger.sales.get(saleNo)?.settled !== true) left.push(`sale ${saleId} is not settled`);
  for (const { orderId, state } of books.rows().values())
    if (!RESTING_STATES.includes(state) || state === 'manual' || state === 'refund_manual')
      left.push(`the payment of order ${orderId} is ${state}`);
  if (!allPublished()) left.push('events are not published');
  return left;
}
