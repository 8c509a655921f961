import { atItsBest, isQuiet } from './quiet.ts';

const speed = (hashMicroseconds: number, memoryNanoseconds: number) => ({ hashMicroseconds, memoryNanoseconds });

test.each([
  ['nothing was seen', [], null],
  ['one', [speed(0.5, 150)], speed(0.5, 150)],
  ['of twenty, each by itself, the third best', Array.from({ length: 20 }, (_, at) => speed(20 - at, 101 + at)), speed(3, 103)],
])('at its best: %s', (_name, seen, expected) => {
  expect(atItsBest(seen)).toEqual(expected);
});

test.each([
  [speed(0.5, 150), speed(0.5, 150), true],
  [speed(0.54, 162), speed(0.5, 150), true],
  [speed(0.55, 150), speed(0.5, 150), false],
  [speed(0.5, 163), speed(0.5, 150), false],
  [speed(9, 999), null, true],
])('%j beside %j: quiet is %s', (now, best, expected) => {
  expect(isQuiet(now, best)).toBe(expected);
});
