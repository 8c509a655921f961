import type { RequestKey, SaleNo } from '#schemas/ids.ts';
import { coalesce } from './coalesce.ts';
import type { Reads, Statement } from './reads.ts';

interface Claim {
  readonly key: RequestKey;
  readonly saleNo: SaleNo;
}

const CLAIM_ORDER_KEYS: Statement = {
  name: 'claim_order_keys',
  text: `
    INSERT INTO order_keys (key, sale_no)
    SELECT DISTINCT ON (key) key, sale_no FROM unnest($1::uuid[], $2::integer[]) AS asked (key, sale_no) ORDER BY key
    ON CONFLICT (key) DO NOTHING
    RETURNING key, sale_no`,
};

const CLAIMED_ORDER_KEYS: Statement = {
  name: 'claimed_order_keys',
  text: 'SELECT key, sale_no FROM order_keys WHERE key = ANY ($1::uuid[])',
};

/**
 * Makes the function that gives a user's key for orders to a sale and tells which
 * sale has it: that one, or the one it was used for before. An order's id holds its
 * sale, so without this the same key could make an order in each of two sales.
 */
export function createClaimOrderKey(reads: Reads): (key: RequestKey, saleNo: SaleNo) => Promise<SaleNo> {
  const claim = coalesce<Claim, SaleNo>(
    async (asked) => {
      const keys = asked.map(({ key }) => key);
      const claimed = await reads.rows<{ key: RequestKey; sale_no: SaleNo }>(CLAIM_ORDER_KEYS, [keys, asked.map(({ saleNo }) => saleNo)]);
      const owners = new Map<string, SaleNo>(claimed.map(({ key, sale_no }) => [key, sale_no]));
      // What was there before, or was put there in the same moment, the first statement cannot see.
      const taken = keys.filter((key) => !owners.has(key));
      if (taken.length > 0) {
        for (const row of await reads.rows<{ key: RequestKey; sale_no: SaleNo }>(CLAIMED_ORDER_KEYS, [taken]))
          owners.set(row.key, row.sale_no);
      }
      return owners;
    },
    ({ key }) => key,
    reads.beat,
  );
  return async (key, saleNo) => (await claim({ key, saleNo })) ?? saleNo;
}
