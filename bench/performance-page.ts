import type { LatencySummary } from '#shared/load/latency.ts';
import type { Measured } from './baselines/contender.ts';
import type { Machine } from './machine.ts';
import { p95MsMax, type LadderResult } from './over-http.ts';

/** docs/PERFORMANCE.md from what one run measured. */

/** One run of writer-backlog.ts, as it prints it, and how fast the machine was right before. */
export interface BacklogRun {
  readonly commands: number;
  readonly decisions_per_second: number;
  readonly seconds: number;
  readonly writer_cpu_us: number;
  readonly ledger_cpu_us: number;
  readonly writer_peak_rss_mb: number;
  readonly right: boolean;
  readonly hashUs: number;
}

/** As floor.ts prints it. */
export interface FloorRun {
  readonly reservations_per_second: number;
  readonly bytes_a_reservation: number;
  readonly right: boolean;
}

export interface BenchResult {
  readonly at: string;
  readonly command: string;
  readonly machine: Machine;
  readonly backlog: readonly BacklogRun[];
  readonly ladder: LadderResult | null;
  readonly lone: LatencySummary | null;
  readonly baselines: readonly Measured[];
  readonly floor: FloorRun | null;
  /** What the smaller programs of this folder printed, by their name. */
  readonly programs: Readonly<Record<string, readonly string[]>>;
}

const targets = { decisionsPerSecond: 40_000, httpPerSecond: 6_000, loneMs: 12 };

/** @param findings what people found out by profiles, written by hand */
export function performancePage(result: BenchResult, findings: string): string {
  const { machine, backlog, ladder, lone, baselines, floor } = result;
  const rowLock = baselines.find(({ contender }) => contender === 'row-lock');
  const ratio = (value: number | undefined): string =>
    value === undefined || rowLock === undefined ? '-' : `${(value / rowLock.durable_per_second).toFixed(1)} x`;
  const n = (value: number | undefined): string => (value === undefined ? 'not measured' : Math.round(value).toLocaleString('en-US'));
  const best = ladder?.best ?? undefined;
  const median = [...backlog].sort((a, b) => a.decisions_per_second - b.decisions_per_second)[Math.floor(backlog.length / 2)];
  return `# Performance

Made by \`${result.command}\` on ${result.at.slice(0, 10)}; the numbers are one run's, as they came. Run it on your own machine: it overwrites this page and adds a file to \`bench/results/\`.

${row(['machine', `${machine.cores} cores of ${machine.cpu}, ${machine.memoryGiB} GiB, ${machine.system}`])}
${row(['---', '---'])}
${row(['versions', `Node ${machine.node}, PostgreSQL ${machine.postgresql}, Kafka ${machine.kafka}, commit ${machine.commit}`])}
${row(['other load', `load average ${machine.loadBefore.toFixed(2)} when it began; everything (servers, services, load generator) shares the cores`])}

## Side by side

First what is usually done instead, each at the number of clients that suits it best: straight at the servers, without HTTP, order, limits per user, idempotency or proof. What counts is what stands in PostgreSQL. The floor is what no writer on this PostgreSQL can be faster than: the rows of a decision by COPY from one connection, made before the clock starts.

${row(['what', 'reservations/s', 'against a row lock', 'p50', 'p95', 'p99', 'target'])}
${row(['---', '---:', '---:', '---:', '---:', '---:', '---'])}
${baselines
  .map((one) =>
    row([
      `${one.contender}, ${one.clients} clients: ${one.what}${one.at_risk === '' ? '' : `; ${n(one.answered_per_second)}/s told, a power cut takes ${one.at_risk}`}`,
      n(one.durable_per_second),
      ratio(one.durable_per_second),
      ...percentiles(one.latency),
      '',
    ]),
  )
  .join('\n')}
${row(['the floor', n(floor?.reservations_per_second), ratio(floor?.reservations_per_second), '', '', '', ''])}
${row([`writer, from a backlog of ${n(median?.commands)} on one item, the median run`, n(median?.decisions_per_second), ratio(median?.decisions_per_second), '', '', '', `${n(targets.decisionsPerSecond)}/s`])}
${row(['over HTTP, one API process, answered with the decision', n(best?.answeredPerSecond), ratio(best?.answeredPerSecond), ...percentiles(best?.latency), `${n(targets.httpPerSecond)}/s at p95 < ${p95MsMax} ms`])}
${row(['one lone reservation after the other', '', '', ...percentiles(lone ?? undefined), `p50 < ${targets.loneMs} ms`])}

## Over HTTP, rate by rate

Open loop: requests leave on their own clock, latency counts from the instant a request was due, every request is answered with its decision (committed in PostgreSQL, in the hash chain). A rate is borne where p95 stays under ${p95MsMax} ms, 97 % of the rate are decided, and none is left out; one that is not is tried once more. How fast a core was right before is told by a SHA-256 of 600 bytes: the cores of a virtual machine are not equally fast from minute to minute.

${row(['asked for', 'decided/s', 'p50', 'p95', 'p99', 'max', 'answers', 'SHA-256 before', 'borne'])}
${row(['---:', '---:', '---:', '---:', '---:', '---:', '---', '---:', '---'])}
${(ladder?.steps ?? [])
  .map((step) =>
    row([
      `${n(step.rate)}/s`,
      n(step.answeredPerSecond),
      ...percentiles(step.latency),
      ms(step.latency.maxMs),
      Object.entries(step.answers)
        .map(([name, count]) => `${name}: ${n(count)}`)
        .join(', '),
      `${step.hashUs.toFixed(2)} us`,
      step.borne ? 'yes' : 'no',
    ]),
  )
  .join('\n')}

## The writer's backlog

Reservations of one item, half of them more than there is, with per-user limits, replies by Redis and events published, stood in the line before the writer started; from its first commit to its last. Processor time a decision is that of the writer and of its PostgreSQL connections, start included. How fast a core was right before is told by a SHA-256 of 600 bytes: compare runs only beside it.

${row(['decisions/s', 'within', 'writer', 'PostgreSQL', 'peak memory', 'SHA-256 before', 'counts'])}
${row(['---:', '---:', '---:', '---:', '---:', '---:', '---'])}
${backlog
  .map((run) =>
    row([
      n(run.decisions_per_second),
      `${run.seconds.toFixed(1)} s`,
      `${run.writer_cpu_us} us`,
      `${run.ledger_cpu_us} us`,
      `${run.writer_peak_rss_mb} MB`,
      `${run.hashUs.toFixed(2)} us`,
      run.right ? 'right' : 'WRONG',
    ]),
  )
  .join('\n')}

${Object.entries(result.programs)
  .map(([name, lines]) => `## \`bench/${name}.ts\`\n\n\`\`\`\n${lines.join('\n')}\n\`\`\`\n`)
  .join('\n')}
${findings}`;
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function percentiles(latency: LatencySummary | undefined): string[] {
  return latency === undefined ? ['', '', ''] : [ms(latency.p50Ms), ms(latency.p95Ms), ms(latency.p99Ms)];
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}
