import { execFile } from 'node:child_process';
import { parseArgs, promisify } from 'node:util';
import { median } from './median.ts';
import { Measurement } from './measurement.ts';

/**
 * What the chain costs the writer: decisions a second from a backlog, with the chain and with a plain outbox instead
 * (bench/without-chain.ts), in turn on the servers that run. Prints one JSON line and one line for people.
 *
 *   make up ONLY=servers; node bench/chain-cost.ts [--rounds 5] [--commands 300000]
 */

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, commands: { type: 'string', default: '300000' } },
});
const rounds = Number(options.rounds);
const outputBytesMax = 1024 * 1024;

async function run(flags: string): Promise<Measurement> {
  const args = ['bench/writer-backlog.ts', '--commands', options.commands, `--writer-flags=${flags}`];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: outputBytesMax });
  return Measurement.parse(JSON.parse(stdout));
}

const chained: Measurement[] = [];
const plain: Measurement[] = [];
for (let round = 0; round < rounds; round++) {
  // In turn, and who goes first alternates: a machine that slows down meets both.
  const order = [
    { into: chained, flags: '' },
    { into: plain, flags: '--import=./bench/without-chain.ts' },
  ];
  for (const { into, flags } of round % 2 === 0 ? order : order.reverse()) into.push(await run(flags));
  const [a, b] = [chained.at(-1)!, plain.at(-1)!];
  console.error(`round ${String(round + 1)}: chained ${String(a.value)}/s, plain ${String(b.value)}/s`);
}

const ratios = chained.map((one, index) => one.value / plain[index]!.value);
const cpu = (runs: readonly Measurement[], part: 'writer_cpu_us' | 'ledger_cpu_us'): number =>
  median(runs.map(({ details }) => Number(details[part])));
const result = {
  bench: 'chain-cost',
  commands: Number(options.commands),
  rounds,
  throughput_ratio: Number(median(ratios).toFixed(3)),
  ratios: ratios.map((ratio) => Number(ratio.toFixed(3))),
  chained: { writer_cpu_us: cpu(chained, 'writer_cpu_us'), ledger_cpu_us: cpu(chained, 'ledger_cpu_us') },
  plain: { writer_cpu_us: cpu(plain, 'writer_cpu_us'), ledger_cpu_us: cpu(plain, 'ledger_cpu_us') },
  right: [...chained, ...plain].every(({ right }) => right),
};
console.log(JSON.stringify(result));
console.log(
  `the chain leaves ${(result.throughput_ratio * 100).toFixed(1)} % of the throughput; cpu of writer + ledger a decision: ` +
    `${String(result.chained.writer_cpu_us)} + ${String(result.chained.ledger_cpu_us)} us chained, ${String(result.plain.writer_cpu_us)} + ${String(result.plain.ledger_cpu_us)} us plain`,
);
if (!result.right) process.exitCode = 1;
