import { FAULTS } from './faults.ts';
import { planOf, randomOf } from './plan.ts';

const names = Object.keys(FAULTS);

test('the same seed is the same round', () => {
  for (const seed of [1, 17, 200]) {
    const [one, other] = [planOf(seed, names), planOf(seed, names)];
    expect({ ...one, random: one.random.share() }).toEqual({ ...other, random: other.random.share() });
  }
});

test('as many seeds in a row as there are faults have each of them once', () => {
  const met = names.map((_, index) => planOf(index + 5, names).fault);
  expect(met.toSorted()).toEqual(names.toSorted());
});

test('choices are spread over what there is to choose from', () => {
  const random = randomOf(3);
  const drawn = Array.from({ length: 1_000 }, () => random.between(1, 4));
  for (const value of [1, 2, 3, 4]) expect(drawn.filter((one) => one === value).length).toBeGreaterThan(180);
  expect(new Set(drawn).size).toBe(4);
});
