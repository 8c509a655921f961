import { parseArgs } from 'node:util';
import { openBacklog, timeDecisions } from './backlog.ts';
import { askedBy, grantsOf } from './item-choice.ts';
import { print } from './measurement.ts';
import { cpuSeconds, cpuSecondsOf, peakRssMb } from './process-figures.ts';

/**
 * How many decisions a second one writer process takes from a backlog into
 * PostgreSQL, replies and events included: from its first COMMIT to its last.
 * Needs the servers only (`make up ONLY=servers`).
 *
 *   node bench/writer-backlog.ts [--commands 1000000] [--stock N, of each item; default: for half of the requests] [--no-replies]
 *                                [--items 10000]  requests scattered over so many items
 *                                [--each 3]       different items in a request
 *                                [--sold-out]     little stock, gone before the clock starts
 *                                [--quick]        100,000 requests
 *                                [--profile FOLDER] [--writer-flags="--perf-basic-prof"]
 *                                [--standby]      another writer follows meanwhile
 *                                [--failover]     it takes over half way from the first, which is killed
 */

const { values: options } = parseArgs({
  options: {
    commands: { type: 'string' },
    stock: { type: 'string' },
    items: { type: 'string' },
    each: { type: 'string', default: '1' },
    'sold-out': { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    'no-replies': { type: 'boolean', default: false },
    profile: { type: 'string' },
    'writer-flags': { type: 'string', default: '' },
    standby: { type: 'boolean', default: false },
    failover: { type: 'boolean', default: false },
  },
});
const commands = Number(options.commands ?? (options.quick ? 100_000 : 1_000_000));
const each = Number(options.each);
const choice = { each, items: Number(options.items ?? each) };
const soldOutStock = 100;
const stock = Number(options.stock ?? (options['sold-out'] ? soldOutStock : Math.ceil((commands * each) / choice.items / 2)));
const replies = !options['no-replies'];
const nodeFlags = options['writer-flags'].split(' ').filter((flag) => flag !== '');
if (options.profile !== undefined) nodeFlags.push('--cpu-prof', `--cpu-prof-dir=${options.profile}`);

const { what, target } = kindOfRun();
const expected = grantsOf(commands, choice, stock);
const say = (line: string): void => console.error(line);

const backlog = await openBacklog({ sales: [{ stock: Array<number>(choice.items).fill(stock), perUser: each }], replies });
try {
  say(`filling the line: ${commands.toLocaleString('en-US')} requests`);
  const fillBegun = performance.now();
  await backlog.reserve(commands, askedBy(choice));
  const fillSeconds = (performance.now() - fillBegun) / 1_000;

  const first = backlog.startWriter({ nodeFlags });
  const second = options.standby || options.failover ? backlog.startWriter({ nodeFlags }) : undefined;
  let [writer, standby] = [first, second];
  let killed = false;
  let standbyStartCpu: number | undefined;
  const seeWhoDecides = async (decided: number): Promise<void> => {
    const { owner } = await backlog.row();
    if (owner === '' || killed) return;
    [writer, standby] = owner.startsWith(`bench-${backlog.tag}-2@`) ? [second!, first] : [first, second];
    if (decided > 0) standbyStartCpu ??= cpuSeconds(standby?.pid);
    if (!options.failover || decided < commands / 2) return;
    killed = true;
    writer.kill('SIGKILL');
    [writer, standby] = [standby!, undefined];
  };
  const timed = await timeDecisions(backlog, {
    from: options['sold-out'] ? expected.goneBehind : 0,
    to: commands,
    onLook: second === undefined ? undefined : seeWhoDecides,
  });

  const cpu = {
    writer: cpuSeconds(writer.pid),
    standby: cpuSeconds(standby?.pid) - (standbyStartCpu ?? 0),
    ledger: await ledgerCpuSeconds(),
  };
  const counted = {
    units: await backlog.count('SELECT sum(held) FROM items'),
    held: await backlog.count(`SELECT count(*) FROM reservations WHERE status = 'held'`),
    soldOut: await backlog.count(`SELECT count(*) FROM reservations WHERE status = 'rejected' AND reason = 'sold_out'`),
    buyers: await backlog.count('SELECT count(DISTINCT user_ref) FROM reservations'),
    events: await backlog.count('SELECT count(*) FROM events'),
    orphans: await backlog.count(
      `SELECT count(*) FROM reservations r LEFT JOIN events e ON e.sale_no = r.sale_no AND e.seq = r.decided_seq WHERE e.seq IS NULL`,
    ),
  };
  const right =
    counted.units === expected.granted * each &&
    counted.held === expected.granted &&
    counted.soldOut === commands - expected.granted &&
    counted.buyers === commands &&
    // One for each request, and two that made and opened the sale.
    counted.events === commands + 2 &&
    counted.orphans === 0;
  const cpuUs = (seconds: number): number => Math.round((seconds / commands) * 1e6);
  const details = {
    commands,
    decided: timed.decided,
    seconds: Number(timed.seconds.toFixed(2)),
    items: choice.items,
    items_a_request: each,
    stock_of_each: stock,
    held: counted.held,
    sold_out: counted.soldOut,
    events: counted.events,
    replies,
    fill_s: Number(fillSeconds.toFixed(2)),
    // What a busy machine does not change much: processor time for each decision, start included, but for the standby's.
    writer_cpu_us: cpuUs(cpu.writer),
    ledger_cpu_us: cpuUs(cpu.ledger),
    ...(standby === undefined ? {} : { standby_cpu_us: cpuUs(cpu.standby) }),
    writer_peak_mb: Math.round(peakRssMb(writer.pid)),
  };
  print({
    id: what === 'one item' ? 'P1' : 'P1b',
    what,
    value: Math.round(timed.perSecond),
    unit: '/s',
    ...(target === undefined ? {} : { target: { bound: 'at least', value: target } }),
    right,
    details,
    command: ['node bench/writer-backlog.ts', ...process.argv.slice(2)].join(' '),
  });
  say(
    `${what}: ${Math.round(timed.perSecond).toLocaleString('en-US')} decisions/s in ${timed.seconds.toFixed(2)} s, cpu ${String(details.writer_cpu_us)} + ` +
      `${String(details.ledger_cpu_us)} us, ${String(counted.held)} held, ${String(counted.soldOut)} sold out, ${right ? 'counts right' : `COUNTS WRONG: ${JSON.stringify(counted)}`}`,
  );
} finally {
  await backlog.close();
}

/** Only these kinds have a target; everything else is for orientation. */
function kindOfRun(): { readonly what: string; readonly target?: number } {
  const parts = [
    ...(choice.items > each ? [`${choice.items.toLocaleString('en-US')} items`] : []),
    ...(each > 1 ? [`${String(each)} items a request`] : []),
    ...(options['sold-out'] ? ['sold out'] : []),
    ...(replies ? [] : ['no replies']),
    ...(options.standby ? ['another writer stands by'] : []),
    ...(options.failover ? ['another writer takes over'] : []),
  ];
  if (parts.length === 0) return { what: 'one item', target: 100_000 };
  const what = parts.join(', ');
  const targets: Readonly<Record<string, number>> = { 'sold out': 100_000, '10,000 items': 80_000, '3 items a request': 40_000 };
  const target = targets[what];
  return target === undefined ? { what } : { what, target };
}

/** Of the writers' connections to PostgreSQL. */
async function ledgerCpuSeconds(): Promise<number> {
  const { rows } = await backlog.observer.query<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'firstcome-bench%'`,
  );
  return cpuSecondsOf(rows.map(({ pid }) => pid));
}
