import { failuresOf, figuresOf, runsOfPage, spreadPercent } from './figures.ts';
import { median } from './median.ts';
import { floor, measured, rowLock, run, step } from './testing/runs.ts';

test.each([
  [[3], 3, 0],
  [[1, 2], 1.5, (1 / 1.5) * 100],
  [[10, 9, 11], 10, 20],
  [[0, 0, 0], 0, 0],
])('of %j the median is %d and the spread %d %%', (values, middle, spread) => {
  expect(median(values)).toBe(middle);
  expect(spreadPercent(values)).toBeCloseTo(spread);
});

test.each([
  ['a rate', '/s', 110],
  ['anything else', 'MB', 100],
] as const)('%s measured several times in a run has one value', (_name, unit, expected) => {
  const times = [90, 110, 100].map((value) => step('a', [measured(value, { unit })]));
  const [figure] = figuresOf([run(1, times)]);
  expect(figure).toMatchObject({ values: [expected], median: expected, spreadPercent: null, verdict: 'met' });
});

test('three runs: each value, the median, how far they are apart, and the measurement nearest to the median first', () => {
  const [figure] = figuresOf([120, 90, 95].map((value, at) => run(at + 1, [step('a', [measured(value)])])));
  expect(figure).toMatchObject({ values: [120, 90, 95], median: 95, verdict: 'missed' });
  expect(figure!.spreadPercent).toBeCloseTo(31.6, 1);
  expect(figure!.measurements[0]!.value).toBe(95);
});

test('a target may be an upper bound, and may be met exactly', () => {
  const target = { bound: 'at most', value: 3 } as const;
  const verdicts = [2, 3, 4].map((value) => figuresOf([run(1, [step('a', [measured(value, { unit: 's', target })])])])[0]!.verdict);
  expect(verdicts).toEqual(['met', 'met', 'missed']);
});

test('one wrong count among three runs and the figure is wrong, however fast', () => {
  const runs = [true, false, true].map((right, at) => run(at + 1, [step('a', [measured(500, { right })])]));
  expect(figuresOf(runs)[0]!.verdict).toBe('wrong');
});

test('ratios are those within a run', () => {
  // The second run's machine is half as fast, and everything in it.
  const runs = [1, 0.5].map((speed, at) =>
    run(at + 1, [step('a', [rowLock(10 * speed), measured(200 * speed), floor(400 * speed), rowLock(20 * speed)])]),
  );
  expect(figuresOf(runs).find(({ id }) => id === 'P1')).toMatchObject({
    timesRowLock: 10,
    timesRowLockSpreadPercent: 0,
    timesFloor: 0.5,
  });
});

test('what is not a rate has no ratio, and what was not compared has none', () => {
  expect(figuresOf([run(1, [step('a', [rowLock(10), measured(5, { unit: 'ms' })])])])[1]!.timesRowLock).toBeNull();
  expect(figuresOf([run(1, [step('a', [measured(5)])])])[0]).toMatchObject({ timesRowLock: null, timesRowLockSpreadPercent: null });
});

test('a run that lacks a figure leaves a gap', () => {
  const long = measured(7, { what: '10,000,000 behind' });
  const [figure] = figuresOf([run(1, []), run(2, [step('a', [long])])]);
  expect(figure).toMatchObject({ values: [null, 7], median: 7, spreadPercent: null });
});

test('a step that failed is told once, with how often', () => {
  const runs = [
    run(1, [step('a', [], 'ended with 1'), step('b', [])]),
    run(2, [step('a', []), step('b', [])]),
    run(3, [step('a', [], 'took longer')]),
  ];
  expect(failuresOf(runs)).toEqual([{ name: 'a', command: 'node bench/a.ts', runs: 2, why: 'ended with 1; took longer' }]);
});

describe('the runs of the page', () => {
  const days = (runs: readonly { at: string }[]): number[] => runs.map(({ at }) => Number(at.slice(8, 10)));
  const other = { machine: { ...run(1, []).machine, commit: 'def' } };
  const changed = { machine: { ...run(1, []).machine, unchanged: false } };
  test.each([
    ['none', [], []],
    ['the newest three', [run(1, []), run(2, []), run(3, []), run(4, [])], [2, 3, 4]],
    ['only whole ones', [run(1, []), run(2, [], { kind: 'quick' }), run(3, [], { kind: 'part' })], [1]],
    ['only those of the newest code', [run(1, []), run(2, [], other), run(3, [])], [1, 3]],
    ['changed code stands for itself', [run(1, [], changed), run(2, [], changed)], [2]],
    ['and is in no other', [run(1, [], changed), run(2, [])], [2]],
  ])('%s', (_name, stored, expected) => {
    expect(days(runsOfPage(stored).runs)).toEqual(expected);
  });

  const whole = (day: number) => run(day, [step('a', [measured(day)]), step('b', [])]);
  const part = (day: number, over: object = {}) =>
    run(day, [step('a', [measured(10 * day)])], { kind: 'part', command: 'ONLY=P1', ...over });
  const otherMachine = { machine: { ...run(1, []).machine, cpu: 'another' } };
  test.each([
    ['nothing', [], [1, 2]],
    ['in each run', [part(3, other), part(4, other)], [30, 40]],
    ['the newest of more', [part(3), part(4), part(5)], [40, 50]],
    ['of the newest code', [part(3), part(4, other), part(5, other)], [40, 50]],
    ['the same steps', [part(3, { command: 'ONLY=P4' }), part(4), part(5)], [40, 50]],
    ['less often', [part(3)], [30, null]],
    ['on another machine', [part(3, otherMachine)], [1, 2]],
    ['code with changes', [part(3, changed)], [1, 2]],
  ])('and measured again: %s', (_name, parts, expected) => {
    const { runs, again } = runsOfPage([part(1), whole(1), whole(2), ...parts]);
    expect(figuresOf(runs)[0]!.values).toEqual(expected);
    expect(again.flat().map(({ steps }) => steps[0]!.measurements[0]!.value)).toEqual(
      expected.filter((value) => value !== null && value >= 10),
    );
    expect(runs.map(({ steps }) => steps.some(({ name }) => name === 'b'))).toEqual([true, true]);
  });

  it('takes each step from where it was measured last', () => {
    const both = (day: number) =>
      run(day, [step('a', [measured(10 * day)]), step('b', [measured(100 * day, { what: 'another' })])], {
        kind: 'part',
        command: 'ONLY=P1,P2',
      });
    const { runs, again } = runsOfPage([whole(1), whole(2), both(3), both(4), part(5, other), part(6, other)]);
    expect(figuresOf(runs).map(({ values }) => values)).toEqual([
      [50, 60],
      [300, 400],
    ]);
    expect(again.map(days)).toEqual([
      [5, 6],
      [3, 4],
    ]);
  });
});
