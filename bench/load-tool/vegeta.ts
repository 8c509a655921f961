import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { buildGoProgram } from '#deploy/local/go-program.ts';
import { runTool } from './run-tool.ts';

/** The load generator that ours is compared with; its version stands in `vegeta/go.mod`. */

export function buildVegeta(say: (line: string) => void): Promise<string> {
  return buildGoProgram(
    {
      name: 'vegeta',
      folder: 'bench/load-tool/vegeta',
      package: 'github.com/tsenart/vegeta/v12',
      wantedFor: 'The check of the load generator',
    },
    say,
  );
}

export interface VegetaTarget {
  readonly method: 'POST';
  readonly url: string;
  readonly header: Readonly<Record<string, readonly string[]>>;
  /** Base64. */
  readonly body: string;
}

export interface VegetaOptions {
  readonly program: string;
  readonly rate: number;
  readonly seconds: number;
  /** Requests under way at the same time; what is due beyond waits, and that wait is not in its latencies. */
  readonly workersMax: number;
  readonly target: (index: number) => VegetaTarget;
}

export interface VegetaResult {
  readonly sent: number;
  /** By status; `0` where none came. */
  readonly answers: Readonly<Record<string, number>>;
  readonly answeredPerSecond: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly processorSeconds: number;
}

const Report = z.object({
  requests: z.number(),
  throughput: z.number(),
  status_codes: z.record(z.string(), z.number()),
  latencies: z.object({ '50th': z.number(), '95th': z.number(), '99th': z.number(), max: z.number() }),
});
const requestSecondsMax = 20;

/** One run; it reads its targets from a file as it goes, so that nothing beside it has to be quick. */
export async function runVegeta({ program, rate, seconds, workersMax, target }: VegetaOptions): Promise<VegetaResult> {
  const folder = mkdtempSync(join(tmpdir(), 'firstcome-vegeta-'));
  try {
    const [targets, results] = [join(folder, 'targets'), join(folder, 'results')];
    // One more than are sent: where they end, it complains.
    await pipeline(Readable.from(linesOf(target, Math.ceil(rate * seconds) + 1)), createWriteStream(targets));
    const attack = ['attack', '-lazy', '-format=json', `-targets=${targets}`, `-output=${results}`, `-rate=${rate}/1s`];
    const limits = [`-duration=${seconds}s`, `-max-workers=${workersMax}`, `-connections=${workersMax}`, `-timeout=${requestSecondsMax}s`];
    const run = await runTool(program, [...attack, ...limits, '-max-body=0'], (seconds + 2 * requestSecondsMax) * 1_000);
    const printed = await runTool(program, ['report', '-type=json', results], 60_000);
    const { requests, throughput, status_codes, latencies } = Report.parse(JSON.parse(printed.printed));
    const ms = (nanoseconds: number): number => nanoseconds / 1e6;
    return {
      sent: requests,
      answers: status_codes,
      answeredPerSecond: throughput,
      p50Ms: ms(latencies['50th']),
      p95Ms: ms(latencies['95th']),
      p99Ms: ms(latencies['99th']),
      maxMs: ms(latencies.max),
      processorSeconds: run.processorSeconds,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const linesAtOnce = 1_000;

function* linesOf(target: (index: number) => VegetaTarget, total: number): Generator<string> {
  for (let from = 0; from < total; from += linesAtOnce) {
    let lines = '';
    for (let index = from; index < Math.min(total, from + linesAtOnce); index += 1) lines += `${JSON.stringify(target(index))}\n`;
    yield lines;
  }
}
