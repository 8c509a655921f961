import { parseArgs } from 'node:util';
import { cpuSeconds, openBacklog, peakRssMb } from './backlog.ts';

/**
 * How many decisions a second one writer process takes from a backlog into
 * PostgreSQL, replies and events included: from its first COMMIT to its last.
 * Prints one JSON line and one line for people.
 *
 *   node bench/writer-backlog.ts [--commands 500000] [--stock 250000] [--no-replies] [--profile FOLDER] [--writer-flags="--perf-basic-prof"]
 *                                [--standby]    another writer follows meanwhile
 *                                [--failover]   it takes over half way from the first, which is killed
 */

const { values: options } = parseArgs({
  options: {
    commands: { type: 'string', default: '500000' },
    stock: { type: 'string' },
    'no-replies': { type: 'boolean', default: false },
    profile: { type: 'string' },
    'writer-flags': { type: 'string', default: '' },
    standby: { type: 'boolean', default: false },
    failover: { type: 'boolean', default: false },
  },
});
const commands = Number(options.commands);
const stock = Number(options.stock ?? Math.ceil(commands / 2));
const waitMsMax = 600_000;
const nodeFlags = options['writer-flags'].split(' ').filter((flag) => flag !== '');
if (options.profile !== undefined) nodeFlags.push('--cpu-prof', `--cpu-prof-dir=${options.profile}`);

const backlog = await openBacklog({ stock, replies: !options['no-replies'] });
const { observer } = backlog;
try {
  const fillBegun = performance.now();
  await backlog.reserve(commands);
  const filledMs = performance.now() - fillBegun;

  const first = backlog.startWriter({ nodeFlags });
  const second = options.standby || options.failover ? backlog.startWriter({ nodeFlags }) : undefined;
  let [writer, standby] = [first, second];
  let killed = false;
  let standbyStartCpu: Promise<number> | undefined;
  const { firstMs, lastMs, firstOffset, lastOffset } = await watch(commands + 1, (offset, owner) => {
    if (second === undefined || owner === '' || killed) return;
    [writer, standby] = owner.startsWith(`bench-${backlog.tag}-2@`) ? [second, first] : [first, second];
    if (offset > 0) standbyStartCpu ??= cpuSeconds(standby.pid);
    if (!options.failover || offset < commands / 2) return;
    killed = true;
    writer.kill('SIGKILL');
    [writer, standby] = [standby, undefined];
  });
  const seconds = (lastMs - firstMs) / 1_000;
  const decided = lastOffset - firstOffset;

  const cpu = {
    writer: await cpuSeconds(writer.pid),
    standby: (await cpuSeconds(standby?.pid)) - ((await standbyStartCpu) ?? 0),
    ledger: await ledgerCpuSeconds(),
  };
  const held = await count(`SELECT held AS n FROM items`);
  const soldOut = await count(`SELECT count(*) AS n FROM reservations WHERE status = 'rejected' AND reason = 'sold_out'`);
  const events = await count('SELECT count(*) AS n FROM events');
  const right = held === Math.min(stock, commands) && soldOut === Math.max(0, commands - stock) && events === commands + 2;
  const result = {
    bench: 'writer-backlog',
    commands,
    decisions_per_second: Math.round(decided / seconds),
    seconds: Number(seconds.toFixed(2)),
    held,
    sold_out: soldOut,
    events,
    right,
    replies: !options['no-replies'],
    fill_seconds: Number((filledMs / 1_000).toFixed(2)),
    // What a busy machine does not change much: processor time for each decision, start included, but for the standby's.
    writer_cpu_us: Math.round((cpu.writer / decided) * 1e6),
    ledger_cpu_us: Math.round((cpu.ledger / decided) * 1e6),
    ...(standby === undefined ? {} : { standby_cpu_us: Math.round((cpu.standby / decided) * 1e6) }),
    writer_peak_rss_mb: Math.round(await peakRssMb(writer.pid)),
  };
  console.log(JSON.stringify(result));
  console.log(
    `${'writer from a backlog'.padEnd(28)} ${String(result.decisions_per_second).padStart(8)} decisions/s  ` +
      `${result.seconds.toFixed(2).padStart(7)} s  cpu ${String(result.writer_cpu_us)} + ${String(result.ledger_cpu_us)} us  ${String(held).padStart(8)} held  ${String(soldOut).padStart(8)} sold out  ${right ? 'counts right' : 'COUNTS WRONG'}`,
  );
  if (!right) process.exitCode = 1;
} finally {
  await backlog.close();
}

async function count(query: string): Promise<number> {
  const { rows } = await observer.query<{ n: string }>(query);
  return Number(rows[0]?.n);
}

/** Looks at the partition's row until everything is decided; times are the database's clock. */
async function watch(end: number, onProgress: (offset: number, owner: string) => void) {
  const giveUpAt = Date.now() + waitMsMax;
  let first: { ms: number; offset: number } | undefined;
  for (;;) {
    const { nextOffset: offset, owner, nowMs: ms } = await backlog.row();
    if (offset > 0) first ??= { ms, offset };
    onProgress(offset, owner);
    if (first !== undefined && offset >= end) return { firstMs: first.ms, lastMs: ms, firstOffset: first.offset, lastOffset: offset };
    if (Date.now() > giveUpAt)
      throw new Error(`only ${String(offset)} of ${String(end)} records were decided in ${String(waitMsMax / 1_000)} s`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Of the writers' connections to PostgreSQL. */
async function ledgerCpuSeconds(): Promise<number> {
  const { rows } = await observer.query<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'firstcome-bench%'`,
  );
  const each = await Promise.all(rows.map(({ pid }) => cpuSeconds(pid)));
  return each.reduce((sum, seconds) => sum + seconds, 0);
}
