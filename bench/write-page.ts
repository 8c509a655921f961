import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { figuresOf, runsOfPage } from './figures.ts';
import { picturesOf } from './page-plots.ts';
import { performancePage } from './performance-page.ts';
import { drawBars, drawLines } from './plots.ts';
import { storedResults } from './run-result.ts';

/** As seen from docs/. */
const plotsFolder = 'performance';

/** Writes docs/PERFORMANCE.md and its pictures from stored results; says from how many runs, 0: it was left as it is. */
export function writePage(root: string): number {
  const { runs, again } = runsOfPage(storedResults(root));
  if (runs.length === 0) return 0;
  const folder = join(root, 'docs', plotsFolder);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const picture of picturesOf(figuresOf(runs)))
    writeFileSync(join(folder, picture.file), `${picture.kind === 'bars' ? drawBars(picture.bars) : drawLines(picture.plots)}\n`);
  const findings = readFileSync(join(root, 'bench/findings.md'), 'utf8');
  writeFileSync(join(root, 'docs/PERFORMANCE.md'), performancePage({ runs, again }, findings, plotsFolder));
  return runs.length;
}
