import type { ChildProcess } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type LineRow, openBacklog, recordsBefore, untilDecided } from './backlog.ts';
import { median } from './median.ts';
import { print } from './measurement.ts';
import { peakRssMb, rssMb } from './process-figures.ts';
import { always, skuOf } from './reservation-records.ts';

/**
 * How long a sale with many live holds is without a writer when the one that decides
 * it is killed: under a light load, from SIGKILL to the end of the lease, to the other
 * owner in `partitions`, and to that one's first COMMIT. The holds are decided by the
 * first writer from a backlog, whose memory is told too; after each round another standby is
 * started and waited for. Needs the servers only (`make up ONLY=servers`).
 *
 *   node bench/takeover.ts [--holds 1000000] [--rounds 5] [--rate 500] [--cold] [--quick]
 *     --cold   no writer stands by: one is started when the owner is killed
 */

const { values: options } = parseArgs({
  options: {
    holds: { type: 'string' },
    rounds: { type: 'string' },
    rate: { type: 'string', default: '500' },
    cold: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
  },
});
const holds = Number(options.holds ?? (options.quick ? 50_000 : 1_000_000));
const rounds = Number(options.rounds ?? (options.quick ? 1 : 5));
const rate = Number(options.rate);
const loadEveryMs = 20;
const waitMsMax = 600_000;
/** Until the collector has nothing more to give back: V8 looks for garbage 30 s after the last collection, and twice more, 8 s apart. */
const settleMs = 90_000;
const takeoverSecondsMax = 3;
const memoryMbMax = 400;
const say = (line: string): void => console.error(line);

interface Writer {
  readonly process: ChildProcess;
  /** Begins its name in `partitions`. */
  readonly name: string;
  httpPort: number;
  /** What it logged when it had the sale in memory. */
  loaded: Readonly<Record<string, unknown>> | undefined;
  loadedAt: number;
}

interface Round {
  /** From SIGKILL to the end of the lease, as it stood when the process was killed. */
  readonly leaseMs: number;
  readonly takenMs: number;
  /** The line is checked and the sale in memory: records are asked for. */
  readonly decidingMs: number;
  readonly decidedMs: number;
  readonly loaded: Readonly<Record<string, unknown>> | undefined;
}

const asked = always(skuOf(0));
const backlog = await openBacklog({ sales: [{ stock: [10 * holds], perUser: 1 }], replies: true });
let started = 0;
/** By the loads that have ended. */
let sentBefore = 0;
try {
  say(`filling the line: ${String(holds)} reservations`);
  await backlog.reserve(holds, asked);
  const decideBegun = performance.now();
  let owner = start();
  await untilDecided(backlog, holds);
  say(`decided in ${((performance.now() - decideBegun) / 1_000).toFixed(1)} s`);
  await pause(settleMs);
  const memory = { peakMb: peakRssMb(owner.process.pid), settledMb: rssMb(owner.process.pid) };
  say(`the writer that decided them: ${memory.peakMb.toFixed(0)} MB at most, ${memory.settledMb.toFixed(0)} MB now`);

  const told: Round[] = [];
  let standby = options.cold ? undefined : await startStandby();
  for (let round = 0; round < rounds; round += 1) {
    const load = startLoad();
    await pause(2_000 + Math.random() * 500);
    const before = await backlog.row();
    const killedAt = before.nowMs;
    owner.process.kill('SIGKILL');
    const other = standby ?? start();
    const taken = await until((row) => row.owner.startsWith(`${other.name}@`));
    const decided = await until((row) => row.nextOffset > taken.nextOffset);
    await load.stop();
    await untilDecided(backlog, holds + sentBefore);
    const measured = {
      leaseMs: before.leaseUntilMs - killedAt,
      takenMs: taken.nowMs - killedAt,
      decidingMs: other.loadedAt - killedAt,
      decidedMs: decided.nowMs - killedAt,
      loaded: other.loaded,
    };
    told.push(measured);
    say(
      `round ${String(round + 1)}: lease ${ms(measured.leaseMs)}, taken over after ${ms(measured.takenMs)}, deciding after ${ms(measured.decidingMs)}, ` +
        `first decision after ${ms(measured.decidedMs)}; ${JSON.stringify(measured.loaded)}`,
    );
    owner = other;
    standby = options.cold ? undefined : await startStandby();
  }
  const all = holds + sentBefore;
  const counted = {
    held: await backlog.count('SELECT held FROM items'),
    live: await backlog.count(`SELECT count(*) FROM reservations WHERE status = 'held'`),
    events: await backlog.count('SELECT count(*) FROM events'),
    nextOffset: (await backlog.row()).nextOffset,
  };
  // None lost and none twice, whoever decided it; two events made and opened the sale.
  const right = counted.held === all && counted.live === all && counted.events === all + 2 && counted.nextOffset === all + recordsBefore;
  const command = ['node bench/takeover.ts', ...process.argv.slice(2)].join(' ');
  const sized = `${holds.toLocaleString('en-US')} live holds`;
  const rounded = (of: (round: Round) => number): number[] => told.map((round) => Math.round(of(round)));
  const decidedMs = rounded((round) => round.decidedMs);
  print({
    id: 'P6',
    what: `first decision after SIGKILL, ${sized}${options.cold ? ', nobody standing by' : ''}`,
    value: Number((median(decidedMs) / 1_000).toFixed(2)),
    unit: 's',
    ...(options.cold ? {} : { target: { bound: 'at most', value: takeoverSecondsMax } }),
    right,
    details: {
      rounds,
      requests_per_s: rate,
      worst_s: Math.max(...decidedMs) / 1_000,
      decided_ms: decidedMs.join(', '),
      lease_left_ms: rounded((round) => round.leaseMs).join(', '),
      taken_ms: rounded((round) => round.takenMs).join(', '),
      decisions: all,
    },
    command,
  });
  const memoryOf = (when: string, value: number): void =>
    print({
      id: 'P7',
      what: `memory of the writer, ${sized}, ${when}`,
      value: Math.round(value),
      unit: 'MB',
      target: { bound: 'at most', value: memoryMbMax },
      right,
      details: { holds },
      command,
    });
  memoryOf('at most', memory.peakMb);
  memoryOf('settled', memory.settledMb);
  if (!right) say(`COUNTS WRONG: ${JSON.stringify(counted)} of ${String(all)}`);
} finally {
  await backlog.close();
}

function ms(of: number): string {
  return `${String(Math.round(of))} ms`;
}

function start(): Writer {
  const writer: Writer = {
    name: `bench-${backlog.tag}-${String(++started)}`,
    httpPort: 0,
    loaded: undefined,
    loadedAt: NaN,
    process: backlog.startWriter({
      onLog: (line) => {
        if (typeof line['http_port'] === 'number') writer.httpPort = line['http_port'];
        if (typeof line['warm'] !== 'number') return;
        const { warm, cold, caught_up_events, ms: loadMs } = line;
        writer.loadedAt = Date.parse(line['time'] as string);
        writer.loaded = { warm, cold, caught_up_events, ms: loadMs };
      },
    }),
  };
  return writer;
}

/** One that has the sale in memory. */
async function startStandby(): Promise<Writer> {
  const begun = performance.now();
  const writer = start();
  for (;;) {
    if (writer.httpPort !== 0) {
      const text = await metricsOf(writer);
      const figure = (name: string) => Number(new RegExp(`^firstcome_writer_${name}(?:\\{[^}]*\\})? (\\d+)`, 'm').exec(text)?.[1] ?? NaN);
      if (figure('followed_sales') === 1 && figure('follow_lag_events') < 1_000) break;
    }
    if (performance.now() - begun > waitMsMax) throw new Error('the standby did not come to follow the sale');
    await pause(100);
  }
  say(`a standby follows after ${ms(performance.now() - begun)}`);
  return writer;
}

/** Empty where it is too busy to answer. */
async function metricsOf({ httpPort }: Writer): Promise<string> {
  try {
    return await (await fetch(`http://127.0.0.1:${String(httpPort)}/metrics`, { headers: { connection: 'close' } })).text();
  } catch {
    return '';
  }
}

/** A light load by the clock, whatever becomes of what was sent, so that there is something to decide. */
function startLoad() {
  const begun = performance.now();
  let going = true;
  let sent = 0;
  const run = (async () => {
    while (going) {
      const due = Math.floor(((performance.now() - begun) / 1_000) * rate);
      if (due > sent) await backlog.reserve(due - sent, asked);
      sent = Math.max(sent, due);
      await pause(loadEveryMs);
    }
  })();
  return {
    stop: async () => {
      going = false;
      await run;
      sentBefore += sent;
    },
  };
}

async function until(isSo: (row: LineRow) => boolean): Promise<LineRow> {
  const giveUpAt = Date.now() + waitMsMax;
  for (;;) {
    const row = await backlog.row();
    if (isSo(row)) return row;
    if (Date.now() > giveUpAt) throw new Error(`waited in vain; the row stands at ${JSON.stringify(row)}`);
    await pause(4);
  }
}
