/**
 * Writes docs/PERFORMANCE.md and the pictures in docs/performance/ from bench/results/, measuring nothing: from the newest
 * three whole runs of the newest one's code, and what was measured again since.
 *
 *   node bench/page.ts
 */
import { openLayout } from '#deploy/local/open.ts';
import { writePage } from './write-page.ts';

const runs = writePage(openLayout().layout.root);
if (runs === 0) {
  console.error('There is no whole run in bench/results: type make bench first.');
  process.exitCode = 2;
} else console.log(`written: docs/PERFORMANCE.md, from ${runs === 1 ? 'one run' : `${runs} runs`}`);
