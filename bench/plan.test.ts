import { PLAN, stepsFor } from './plan.ts';

const asked = { quick: false, long: false, only: undefined };
const named = (steps: readonly { name: string }[]): string[] => steps.map(({ name }) => name);

test('everything is run where nothing else is asked for, each with an end', () => {
  expect(stepsFor(asked)).toEqual(PLAN);
  for (const { seconds, secondsLong = seconds, secondsMax } of PLAN) expect(secondsMax).toBeGreaterThan(secondsLong);
});

test('every id of the table has a step', () => {
  const ids = new Set(PLAN.flatMap((step) => step.ids));
  for (const id of ['P1', 'P1b', 'P2', 'P3', 'P4', 'P5', 'P6', 'P7', 'P8', 'generator'] as const) expect(ids).toContain(id);
});

test('the writer stands in turn with what it is compared to', () => {
  const round = ['the floor', 'the writer', 'a row lock'];
  expect(named(stepsFor({ ...asked, only: ['P1'] }))).toEqual([...round, ...round, ...round]);
});

test.each([
  ['floor.ts', 3],
  ['writer-backlog.ts', 9],
  ['over-http.ts', 4],
  ['reads.ts', 2],
  ['orders.ts', 2],
])('%s is measured %d times in a run', (program, times) => {
  expect(PLAN.filter((step) => step.program === program)).toHaveLength(times);
});

test('a name that is none is refused, with those there are', () => {
  expect(() => stepsFor({ ...asked, only: ['P1', 'P9'] })).toThrow(/there is no P9; there are P1, P1b, /);
});

test.each([
  [{ quick: true, long: false }, ['--quick']],
  [{ quick: false, long: true }, ['--to', '10000000']],
  [{ quick: false, long: false }, ['--to', '1000000', '--pairs', '2']],
])('of %j a sale with many behind it takes %j', (how, args) => {
  const step = stepsFor({ ...asked, ...how }).find(({ program }) => program === 'behind.ts')!;
  expect(step.args).toEqual(args);
});

test('quick is added to the arguments of a step that has none of its own', () => {
  const step = stepsFor({ ...asked, quick: true }).find(({ program }) => program === 'over-http.ts')!;
  expect(step.args).toEqual(['--through', 'gateway', '--quick']);
});
