import type { SaleId } from '#schemas/ids.ts';
import type { LogRow } from '#shared/ledger/log/tree-store.ts';
import { canonicalJson } from '#shared/proof/canonical.ts';
import { EMPTY_HEAD } from '#shared/proof/seal.ts';
import { leafHash } from '#shared/proof/tree-hash.ts';
import { checkPage, type LogPlace } from './check-page.ts';

const saleId = 'sale' as SaleId;
const START: LogPlace = { saleId, seq: 0, head: EMPTY_HEAD };
const user = (n: number): string => `00000002-0000-8000-8000-${String(n).padStart(12, '0')}`;

/** A log of `count` events, each of a user of its own and of one of two items. */
function logOf(count: number, change: (event: Record<string, unknown>, index: number) => void = () => undefined): LogRow[] {
  let prev = EMPTY_HEAD;
  return Array.from({ length: count }, (_, index) => {
    const event: Record<string, unknown> = {
      v: 1,
      type: 'reservation.rejected',
      sale_id: saleId,
      seq: index + 1,
      prev,
      user: user(index),
      items: [{ sku: index % 2 === 0 ? 'even' : 'odd', quantity: 1 }],
    };
    change(event, index);
    const leaf = Buffer.from(canonicalJson(event));
    const hash = leafHash(leaf);
    prev = hash.toString('hex');
    return { seq: index + 1, leaf, hash };
  });
}

test('a page that fits is told with its hashes and with whom it speaks of in which tile', () => {
  const rows = logOf(300);
  const page = checkPage(START, rows);
  expect(page.fault).toBeNull();
  expect(page.place).toEqual({ saleId, seq: 300, head: rows.at(-1)!.hash.toString('hex') });
  expect(page.hashes.equals(Buffer.concat(rows.map(({ hash }) => hash)))).toBe(true);
  expect(page.users).toHaveLength(300);
  expect(page.users[255]).toEqual({ user: user(255), tile: 0 });
  expect(page.users[256]).toEqual({ user: user(256), tile: 1 });
  expect(page.items).toEqual([
    { sku: 'even', tile: 0 },
    { sku: 'odd', tile: 0 },
    { sku: 'even', tile: 1 },
    { sku: 'odd', tile: 1 },
  ]);
});

test('two pages say what one says', () => {
  const rows = logOf(300);
  const first = checkPage(START, rows.slice(0, 100));
  const second = checkPage(first.place, rows.slice(100));
  const whole = checkPage(START, rows);
  expect(second.place).toEqual(whole.place);
  expect(Buffer.concat([first.hashes, second.hashes]).equals(whole.hashes)).toBe(true);
});

test('nothing changes nothing', () => {
  expect(checkPage(START, [])).toEqual({ place: START, hashes: Buffer.alloc(0), users: [], items: [], fault: null });
});

const replaced = (rows: LogRow[], at: number, change: Partial<LogRow>): LogRow[] =>
  rows.map((row, index) => (index === at ? { ...row, ...change } : row));
/** Bytes with a hash of their own, put in the place of an event. */
const instead = (bytes: Buffer): Partial<LogRow> => ({ leaf: bytes, hash: leafHash(bytes) });

test.each<[string, (rows: LogRow[]) => LogRow[], number, string]>([
  ['one is missing', (rows) => rows.filter((_, index) => index !== 3), 4, 'seq_gap'],
  ['the first are missing', (rows) => rows.slice(2), 1, 'seq_gap'],
  ['one stands there twice', (rows) => [...rows.slice(0, 4), ...rows.slice(3)], 5, 'seq_gap'],
  ['a byte was changed', (rows) => replaced(rows, 3, { leaf: Buffer.from(rows[3]!.leaf).fill('x', 5, 6) }), 4, 'hash_mismatch'],
  ['the hash was changed', (rows) => replaced(rows, 3, { hash: Buffer.alloc(32) }), 4, 'hash_mismatch'],
  ['the hash is too short', (rows) => replaced(rows, 3, { hash: rows[3]!.hash.subarray(0, 31) }), 4, 'hash_mismatch'],
  ['it is no text', (rows) => replaced(rows, 3, instead(Buffer.of(0xff, 0))), 4, 'unreadable'],
  ['it is no JSON', (rows) => replaced(rows, 3, instead(Buffer.from('{'))), 4, 'unreadable'],
  ['it is nothing', (rows) => replaced(rows, 3, instead(Buffer.from('null'))), 4, 'unreadable'],
  [
    'it is rewritten and hashed anew',
    (rows) => replaced(rows, 3, instead(Buffer.from(rows[3]!.leaf.toString().replace('odd', 'even')))),
    5,
    'prev_mismatch',
  ],
  [
    'one of another log',
    () => logOf(10, (event, index) => (event['prev'] = index === 3 ? 'ab'.repeat(32) : event['prev'])),
    4,
    'prev_mismatch',
  ],
  ['one of another sale', () => logOf(10, (event, index) => (event['sale_id'] = index === 3 ? 'other' : 'sale')), 4, 'other_sale'],
  ['one that says another seq', () => logOf(10, (event, index) => (event['seq'] = index === 3 ? 9 : index + 1)), 4, 'seq_gap'],
  ['a user that cannot be', () => logOf(10, (event, index) => (event['user'] = index === 3 ? 'ann' : user(1))), 4, 'unreadable'],
  ['items that cannot be', () => logOf(10, (event, index) => (event['items'] = index === 3 ? 7 : [])), 4, 'unreadable'],
  ['a sku that cannot be', () => logOf(10, (event, index) => (event['items'] = index === 3 ? [{ sku: '\u0001' }] : [])), 4, 'unreadable'],
])('%s: named, and what stands before it is taken', (_what, alter, seq, code) => {
  const rows = logOf(10);
  const page = checkPage(START, alter(rows));
  expect(page.fault).toEqual({ seq, code });
  expect(page.place.seq).toBe(seq - 1);
  expect(page.hashes).toHaveLength((seq - 1) * 32);
});
