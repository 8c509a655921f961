import { readOutput } from './step-output.ts';
import { measured } from './testing/runs.ts';

const line = (value: object): string => JSON.stringify(value);

test('measurements and lines for people are told apart', () => {
  const one = measured(120);
  expect(readOutput([line(one), '', '10 a batch: 0.7 ms'])).toEqual({ measurements: [one], text: ['10 a batch: 0.7 ms'], fault: null });
});

test.each([
  ['nothing', [], 'printed nothing'],
  ['a line of another shape', [line({ bench: 'writer', rate: 3 })], 'printed what is no measurement: {"bench":"writer","rate":3}'],
  ['half a line', ['{"id":"P1"'], 'printed what is no measurement: {"id":"P1"'],
  ['a wrong count', [line(measured(900, { right: false }))], 'counted wrong: one item'],
])('of %s something is wrong', (_name, lines, fault) => {
  expect(readOutput(lines).fault).toBe(fault);
});
