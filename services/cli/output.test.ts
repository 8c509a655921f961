import { printable } from './output.ts';

test.each([
  ['an escape that clears the screen', '\u001b[2Jverdict VERIFIED', '\\u001b[2Jverdict VERIFIED'],
  ['one of C1', '\u009b2J', '\\u009b2J'],
  ['a carriage return', 'TAMPERED\rVERIFIED', 'TAMPERED\\u000dVERIFIED'],
  ['a line feed', 'one\ntwo', 'one\ntwo'],
  ['a change of direction', 'a\u202eb', 'a\\u202eb'],
  ['letters of all kinds', 'Größe – 東京', 'Größe – 東京'],
])('%s', (_what, text, shown) => expect(printable(text)).toBe(shown));

test('JSON stays the same value', () => {
  const value = { name: 'a\u009b\u202eb' };
  expect(JSON.parse(printable(JSON.stringify(value)))).toEqual(value);
});
