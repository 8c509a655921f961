import { performancePage } from './performance-page.ts';
import { floor, measured, rowLock, run, step } from './testing/runs.ts';

const plot = {
  title: 'latency by rate',
  x: { label: 'asked for, /s', log: false },
  y: { label: 'ms', log: true },
  series: [{ name: 'p50', points: [[1, 2] as [number, number]] }],
};
const killed = { id: 'P6' as const, what: 'a million holds', unit: 's' as const, target: { bound: 'at most' as const, value: 3 } };
const findings = '## Why\n\n### P5, P6: a writer killed\n\nIt is the lease.\n';

function page(killedSeconds: number, over: { right?: boolean; failed?: string } = {}): string {
  const runs = [1, 2, 3].map((day) =>
    run(day, [
      step('the floor', [floor(40_000)]),
      step('the writer', [measured(20_000 + day, { target: { bound: 'at least', value: 10_000 } })]),
      step('a row lock', [rowLock(1_800 + 100 * day)]),
      step(
        'takeover',
        over.failed === undefined ? [measured(killedSeconds, { ...killed, right: over.right ?? true, plot })] : [],
        over.failed,
      ),
    ]),
  );
  return performancePage({ runs, again: [] }, findings, 'performance');
}

const rowOf = (text: string, begin: string): string => text.split('\n').find((line) => line.startsWith(begin))!;

test('a row says target, median, spread, ratios within the runs, and whether it is met', () => {
  expect(rowOf(page(2), '| P1 ')).toBe(
    '| P1 | one writer from a full line: one item | at\u00a0least\u00a010,000/s | **20,002/s** | 0 % | 10 x | 10 % | 50 % | met |',
  );
});

test('a miss has a line that leads to its explanation', () => {
  const text = page(6);
  expect(rowOf(text, '| P6 ')).toContain('| **missed** |');
  expect(rowOf(text, '- **P6')).toBe(
    '- **P6, a million holds**: 6 s, 200 % of the target; [P5, P6: a writer killed](#p5-p6-a-writer-killed)',
  );
});

test('a miss that no heading explains says so', () => {
  const runs = [run(1, [step('a', [measured(5)])])];
  expect(performancePage({ runs, again: [] }, findings, 'performance')).toContain(
    '- **P1, one item**: 5/s, 5 % of the target; not explained yet',
  );
});

test('a fast wrong result is no result', () => {
  expect(rowOf(page(2, { right: false }), '| P6 ')).toContain('| **WRONG COUNTS** |');
});

test('a step that failed stands in the table and in the first paragraph', () => {
  const text = page(2, { failed: 'ended with 1' });
  expect(text).toContain('**1 step failed**');
  expect(text).toContain('| takeover: `node bench/takeover.ts` ended with 1 |');
  expect(text).toContain('| **FAILED** in 3 of 3 runs |');
});

test('pictures, every run, commands and findings are on it', () => {
  const text = page(2);
  expect(text).toContain('![P6: latency by rate](performance/p6-a-million-holds.svg)');
  expect(text).toContain('(performance/side-by-side.svg)');
  expect(text).toContain('| one item | 20,001/s | 20,002/s | 20,003/s | **20,002/s** | 0 % | yes |');
  expect(text).toContain('\nnode bench/takeover.ts\n');
  expect(text).toContain('It is the lease.');
});

test('code with changes is told', () => {
  const changed = run(1, [step('a', [measured(5)])], { machine: { ...run(1, []).machine, unchanged: false } });
  expect(performancePage({ runs: [changed], again: [] }, findings, 'performance')).toContain('commit abc, with changes');
});

test('what was measured again is told', () => {
  const again = [run(2, [], { command: 'make bench ONLY=P1 KEEP=1' }), run(3, [], { command: 'make bench ONLY=P1 KEEP=1' })];
  expect(rowOf(performancePage({ runs: [run(1, [])], again: [again] }, findings, 'performance'), '| measured again ')).toBe(
    '| measured again | `make bench ONLY=P1 KEEP=1`, 2026-11-02 10:00, 2026-11-03 10:00 UTC, commit abc, in place of what the runs had |',
  );
});
