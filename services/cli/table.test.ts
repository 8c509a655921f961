import { pairs, table } from './table.ts';
import { parseItem } from './sale/sale-item.ts';
import { epochIn } from './stack/writer-owner.ts';

test('columns are aligned, numbers to the right', () => {
  expect(
    table(
      ['name', 'units'],
      [
        ['a', 1],
        ['longer', 12_345],
        ['none', null],
      ],
    ),
  ).toBe(['name     units', 'a            1', 'longer  12,345', 'none         -'].join('\n'));
});

test('pairs of nothing are nothing', () => {
  expect(pairs([])).toBe('');
});

test.each([
  ['print:100:4900:EUR', { sku: 'print', name: 'print', quantity: 100, unit_price: 4900, currency: 'EUR' }],
  ['print:1:0:USD:A: b', { sku: 'print', name: 'A: b', quantity: 1, unit_price: 0, currency: 'USD' }],
])('item %s', (text, item) => {
  expect(parseItem(text)).toEqual(item);
});

test.each(['print', 'print:x:1:EUR', 'print:1:1.5:EUR', 'print:1:1:eur'])('item %s is refused', (text) => {
  expect(parseItem(text)).toBeNull();
});

test.each([
  ['firstcome_writer_epoch{partition="3",service="writer"} 7', 3, 7],
  ['firstcome_writer_epoch{service="writer",partition="3"} 7', 3, 7],
  ['firstcome_writer_epoch{partition="33",service="writer"} 7', 3, null],
  ['', 3, null],
])('epoch in %j of partition %d', (metrics, partition, epoch) => {
  expect(epochIn(metrics, partition)).toBe(epoch);
});
