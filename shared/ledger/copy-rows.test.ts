import { CopyRows } from './copy-rows.ts';

const HEADER = '5047434f50590aff0d0a00' + '00'.repeat(8);
const UUID = '01234567-89ab-cdef-0123-456789abcdef';

/** What a row of one column has behind its count of columns, in hex. */
function columnOf(give: (copy: CopyRows) => void): string {
  const copy = new CopyRows(0);
  copy.row(1);
  give(copy);
  const messages = copy.end();
  const rows = messages.toString('hex', 5, messages.length - 5);
  expect(messages[0]).toBe('d'.charCodeAt(0));
  expect(messages.readInt32BE(1)).toBe(messages.length - 6);
  expect(messages.toString('latin1', messages.length - 5)).toBe('c\0\0\0\x04');
  expect(rows.startsWith(`${HEADER}0001`)).toBe(true);
  expect(rows.endsWith('ffff')).toBe(true);
  return rows.slice(HEADER.length + 4, -4);
}

describe('a column', () => {
  it.each<[string, (copy: CopyRows) => void, string]>([
    ['null', (copy) => copy.null(), 'ffffffff'],
    ['true', (copy) => copy.boolean(true), '00000001' + '01'],
    ['false', (copy) => copy.boolean(false), '00000001' + '00'],
    ['an integer', (copy) => copy.integer(258), '00000004' + '00000102'],
    ['a bigint of one word', (copy) => copy.bigint(1), '00000008' + '0000000000000001'],
    ['a bigint above 2^31', (copy) => copy.bigint(2 ** 31), '00000008' + '0000000080000000'],
    ['a bigint above 2^32', (copy) => copy.bigint(2 ** 32 + 1), '00000008' + '0000000100000001'],
    ['the largest bigint', (copy) => copy.bigint(Number.MAX_SAFE_INTEGER), '00000008' + '001fffffffffffff'],
    ['a negative bigint', (copy) => copy.bigint(-2), '00000008' + 'fffffffffffffffe'],
    ['a uuid', (copy) => copy.uuid(UUID), '00000010' + UUID.replaceAll('-', '')],
    ['a uuid without dashes', (copy) => copy.uuid(UUID.replaceAll('-', '')), '00000010' + UUID.replaceAll('-', '')],
    ['bytes', (copy) => copy.hex('ff00', 2), '00000002' + 'ff00'],
    ['a short text', (copy) => copy.text('held'), '00000004' + Buffer.from('held').toString('hex')],
    ['a short text that is not ASCII', (copy) => copy.text('aé€😀'), '0000000a' + Buffer.from('aé€😀').toString('hex')],
    ['a long text', (copy) => copy.text('ü'.repeat(40)), '00000050' + 'c3bc'.repeat(40)],
    ['JSON', (copy) => copy.jsonb('[]'), '00000003' + '01' + '5b5d'],
  ])('of %s', (_what, give, hex) => {
    expect(columnOf(give)).toBe(hex);
  });

  it.each([
    ['a letter', `${UUID.slice(0, -1)}g`],
    ['a letter in the first place', `g${UUID.slice(1)}`],
    ['too few digits', UUID.slice(0, -2)],
    ['too many digits', `${UUID}00`],
    ['a character that is not ASCII', `é${UUID.slice(1)}`],
  ])('is refused for a uuid with %s', (_what, digits) => {
    expect(() => columnOf((copy) => copy.uuid(digits))).toThrow('hexadecimal');
  });
});

it('makes room for rows beyond those expected', () => {
  const row = (copy: CopyRows) => {
    copy.row(2);
    copy.text('x'.repeat(100));
    copy.bigint(7);
  };
  const small = new CopyRows(0);
  const large = new CopyRows(100_000);
  for (let n = 0; n < 500; n++) [small, large].forEach(row);
  expect(small.end().equals(large.end())).toBe(true);
});
