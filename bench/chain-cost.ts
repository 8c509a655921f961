import { execFile } from 'node:child_process';
import { parseArgs, promisify } from 'node:util';

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

interface Run {
  readonly decisions_per_second: number;
  readonly writer_cpu_us: number;
  readonly ledger_cpu_us: number;
  readonly right: boolean;
}

async function run(flags: string): Promise<Run> {
  const args = ['bench/writer-backlog.ts', '--commands', options.commands, `--writer-flags=${flags}`];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: outputBytesMax });
  const line = stdout.split('\n').find((one) => one.startsWith('{'));
  if (line === undefined) throw new Error(`bench/writer-backlog.ts said nothing that can be read:\n${stdout}`);
  return JSON.parse(line) as Run;
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

const chained: Run[] = [];
const plain: Run[] = [];
for (let round = 0; round < rounds; round++) {
  // In turn, and who goes first alternates: a machine that slows down meets both.
  const order = [
    { into: chained, flags: '' },
    { into: plain, flags: '--import=./bench/without-chain.ts' },
  ];
  for (const { into, flags } of round % 2 === 0 ? order : order.reverse()) into.push(await run(flags));
  const [a, b] = [chained.at(-1)!, plain.at(-1)!];
  console.error(`round ${String(round + 1)}: chained ${String(a.decisions_per_second)}/s, plain ${String(b.decisions_per_second)}/s`);
}

const ratios = chained.map((one, index) => one.decisions_per_second / plain[index]!.decisions_per_second);
const cpu = (runs: readonly Run[], part: 'writer_cpu_us' | 'ledger_cpu_us'): number => median(runs.map((one) => one[part]));
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
