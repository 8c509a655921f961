import type { Partition, SaleId, SaleNo, Sku } from '#schemas/ids.ts';
import { SaleId as SaleIdSchema } from '#schemas/ids.ts';
import { assert } from '#shared/faults/assert.ts';
import type { SaleTerms } from '#schemas/terms.ts';
import { coalesce } from './coalesce.ts';
import type { Reads, Statement } from './reads.ts';

/** What never changes about a sale: where it stands and what was promised. */
export interface SaleCard {
  readonly saleId: SaleId;
  readonly saleNo: SaleNo;
  readonly partition: Partition;
  readonly terms: SaleTerms;
  readonly currency: string;
  readonly prices: ReadonlyMap<Sku, number>;
  readonly createdAtMs: number;
}

export interface SaleCards {
  /** The card, at once where it is known here; null for a sale that is not, or not decided yet. */
  find(saleId: string): SaleCard | Promise<SaleCard | null>;
  /** The card of a sale of which the ledger has something: it has the sale too, also where it had not a moment ago. */
  ofKnown(saleId: SaleId): Promise<SaleCard>;
}

/** Sales kept in memory; the one asked for longest ago is dropped first. */
const cardsMax = 500;
/** How long "there is no such sale" is believed, and of how many. */
const absentMs = 200;
const absentMax = 10_000;

const SALE_CARDS: Statement = {
  name: 'sale_cards',
  text: `
    SELECT l.sale_id, l.sale_no, l.partition, t.terms, t.created_at_ms
    FROM sale_lines l JOIN sale_terms t USING (sale_no)
    WHERE l.sale_id = ANY ($1::text[])`,
};

interface SaleCardRow {
  readonly sale_id: SaleId;
  readonly sale_no: SaleNo;
  readonly partition: Partition;
  readonly terms: SaleTerms;
  readonly created_at_ms: number;
}

export function createSaleCards(reads: Reads, now: () => number = Date.now): SaleCards {
  const cards = new Map<string, SaleCard>();
  const absent = new Map<string, number>();
  const load = coalesce<string, SaleCard>(
    async (saleIds) => new Map((await reads.rows<SaleCardRow>(SALE_CARDS, [saleIds])).map((row) => [row.sale_id, cardOf(row)])),
    (saleId) => saleId,
  );

  async function fetch(saleId: string): Promise<SaleCard | null> {
    const card = await load(saleId);
    if (card === null) {
      absent.delete(saleId);
      if (absent.size >= absentMax) absent.delete(absent.keys().next().value!);
      absent.set(saleId, now());
      return null;
    }
    absent.delete(saleId);
    if (cards.size >= cardsMax) cards.delete(cards.keys().next().value!);
    cards.set(saleId, card);
    return card;
  }

  return {
    find(saleId) {
      const known = cards.get(saleId);
      if (known !== undefined) return known;
      if (!SaleIdSchema.safeParse(saleId).success) return Promise.resolve(null);
      const since = absent.get(saleId);
      if (since !== undefined && now() - since < absentMs) return Promise.resolve(null);
      return fetch(saleId);
    },
    async ofKnown(saleId) {
      const card = cards.get(saleId) ?? (await fetch(saleId));
      assert(card !== null, `the ledger speaks of sale ${saleId}`);
      return card;
    },
  };
}

function cardOf(row: SaleCardRow): SaleCard {
  return {
    saleId: row.sale_id,
    saleNo: row.sale_no,
    partition: row.partition,
    terms: row.terms,
    currency: row.terms.items[0]!.currency,
    prices: new Map(row.terms.items.map(({ sku, unit_price }) => [sku, unit_price])),
    createdAtMs: row.created_at_ms,
  };
}
