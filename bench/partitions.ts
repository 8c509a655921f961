import { parseArgs } from 'node:util';
import { openBacklog, timeDecisions } from './backlog.ts';
import { median } from './median.ts';
import { print } from './measurement.ts';
import { cpuSeconds, peakRssMb } from './process-figures.ts';
import { always, skuOf } from './reservation-records.ts';

/**
 * Whether one writer process that owns several lines decides, all together, as many as with one: a sale on each of 1, 2,
 * 4 and 8 partitions, equal shares of a backlog of the same size, from the first COMMIT on any to the last on all. In
 * turn, so that a machine that slows down meets all of them. Needs the servers only (`make up ONLY=servers`).
 *
 *   node bench/partitions.ts [--commands 800000] [--rounds 3] [--quick]
 */

const { values: options } = parseArgs({
  options: { commands: { type: 'string' }, rounds: { type: 'string' }, quick: { type: 'boolean', default: false } },
});
const commands = Number(options.commands ?? (options.quick ? 40_000 : 800_000));
const rounds = Number(options.rounds ?? (options.quick ? 1 : 3));
const partitionCounts = [1, 2, 4, 8];
const ratioPercentMin = 100;

interface Run {
  readonly perSecond: number;
  readonly cpuUs: number;
  readonly peakMb: number;
  readonly right: boolean;
}

async function run(partitions: number): Promise<Run> {
  const share = Math.floor(commands / partitions);
  const total = share * partitions;
  const stock = Math.ceil(share / 2);
  const backlog = await openBacklog({
    sales: Array.from({ length: partitions }, () => ({ stock: [stock], perUser: 1 })),
    replies: true,
  });
  try {
    for (let sale = 0; sale < partitions; sale++) await backlog.reserve(share, always(skuOf(0)), sale);
    const writer = backlog.startWriter();
    const { perSecond } = await timeDecisions(backlog, { from: 0, to: total });
    const cpuUs = Math.round((cpuSeconds(writer.pid) / total) * 1e6);
    const peakMb = Math.round(peakRssMb(writer.pid));
    const wrongSales = await backlog.count(`SELECT count(*) FROM items WHERE held <> ${String(stock)}`);
    const events = await backlog.count('SELECT count(*) FROM events');
    const reservations = await backlog.count('SELECT count(*) FROM reservations');
    const right = wrongSales === 0 && events === total + 2 * partitions && reservations === total;
    return { perSecond, cpuUs, peakMb, right };
  } finally {
    await backlog.close();
  }
}

const runs = new Map<number, Run[]>(partitionCounts.map((partitions) => [partitions, []]));
for (let round = 0; round < rounds; round++) {
  // Back and forth: who comes first may have it easier.
  for (const [partitions, into] of round % 2 === 0 ? [...runs] : [...runs].reverse()) {
    const one = await run(partitions);
    into.push(one);
    console.error(
      `round ${String(round + 1)}, ${String(partitions)} partitions: ${Math.round(one.perSecond).toLocaleString('en-US')} decisions/s, ` +
        `writer ${String(one.cpuUs)} us, ${String(one.peakMb)} MB at most${one.right ? '' : ', COUNTS WRONG'}`,
    );
  }
}

const command = ['node bench/partitions.ts', ...process.argv.slice(2)].join(' ');
const perSecond = (of: readonly Run[]): number => Math.round(median(of.map((one) => one.perSecond)));
const details = (of: readonly Run[]) => ({
  commands,
  rounds,
  decisions_per_s: perSecond(of),
  writer_cpu_us: median(of.map(({ cpuUs }) => cpuUs)),
  writer_peak_mb: median(of.map(({ peakMb }) => peakMb)),
});
const alone = runs.get(1)!;
for (const [partitions, each] of runs) {
  const right = each.every((one) => one.right);
  if (partitions === 1) {
    print({
      id: 'P5',
      what: '1 partition in one writer process',
      value: perSecond(each),
      unit: '/s',
      right,
      details: details(each),
      command,
      plot: {
        title: 'Sum of decisions by partitions of one writer process',
        x: { label: 'partitions', log: true },
        y: { label: 'decisions/s', log: false },
        series: [{ name: 'one sale on each', points: [...runs].map(([count, of]) => [count, perSecond(of)]) }],
      },
    });
    continue;
  }
  // Against the run of the same round: minutes apart the machine is another one.
  const ratios = each.map((one, round) => (one.perSecond / alone[round]!.perSecond) * 100);
  print({
    id: 'P5',
    what: `${String(partitions)} partitions in one writer process, against 1`,
    value: Number(median(ratios).toFixed(1)),
    unit: '%',
    target: { bound: 'at least', value: ratioPercentMin },
    right: right && alone.every((one) => one.right),
    details: { ...details(each), ratios: ratios.map((ratio) => ratio.toFixed(1)).join(', ') },
    command,
  });
}
