import { runTool } from './run-tool.ts';

/** wrk: one GET over and over on many connections, each the next when the last was answered. The leanest of the known tools. */

export interface WrkResult {
  readonly answered: number;
  readonly perSecond: number;
  /** Every request that ended was answered with 200. */
  readonly allGood: boolean;
  readonly processorSeconds: number;
}

/** More than one, or it would be the bottleneck; there are two cores to share. */
const threads = 2;

export async function runWrk(options: {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
}): Promise<WrkResult> {
  const { url, connections, seconds } = options;
  const args = ['-t', String(threads), '-c', String(connections), '-d', `${seconds}s`, '--timeout', '20s'];
  const run = await runTool('wrk', [...args, url], (seconds + 30) * 1_000);
  return { ...parseWrk(run.printed), processorSeconds: run.processorSeconds };
}

/** Throws an Error where the summary is not there. */
export function parseWrk(printed: string): Omit<WrkResult, 'processorSeconds'> {
  const requests = /^ *(\d+) requests in /m.exec(printed);
  const rate = /^Requests\/sec: +([\d.]+)$/m.exec(printed);
  if (requests === null || rate === null) throw new Error(`wrk printed no summary:\n${printed}`);
  // It speaks of these only where there were any.
  const bad = /^ *(Socket errors|Non-2xx or 3xx responses): /m.test(printed);
  return { answered: Number(requests[1]), perSecond: Number(rate[1]), allGood: !bad && Number(requests[1]) > 0 };
}
