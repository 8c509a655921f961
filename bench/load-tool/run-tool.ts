import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { cpuSeconds } from '../process-figures.ts';

export interface ToolRun {
  readonly printed: string;
  readonly processorSeconds: number;
}

const sampleMs = 20;

/** Runs a load tool to its end, with what it shall read. Throws where it fails or takes too long. */
export function runTool(program: string, args: readonly string[], msMax: number, input?: Readable): Promise<ToolRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'], timeout: msMax });
    const chunks: Buffer[] = [];
    let complaints = '';
    // The system forgets it when the process has ended: the last sample is short by one step at most.
    let used = 0;
    const sample = (): void => {
      used = Math.max(used, cpuSeconds(child.pid));
    };
    const sampling = setInterval(sample, sampleMs);
    child.stdout!.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (complaints += text));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearInterval(sampling);
      if (code === 0) resolve({ printed: Buffer.concat(chunks).toString('utf8'), processorSeconds: used });
      else reject(new Error(`${program} ended with ${signal ?? code}: ${complaints.slice(-2_000)}`));
    });
    if (input !== undefined && child.stdin !== null) {
      // It stops reading when its time is over.
      child.stdin.on('error', () => input.destroy());
      input.pipe(child.stdin);
    }
  });
}
