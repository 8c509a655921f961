import { createKeyFilter } from './key-filter.ts';
import { uuid } from './testing/commands.ts';

test('what was added is never denied, over all layers; what was not is denied nearly always', () => {
  const filter = createKeyFilter();
  const count = 150_000;
  for (let n = 0; n < count; n++) filter.add(uuid(`in-${String(n)}`));
  for (let n = 0; n < count; n += 7) expect(filter.mayHold(uuid(`in-${String(n)}`))).toBe(true);
  let wrong = 0;
  for (let n = 0; n < 20_000; n++) if (filter.mayHold(uuid(`out-${String(n)}`))) wrong++;
  expect(wrong).toBeLessThan(10);
});

test('an empty filter holds nothing', () => {
  expect(createKeyFilter().mayHold(uuid('any'))).toBe(false);
});
