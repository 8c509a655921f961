import { Client } from 'pg';
import { SaleId } from '#schemas/ids.ts';
import { openReads, type Reads } from '#shared/ledger/read/reads.ts';
import { createSettledSales, type SettledSale } from '#shared/ledger/read/settled-sales.ts';
import { createTestDatabase, type TestDatabase } from './databases.ts';

/** Which sales the ledger calls settled, as the archive asks for them. */

/** More than a page. */
const SALES = 1_203;

let database: TestDatabase;
let reads: Reads;

beforeAll(async () => {
  database = await createTestDatabase();
  const owner = new Client({ connectionString: database.ownerUrl });
  await owner.connect();
  // Every tenth is not settled; every third has terms that say for how long.
  await owner.query(`
    INSERT INTO sale_lines (sale_id, partition, active) SELECT 'sale_' || n, 0, false FROM generate_series(1, ${SALES}) AS n ORDER BY n`);
  await owner.query(`
    INSERT INTO sale_terms SELECT sale_no, CASE WHEN sale_no % 3 = 0 THEN '{"retention_years": 10}' ELSE '{}' END::jsonb, 0 FROM sale_lines`);
  await owner.query(`
    INSERT INTO sales SELECT sale_no, 'closed', sale_no + 4, decode(repeat(lpad(to_hex(sale_no), 8, '0'), 8), 'hex'), 9, sale_no % 10 <> 0
    FROM sale_lines`);
  await owner.end();
  reads = openReads({ databaseUrl: database.appUrl, applicationName: 'test-reads', connectionsMax: 1, onFault: () => undefined });
});

afterAll(async () => {
  await reads.close();
  await database.drop();
});

const expected = (n: number): SettledSale => ({
  saleId: SaleId.parse(`sale_${n}`),
  events: (n + 4) as SettledSale['events'],
  head: n.toString(16).padStart(8, '0').repeat(8),
  retentionYears: n % 3 === 0 ? 10 : null,
});

test('all of them come once, in the order of their creation, over several pages', async () => {
  const found: SettledSale[] = [];
  for await (const sale of createSettledSales(reads).all()) found.push(sale);
  const settled = Array.from({ length: SALES }, (_, i) => i + 1).filter((n) => n % 10 !== 0);
  expect(found).toEqual(settled.map(expected));
});

test.each([
  ['sale_3', expected(3)],
  ['sale_10', 'not_settled'],
  ['sale_x', 'unknown'],
])('%s', async (id, sale) => {
  expect(await createSettledSales(reads).byId(SaleId.parse(id))).toEqual(sale);
});
