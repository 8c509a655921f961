import { runTool } from './run-tool.ts';

/**
 * h2load of nghttp2: one GET over and over on many HTTP/1.1 connections, at a rate.
 * What it says of latency is not taken: it counts from the send, which it puts off while a connection waits.
 */

export interface H2loadOptions {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  /** All connections together. */
  readonly ratePerSecond: number;
}

export interface H2loadResult {
  readonly answered: number;
  readonly perSecond: number;
  /** Every request that ended was answered with 200. */
  readonly allGood: boolean;
  readonly bodyBytes: number;
  readonly processorSeconds: number;
}

/** More than one, or it would be the bottleneck; there are two cores to share. */
const threads = 2;

export async function runH2load({ url, connections, seconds, ratePerSecond }: H2loadOptions): Promise<H2loadResult> {
  const rps = String(ratePerSecond / connections);
  const args = ['--h1', '-t', String(threads), '-c', String(connections), '-D', String(seconds), '--rps', rps];
  const run = await runTool('h2load', [...args, url], (seconds + 30) * 1_000);
  return { ...parseH2load(run.printed), processorSeconds: run.processorSeconds };
}

/** Throws an Error where the summary is not there. */
export function parseH2load(printed: string): Omit<H2loadResult, 'processorSeconds'> {
  const finished = /^finished in [^,]+, ([\d.]+) req\/s/m.exec(printed);
  const requests = /^requests: \d+ total, \d+ started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout/m.exec(
    printed,
  );
  const good = /^status codes: (\d+) 2xx/m.exec(printed);
  const data = /\((\d+)\) data$/m.exec(printed);
  if (finished === null || requests === null || good === null || data === null) throw new Error(`h2load printed no summary:\n${printed}`);
  const [done, succeeded, failed, errored, timedOut] = requests.slice(1).map(Number) as [number, number, number, number, number];
  return {
    answered: done,
    perSecond: Number(finished[1]),
    allGood: done > 0 && succeeded === done && Number(good[1]) === done && failed + errored + timedOut === 0,
    bodyBytes: Number(data[1]),
  };
}
