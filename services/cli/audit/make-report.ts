import { writeFile } from 'node:fs/promises';
import type { Evidence } from '#shared/evidence/evidence.ts';
import { print, type Output } from '../output.ts';
import { measureEvidence } from './measure-evidence.ts';
import { type EvidencePlace, placeOf } from './open-evidence.ts';
import { createProgressBar } from './progress-bar.ts';
import { reportJson } from './report-json.ts';
import { type AuditReport, reportText } from './report-text.ts';

export interface OpenedEvidence {
  readonly evidence: Evidence;
  readonly close: () => Promise<void>;
}

export interface ReportDependencies {
  /** A text says why there is no evidence and what to do. */
  readonly open: (place: EvidencePlace) => Promise<OpenedEvidence | string>;
  readonly output: () => Output;
  readonly tell: (line: string) => void;
  /** When the report says that it was made. */
  readonly now: () => Date;
}

/** Exactly one of `path` and `sale`; `out` is where the page goes, if one is wanted. */
export interface ReportRequest {
  readonly path?: string | undefined;
  readonly sale?: string | undefined;
  readonly out?: string | undefined;
}

/** @returns the exit code: 0, 1 where there is nothing that could be measured, 2 where it was asked wrongly */
export async function makeReport({ path, sale, out }: ReportRequest, dependencies: ReportDependencies): Promise<0 | 1 | 2> {
  const { open, output, tell, now } = dependencies;
  const place = placeOf(path, sale);
  if (place === null) {
    tell('Give either the path of an export or --sale ID: see `firstcome audit report --help`.');
    return 2;
  }
  const opened = await open(place);
  if (typeof opened === 'string') {
    tell(opened);
    return 1;
  }
  const progress = createProgressBar('read', process.stderr, tell);
  try {
    const { evidence } = opened;
    const measured = await measureEvidence(evidence, progress.update);
    progress.stop();
    if (measured.kind === 'refused') {
      tell(measured.why);
      return 1;
    }
    const { saleId, origin, status, settled } = evidence.start;
    const { figures, head, curves } = measured;
    const source = 'path' in place ? place.path : 'the running system';
    const report: AuditReport = { saleId, source, origin, status, settled, head, madeAt: now().toISOString(), figures };
    if (out !== undefined) {
      // What draws is loaded for a page only: it takes longer than most reports.
      const [{ drawPlots }, { reportPage }] = await Promise.all([import('./report-plots.ts'), import('./report-page.ts')]);
      try {
        await writeFile(out, reportPage(report, drawPlots(curves)));
      } catch (error) {
        print(output(), reportJson(report), () => reportText(report));
        tell(`No page was written: ${(error as Error).message}. Give --out a file in a folder that is there.`);
        return 1;
      }
      tell(`page written to ${out}`);
    }
    print(output(), reportJson(report), () => reportText(report));
    return 0;
  } finally {
    progress.stop();
    await opened.close();
  }
}
