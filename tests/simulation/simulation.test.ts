import { readFileSync } from 'node:fs';
import { chanceAt } from './chance.ts';
import { createFaultSource, FAULTS_OF, type CallName } from './faults.ts';
import { minimise, reduced } from './minimise.ts';
import { MUTANTS } from './mutants/mutants.ts';
import { planOf, type Plan } from './plan.ts';
import { runPlan } from './run.ts';

/** The simulation itself: it repeats itself, it sees what is wrong, and it says so briefly. */

test.each([1, 7, 42])('seed %i gives the same run each time, step for step', async (seed) => {
  const [first, second] = [await runPlan(planOf(seed), { trace: true }), await runPlan(planOf(seed), { trace: true })];
  expect(first.events).toBeGreaterThan(0);
  expect(second).toEqual(first);
});

test('a run without its faults is another run, and no violation either', async () => {
  const { fired, violation } = await runPlan(planOf(3), { only: new Set() });
  expect(fired).toEqual([]);
  expect(violation).toBeNull();
});

/** A sale that ends after the run may take: it cannot come to rest, which the simulation must not overlook. */
function endless(plan: Plan): Plan {
  return { ...plan, sales: plan.sales.map((sale, index) => (index === 0 ? { ...sale, endsAtMs: 10_000_000 } : sale)) };
}

test('what never comes to rest is seen, and made as small as it can be', async () => {
  const plan = endless(planOf(2));
  const soon = { calmMsMax: 40_000 };
  const failed = await runPlan(plan, soon);
  expect(failed.violation?.rule).toMatch(/liveness/);
  const kept = await minimise(plan, failed, failed.violation!, { ...soon, runsMax: 6 });
  expect(kept.acts.length).toBeLessThan(plan.acts.length);
  const again = await runPlan(reduced(plan, kept), { ...soon, only: new Set(kept.faults) });
  expect(again.violation?.rule).toBe(failed.violation?.rule);
}, 60_000);

test('one fault less moves no other', () => {
  const rates = Object.fromEntries(Object.keys(FAULTS_OF).map((call) => [call, 0.3])) as Record<CallName, number>;
  const draw = (only: ReadonlySet<string> | null): readonly string[] => {
    const source = createFaultSource(5, rates, only);
    for (let time = 0; time < 100; time++) source.next('writer commit');
    return source.fired;
  };
  const all = draw(null);
  expect(all.length).toBeGreaterThan(10);
  const some = all.filter((_, index) => index % 2 === 0);
  expect(draw(new Set(some))).toEqual(some);
});

test.each(['a', 'writer commit', 'latency writer commit'])('chance of %s is even', (what) => {
  const draws = Array.from({ length: 20_000 }, (_, seed) => chanceAt(seed, what, seed % 7));
  for (let tenth = 0; tenth < 10; tenth++) {
    const share = draws.filter((draw) => Math.floor(draw * 10) === tenth).length / draws.length;
    expect(Math.abs(share - 0.1)).toBeLessThan(0.02);
  }
});

test.each(MUTANTS)('the text of the planted bug "$name" stands in its file once', ({ file, from }) => {
  expect(readFileSync(file, 'utf8').split(from)).toHaveLength(2);
});
