import { Command } from 'commander';
import { exportEvidence } from '#shared/evidence/export-files.ts';
import { print, type Output } from '../output.ts';
import { formatNumber, pairs } from '../table.ts';
import { type EvidenceSurroundings, openPlace } from './open-evidence.ts';
import { createProgressBar } from './progress-bar.ts';

/** `firstcome audit export`: everything that anyone needs to verify a sale without us. */
export function exportCommand(surroundings: () => EvidenceSurroundings, output: () => Output, tell: (line: string) => void): Command {
  return new Command('export')
    .description('write all the evidence of a sale, with pseudonyms only, so that anyone can verify it offline')
    .requiredOption('--sale <id>', 'the sale')
    .requiredOption('--out <path>', 'a directory to be made, or a name that ends in .tar')
    .action(async ({ sale, out }: { sale: string; out: string }) => {
      const opened = await openPlace({ sale }, true, surroundings);
      if (opened.kind !== 'opened') {
        tell(opened.kind === 'missing' ? opened.why : opened.fault.why);
        process.exitCode = 1;
        return;
      }
      const progress = createProgressBar('exported', process.stderr, tell);
      try {
        const manifest = await exportEvidence(opened.evidence, { path: out, createdAt: new Date(), onProgress: progress.update });
        progress.stop();
        if (manifest.line === null) tell('The line is not kept any more, so the export has none: decisions cannot be made again from it.');
        const bytes = Object.values(manifest.files).reduce((sum, file) => sum + file.bytes, 0);
        print(output(), { path: out, ...manifest }, () =>
          pairs([
            ['sale', manifest.sale_id],
            ['written to', out],
            ['events', manifest.events],
            [
              'line',
              manifest.line === null ? 'not kept any more' : `offsets ${manifest.line.first_offset} to ${manifest.line.through_offset}`,
            ],
            ['head', manifest.head],
            ['bytes', bytes],
            [
              'sale is',
              manifest.settled
                ? `${manifest.status} and settled`
                : `${manifest.status}; the export is of this moment (${formatNumber(manifest.events)} events)`,
            ],
          ]),
        );
      } finally {
        progress.stop();
        await opened.close();
      }
    });
}
