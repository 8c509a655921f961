import type { ChildProcess } from 'node:child_process';
import { statfs } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Backlog, openBacklog, timeDecisions, untilDecided } from './backlog.ts';
import { median } from './median.ts';
import { print } from './measurement.ts';
import { cpuSeconds, peakRssMb, rssMb } from './process-figures.ts';
import { always, type Asked, skuOf } from './reservation-records.ts';

/**
 * Whether the writer stays as fast, and how much memory it takes, as more and more reservations of one sale lie behind
 * it. The sale is grown to 100,000, 1,000,000 and 10,000,000 by one process; a million are held in the end, the rest was
 * sold out. At each of these sizes windows are measured, each beside one of a fresh sale with 10,000 behind it, in
 * another database, by another writer, which an earlier sale has warmed up as much. The ratio is that of two neighbours
 * in time, because the machine's speed drifts within minutes. The requests of a window are half held and half sold out,
 * at every size.
 *
 * A line is full before its window begins, and nothing is put on it meanwhile: the writer is stopped by SIGSTOP while
 * its line is filled, which it survives as it does any pause of its machine while nobody else wants its lease. A new
 * writer in its place would not do: it would have loaded the sale, not grown with it.
 *
 * Needs the servers only (`make up ONLY=servers`), and room on the disk; the full size takes a quarter of an hour.
 *
 *   node bench/behind.ts [--to 10000000] [--window 150000] [--pairs 4] [--quick]
 */

const { values: options } = parseArgs({
  options: {
    to: { type: 'string' },
    window: { type: 'string' },
    pairs: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
});
const to = Number(options.to ?? (options.quick ? 100_000 : 10_000_000));
const windowDecisions = Number(options.window ?? (options.quick ? 30_000 : 150_000));
/** Even, so that either goes first as often. */
const pairs = Number(options.pairs ?? (options.quick ? 1 : 4));
const freshBehind = 10_000;
/** Decided right before a window, from the same full line: the clock starts once the writer has its stride again. */
const leadDecisions = freshBehind;
const stepDecisions = leadDecisions + windowDecisions;
/** A writer that has just started is slower for so long. */
const warmUpDecisions = 300_000;
const liveHoldsMax = 1_000_000;
/** Filling and deciding at once, so much is between them: what is decided was just written, and need not be read from the disk. */
const growAheadMax = 100_000;
const growStep = 25_000;
const sayEveryMs = 10_000;
/** Until the collector has nothing more to give back. */
const settleMs = 10_000;
/** What was decided is told and published by then: requests under way would run into their time limits. */
const publishMs = 250;
const ratioPercentMin = 90;
const memoryMbMax = 1_200;
/** Of the line (460), the ledger with its indexes (1,150) and the published events (120), as measured, and a quarter more. */
const diskBytesEach = 2_200;
/** Of the write-ahead log, and what others need meanwhile. */
const diskBytesSpare = 8 * 1024 ** 3;

const say = (line: string): void => console.error(line);
const n = (value: number): string => Math.round(value).toLocaleString('en-US');

const sizes = [...[100_000, 1_000_000, 10_000_000].filter((size) => size < to), to];
for (const [index, size] of sizes.entries())
  if (size < (sizes[index - 1] ?? 0) + (index === 0 ? leadDecisions : pairs * stepDecisions + leadDecisions))
    throw new Error(
      `${n(pairs)} windows of ${n(windowDecisions)} do not end before ${n(size)} are behind: take fewer, smaller ones, or another --to`,
    );

/** By their place in the terms: what the sale grows by, what windows get, what windows do not get. */
const [grows, plenty, none] = [skuOf(0), skuOf(1), skuOf(2)];
const growing = always(grows);
const half: readonly [Asked, Asked] = [always(plenty), always(none)];
const windowed: Asked = (request) => half[request % 2 === 0 ? 0 : 1](request);
const windowsTotal = sizes.length * pairs * stepDecisions;
const plentyStock = Math.max(windowsTotal, warmUpDecisions);
/** With what the windows get, a million in all. */
const grownStock = Math.max(0, Math.min(liveHoldsMax, to) - windowsTotal / 2);

interface Window {
  readonly perSecond: number;
  /** Processor time of the writer for a decision, which a busy machine does not change much. */
  readonly cpuUs: number;
}

interface Point {
  /** When its first window begins. */
  readonly behind: number;
  readonly fresh: readonly Window[];
  readonly grown: readonly Window[];
  /** When its windows are over, and how the writer stands then. */
  readonly decided: number;
  readonly liveHolds: number;
  readonly rssMb: number;
  readonly peakMb: number;
}

const points: Point[] = [];
let right = true;
const sale = await openBacklog({ sales: [{ stock: [grownStock, plentyStock, 0], perUser: 1 }], replies: true });
let made = 0;
let grownBy = 0;
try {
  await requireDisk();
  const writer = sale.startWriter();
  for (const size of sizes) {
    await grow(size - leadDecisions);
    const [fresh, grown]: [Window[], Window[]] = [[], []];
    const beside = await openFreshSales();
    try {
      await beside.warmUp(Math.min(warmUpDecisions, made));
      for (let pair = 0; pair < pairs; pair++) {
        // Who goes first alternates: it tends to be the faster one.
        if (pair % 2 === 0) fresh.push(await beside.window());
        grown.push(await grownWindow(writer));
        if (pair % 2 === 1) fresh.push(await beside.window());
        say(`${n(size)} behind: ${text(grown.at(-1)!)}; the fresh sale: ${text(fresh.at(-1)!)}`);
      }
      await beside.check();
    } finally {
      await beside.close();
    }
    await pause(settleMs);
    const point: Point = {
      behind: size,
      fresh,
      grown,
      decided: made,
      liveHolds: await sale.count('SELECT sum(held) FROM items'),
      rssMb: rssMb(writer.pid),
      peakMb: peakRssMb(writer.pid),
    };
    points.push(point);
    say(`${n(made)} behind, ${n(point.liveHolds)} live holds: writer ${n(point.peakMb)} MB at most, ${n(point.rssMb)} MB now`);
  }
  await requireRight(sale, { requests: made, grown: Math.min(grownBy, grownStock), windowed: made - grownBy });
  say(`on the disk: ${n((await ledgerBytes()) / made)} bytes a reservation in the ledger`);
  tell();
} finally {
  await sale.close();
}

/** Fills and decides at once, until so many are behind. */
async function grow(size: number): Promise<void> {
  const begun = performance.now();
  const from = made;
  let saidAt = begun;
  while (made < size) {
    const count = Math.min(growStep, size - made);
    await sale.reserve(count, growing);
    made += count;
    grownBy += count;
    await untilDecided(sale, made - growAheadMax);
    if (performance.now() - saidAt < sayEveryMs) continue;
    saidAt = performance.now();
    say(`growing: ${n(made)} of ${n(size)}, ${n((made - from) / ((saidAt - begun) / 1_000))}/s`);
  }
  await untilDecided(sale, made);
}

async function grownWindow(writer: ChildProcess): Promise<Window> {
  const from = made;
  made += stepDecisions;
  return measureWindow(sale, writer, 0, from);
}

interface FreshSales {
  /** Decides so many of an earlier sale. */
  readonly warmUp: (count: number) => Promise<void>;
  /** Of the next one, once it has 10,000 behind it. */
  readonly window: () => Promise<Window>;
  readonly check: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Sales that have just begun, in a database that holds little. */
async function openFreshSales(): Promise<FreshSales> {
  const terms = { stock: [0, plentyStock, 0], perUser: 1 };
  const fresh = await openBacklog({ sales: Array.from({ length: 1 + pairs }, () => terms), replies: true });
  const writer = fresh.startWriter();
  let sales = 0;
  let requests = 0;
  return {
    async warmUp(count) {
      requests += count;
      await fresh.reserve(count, windowed, sales++);
      await untilDecided(fresh, requests);
    },
    async window() {
      const from = requests;
      requests += stepDecisions;
      return measureWindow(fresh, writer, sales++, from);
    },
    check: () => requireRight(fresh, { requests, grown: 0, windowed: requests }),
    close: fresh.close,
  };
}

/** @param from decided on all lines before */
async function measureWindow(backlog: Backlog, writer: ChildProcess, saleIndex: number, from: number): Promise<Window> {
  await pause(publishMs);
  writer.kill('SIGSTOP');
  await backlog.reserve(stepDecisions, windowed, saleIndex);
  const cpuBefore = cpuSeconds(writer.pid);
  writer.kill('SIGCONT');
  const { perSecond } = await timeDecisions(backlog, { from: from + leadDecisions, to: from + stepDecisions });
  return { perSecond, cpuUs: ((cpuSeconds(writer.pid) - cpuBefore) / stepDecisions) * 1e6 };
}

function text({ perSecond, cpuUs }: Window): string {
  return `${n(perSecond)} decisions/s, writer ${cpuUs.toFixed(1)} us`;
}

/** Every number of `windowed` requests is even: half of them got what they asked for. */
async function requireRight(backlog: Backlog, due: { requests: number; grown: number; windowed: number }): Promise<void> {
  const held = due.grown + due.windowed / 2;
  const counted = {
    units: await backlog.count('SELECT sum(held) FROM items'),
    held: await backlog.count(`SELECT count(*) FROM reservations WHERE status = 'held'`),
    soldOut: await backlog.count(`SELECT count(*) FROM reservations WHERE status = 'rejected' AND reason = 'sold_out'`),
    // Two for each sale made and opened it.
    events: await backlog.count('SELECT (SELECT count(*) FROM events) - 2 * (SELECT count(*) FROM sales)'),
  };
  if (counted.units === held && counted.held === held && counted.soldOut === due.requests - held && counted.events === due.requests) return;
  right = false;
  say(`COUNTS WRONG: ${JSON.stringify(counted)} of ${JSON.stringify(due)}`);
}

async function requireDisk(): Promise<void> {
  const { rows } = await sale.observer.query<{ data_directory: string }>('SHOW data_directory');
  const { bavail, bsize } = await statfs(rows[0]!.data_directory);
  const [free, needed] = [bavail * bsize, (to + windowsTotal) * diskBytesEach + diskBytesSpare];
  const gib = (bytes: number): string => (bytes / 1024 ** 3).toFixed(1);
  say(`disk: ${gib(needed)} GiB may be needed, ${gib(free)} GiB are free`);
  if (free < needed)
    throw new Error(
      `${n(to)} reservations take up to ${gib(needed)} GiB with all that is written beside them, ${gib(free)} GiB are free: make room, or take a smaller --to`,
    );
}

async function ledgerBytes(): Promise<number> {
  return sale.count('SELECT pg_database_size(current_database())');
}

/** Of ratios: 80 % and 125 % are 100 %. */
function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

function tell(): void {
  const command = ['node bench/behind.ts', ...process.argv.slice(2)].join(' ');
  const rate = (of: readonly Window[]): number => Math.round(median(of.map(({ perSecond }) => perSecond)));
  const cpu = (of: readonly Window[]): number => Number(median(of.map(({ cpuUs }) => cpuUs)).toFixed(1));
  const allFresh = points.flatMap(({ fresh }) => fresh);
  const freshRates = allFresh.map(({ perSecond }) => Math.round(perSecond));
  print({
    id: 'P5',
    what: `${n(freshBehind)} reservations behind it`,
    value: rate(allFresh),
    unit: '/s',
    right,
    details: {
      windows: allFresh.length,
      window_decisions: windowDecisions,
      slowest: Math.min(...freshRates),
      fastest: Math.max(...freshRates),
    },
    command,
    plot: {
      title: 'Decisions by what is behind the sale',
      x: { label: 'reservations of the sale behind it', log: true },
      y: { label: 'decisions/s', log: false },
      series: [
        { name: 'this sale', points: points.map(({ behind, grown }) => [behind, rate(grown)]) },
        {
          name: `a fresh sale with ${n(freshBehind)} behind it, in the same minutes`,
          points: points.map(({ behind, fresh }) => [behind, rate(fresh)]),
        },
      ],
    },
  });
  for (const { behind, liveHolds, fresh, grown, ...memory } of points) {
    const ratios = grown.map((one, index) => (one.perSecond / fresh[index]!.perSecond) * 100);
    print({
      id: 'P5',
      what: `${n(behind)} reservations behind it, against ${n(freshBehind)}`,
      value: Number(geometricMean(ratios).toFixed(1)),
      unit: '%',
      target: { bound: 'at least', value: ratioPercentMin },
      right,
      details: {
        pairs,
        window_decisions: windowDecisions,
        ratios: ratios.map((ratio) => ratio.toFixed(1)).join(', '),
        decisions_per_s: rate(grown),
        fresh_decisions_per_s: rate(fresh),
        writer_cpu_us: cpu(grown),
        fresh_writer_cpu_us: cpu(fresh),
        live_holds: liveHolds,
        writer_mb: Math.round(memory.rssMb),
        writer_peak_mb: Math.round(memory.peakMb),
      },
      command,
    });
  }
  const last = points.at(-1)!;
  for (const [when, value] of [
    ['at most', last.peakMb],
    ['settled', last.rssMb],
  ] as const)
    print({
      id: 'P7',
      what: `memory of the writer, ${n(last.behind)} past reservations, ${when}`,
      value: Math.round(value),
      unit: 'MB',
      target: { bound: 'at most', value: memoryMbMax },
      right,
      details: { live_holds: last.liveHolds, past: last.decided, sold_out: last.decided - last.liveHolds },
      command,
      ...(when === 'settled'
        ? {
            plot: {
              title: 'Memory of the writer by what is behind the sale',
              x: { label: 'reservations of the sale behind it', log: true },
              y: { label: 'MB', log: false },
              series: [
                { name: 'at most', points: points.map((point): [number, number] => [point.decided, Math.round(point.peakMb)]) },
                { name: 'settled', points: points.map((point): [number, number] => [point.decided, Math.round(point.rssMb)]) },
              ],
            },
          }
        : {}),
    });
}
