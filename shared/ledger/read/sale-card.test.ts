import type { SaleId } from '#schemas/ids.ts';
import type { Reads } from './reads.ts';
import { createSaleCards } from './sale-card.ts';

const SALE = 'sale-1' as SaleId;
const row = { sale_id: SALE, sale_no: 1, partition: 0, terms: { items: [{ sku: 'a', unit_price: 1, currency: 'EUR' }] }, created_at_ms: 0 };

/** A ledger in which the sale is decided once `decide` was called. */
function setUp() {
  let asked = 0;
  let decided = false;
  let now = 0;
  const reads = {
    rows: () => {
      asked += 1;
      return Promise.resolve(decided ? [row] : []);
    },
  } as unknown as Reads;
  return {
    cards: createSaleCards(reads, () => now),
    asked: () => asked,
    decide: () => (decided = true),
    pass: (ms: number) => (now += ms),
  };
}

test('that there is no such sale is believed for 200 ms, that there is one for good', async () => {
  const { cards, asked, decide, pass } = setUp();
  expect(await cards.find(SALE)).toBeNull();
  decide();
  pass(199);
  expect(await cards.find(SALE)).toBeNull();
  expect(asked()).toBe(1);
  pass(1);
  expect(await cards.find(SALE)).toMatchObject({ saleId: SALE });
  expect(await cards.find(SALE)).toMatchObject({ saleId: SALE });
  expect(asked()).toBe(2);
});

test('of what the ledger speaks of, that it was absent a moment ago is not believed', async () => {
  const { cards, decide } = setUp();
  expect(await cards.find(SALE)).toBeNull();
  decide();
  expect(await cards.ofKnown(SALE)).toMatchObject({ saleId: SALE });
  expect(await cards.find(SALE)).toMatchObject({ saleId: SALE });
});

test('a sale that the ledger speaks of and has not is a bug', async () => {
  const { cards } = setUp();
  await expect(cards.ofKnown(SALE)).rejects.toThrow('assertion failed');
});
