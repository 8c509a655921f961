import { Command } from 'commander';
import { makeReport, type ReportDependencies } from './make-report.ts';

/** `firstcome audit report`: what a sale's evidence says about how it went. */
export function reportCommand(dependencies: ReportDependencies): Command {
  return new Command('report')
    .description('whether first come was first served, by the log of a sale: waits, overtaking, shares, reconciliation')
    .argument('[path]', 'an export: folder or .tar')
    .option('--sale <id>', 'a sale of the running system, instead of an export')
    .option('--out <file.html>', 'also write the report as one HTML page with plots')
    .action(async (path: string | undefined, { sale, out }: { sale?: string; out?: string }) => {
      const exitCode = await makeReport({ path, sale, out }, dependencies);
      if (exitCode !== 0) process.exitCode = exitCode;
    });
}
