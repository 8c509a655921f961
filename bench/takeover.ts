import type { ChildProcess } from 'node:child_process';
import { parseArgs } from 'node:util';
import { openBacklog, peakRssMb, type PartitionRow } from './backlog.ts';

/**
 * How long a sale with many live holds is without a writer when the one that decides
 * it is killed: under a light load, from SIGKILL to the end of the lease, to the other
 * owner in `partitions`, and to that one's first COMMIT. The holds are decided by the
 * first writer from a backlog; after each round another standby is started and waited for.
 *
 *   node bench/takeover.ts [--holds 1000000] [--rounds 5] [--rate 500] [--cold] [--json]
 *     --cold   no writer stands by: one is started when the owner is killed
 */

const { values: options } = parseArgs({
  options: {
    holds: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '5' },
    rate: { type: 'string', default: '500' },
    cold: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const holds = Number(options.holds);
const rounds = Number(options.rounds);
const loadEveryMs = 20;
const loadCount = Math.max(1, Math.round((Number(options.rate) * loadEveryMs) / 1_000));
const waitMsMax = 600_000;
const say = (line: string): void => {
  if (!options.json) console.log(line);
};

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

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const backlog = await openBacklog({ stock: 10 * holds, replies: false });
let started = 0;
/** By the loads that have ended. */
let sentBefore = 0;
try {
  say(`filling the line: ${String(holds)} reservations`);
  await backlog.reserve(holds);
  const decideBegun = performance.now();
  let owner = start();
  await until(({ nextOffset }) => nextOffset > holds);
  say(`decided in ${((performance.now() - decideBegun) / 1_000).toFixed(1)} s`);

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
    await until(({ nextOffset }) => nextOffset > holds + sentBefore);
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
  const worstMs = Math.max(...told.map(({ decidedMs }) => decidedMs));
  const result = {
    bench: 'takeover',
    holds,
    warm: !options.cold,
    rate: Number(options.rate),
    worst_ms: Math.round(worstMs),
    rounds: told.map(({ leaseMs, takenMs, decidingMs, decidedMs, loaded }) => ({
      lease_ms: Math.round(leaseMs),
      taken_ms: Math.round(takenMs),
      deciding_ms: Math.round(decidingMs),
      decided_ms: Math.round(decidedMs),
      loaded,
    })),
    owner_peak_rss_mb: Math.round(await peakRssMb(owner.process.pid)),
  };
  if (options.json) console.log(JSON.stringify(result));
  else say(`a sale with ${String(holds)} live holds: first decision within ${ms(worstMs)} of SIGKILL in ${String(rounds)} rounds`);
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

/** A light load, so that there is something to decide. */
function startLoad() {
  let going = true;
  let sent = 0;
  const run = (async () => {
    while (going) {
      await backlog.reserve(loadCount);
      sent += loadCount;
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

async function until(isSo: (row: PartitionRow) => boolean): Promise<PartitionRow> {
  const giveUpAt = Date.now() + waitMsMax;
  for (;;) {
    const row = await backlog.row();
    if (isSo(row)) return row;
    if (Date.now() > giveUpAt) throw new Error(`waited in vain; the row stands at ${JSON.stringify(row)}`);
    await pause(4);
  }
}
