import type { SaleId, SaleNo, Seq } from '#schemas/ids.ts';
import type { Rows, Statement } from './reads.ts';

/** A sale of which nothing lives any more: its log is complete. */
export interface SettledSale {
  readonly saleId: SaleId;
  readonly events: Seq;
  /** Hash of the last event, hex. */
  readonly head: string;
  /** null: its terms say nothing. */
  readonly retentionYears: number | null;
}

const pageSalesMax = 1_000;

const COLUMNS = `s.sale_no, l.sale_id, s.seq, s.settled, encode(s.head, 'hex') AS head, (t.terms ->> 'retention_years')::integer AS years
  FROM sales s JOIN sale_lines l USING (sale_no) JOIN sale_terms t USING (sale_no)`;
const SETTLED: Statement = {
  name: 'settled_sales',
  text: `SELECT ${COLUMNS} WHERE s.settled AND s.sale_no > $1 ORDER BY s.sale_no LIMIT ${pageSalesMax}`,
};
const ONE: Statement = { name: 'settled_sale', text: `SELECT ${COLUMNS} WHERE l.sale_id = $1` };

interface Row {
  readonly sale_no: SaleNo;
  readonly sale_id: SaleId;
  readonly seq: Seq;
  readonly settled: boolean;
  readonly head: string;
  readonly years: number | null;
}

export interface SettledSales {
  /** In the order of their creation. */
  all(): AsyncIterable<SettledSale>;
  byId(saleId: SaleId): Promise<SettledSale | 'not_settled' | 'unknown'>;
}

export function createSettledSales(reads: Rows): SettledSales {
  return {
    async *all() {
      for (let after = 0; ;) {
        const rows = await reads.rows<Row>(SETTLED, [after]);
        yield* rows.map(settledSale);
        if (rows.length < pageSalesMax) return;
        after = rows.at(-1)!.sale_no;
      }
    },
    async byId(saleId) {
      const row = (await reads.rows<Row>(ONE, [saleId]))[0];
      if (row === undefined) return 'unknown';
      return row.settled ? settledSale(row) : 'not_settled';
    },
  };
}

function settledSale({ sale_id, seq, head, years }: Row): SettledSale {
  return { saleId: sale_id, events: seq, head, retentionYears: years };
}
