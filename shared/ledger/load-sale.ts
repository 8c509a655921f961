import type { Pool, PoolClient } from 'pg';
import { SaleStatus } from '#schemas/event.ts';
import type { RequestedItem } from '#schemas/command.ts';
import type { EpochMs, OrderId, Partition, ReservationId, SaleId, SaleNo, Seq, Sku, UserRef } from '#schemas/ids.ts';
import { SaleTerms } from '#schemas/terms.ts';
import { TerminalFault } from '#shared/faults/faults.ts';
import type { LiveOrder, LiveReservation, SaleSnapshot } from '#shared/sale/snapshot.ts';
import { ask } from './ask.ts';
import { LOAD_STATEMENT_MS_MAX } from './connections.ts';
import { readByCursor } from './cursor.ts';
import { withLedgerFaults } from './ledger-fault.ts';
import type { LoadedSale } from './ledger.ts';
import {
  type BoughtColumns,
  boughtText,
  type CounterRow,
  counters,
  type LiveOrderColumns,
  liveOrdersText,
  type LiveReservationColumns,
  liveReservationsText,
  type SaleHeadRow,
  saleHead,
} from './sql/load-sale.ts';

/**
 * See WriterLedger.loadSale. Throws TerminalFault `counters_disagree` where the
 * counters are not the sums over the reservations (I2).
 */
export async function loadSale(
  pool: Pool,
  partition: Partition,
  saleId: SaleId,
): Promise<LoadedSale | { readonly kind: 'unborn'; readonly saleNo: SaleNo } | null> {
  return withLedgerFaults(`loading sale ${saleId}`, async () => {
    const client = await pool.connect();
    // A connection that breaks between two statements; the next one says so.
    const ignore = (): void => undefined;
    client.on('error', ignore);
    let broken = true;
    try {
      // One snapshot for all that is read.
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      await client.query(`SET LOCAL statement_timeout = ${LOAD_STATEMENT_MS_MAX}`);
      const loaded = await read(client, partition, saleId);
      await client.query('COMMIT');
      broken = false;
      return loaded;
    } finally {
      client.off('error', ignore);
      client.release(broken);
    }
  });
}

async function read(client: PoolClient, partition: Partition, saleId: SaleId) {
  const [row] = await ask<SaleHeadRow>(client, saleHead(partition, saleId));
  if (row === undefined) return null;
  const saleNo = row.sale_no as SaleNo;
  if (row.seq === null || row.head === null) return { kind: 'unborn', saleNo } as const;
  const terms = SaleTerms.parse(row.terms);
  const items = (await ask<CounterRow>(client, counters(saleNo))).map(({ sku, total, held, sold }) => ({
    sku: sku as Sku,
    total: Number(total),
    held: Number(held),
    sold: Number(sold),
  }));
  if (row.settled === true) {
    // Closed and nothing lives: no command about it needs more, and reading what was bought would take as long as its size.
    const nothing = { live: [], orders: [], bought: [] };
    const snapshot = { saleId, terms, status: SaleStatus.parse(row.status), seq: Number(row.seq) as Seq, items, ...nothing };
    return { kind: 'loaded', saleNo, head: row.head, wasSettled: !row.active, snapshot } as const;
  }
  const parseItems = itemsParser();
  const sums = new Map<Sku, { held: number; sold: number }>(items.map(({ sku }) => [sku, { held: 0, sold: 0 }]));
  const add = (counter: 'held' | 'sold', granted: readonly RequestedItem[], times: number): number => {
    let units = 0;
    for (const { sku, quantity } of granted) {
      const sum = sums.get(sku);
      if (sum === undefined) throw disagreement(saleId, `sku ${sku} has reservations and no counter`);
      sum[counter] += quantity * times;
      units += quantity * times;
    }
    return units;
  };

  const live: LiveReservation[] = [];
  await readByCursor<LiveReservationColumns>(client, liveReservationsText(saleNo), (columns) => {
    const granted = parseItems(columns[3]);
    if (columns[2] !== 'waitlisted') add('held', granted, 1);
    live.push({
      id: columns[0] as ReservationId,
      user: columns[1] as UserRef,
      status: columns[2],
      items: granted,
      allowPartial: columns[4] === 't',
      expiresAt: columns[5] === null ? null : (Number(columns[5]) as EpochMs),
      extended: columns[6] === 't',
      decidedSeq: Number(columns[7]) as Seq,
    });
  });
  // Nearly in this order already, so that sorting here is cheaper than in the database.
  live.sort((a, b) => a.decidedSeq - b.decidedSeq);

  const orders: LiveOrder[] = [];
  await readByCursor<LiveOrderColumns>(client, liveOrdersText(saleNo), ([id, reservationId, user, status, sold, amount, currency]) => {
    orders.push({
      id: id as OrderId,
      reservationId: reservationId as ReservationId,
      user: user as UserRef,
      status,
      items: parseItems(sold),
      amount: Number(amount),
      currency,
    });
  });

  const units = new Map<UserRef, number>();
  const byUser = terms.per_user_limit !== null;
  await readByCursor<BoughtColumns>(client, boughtText(saleNo, byUser), ([user, bought, reservations]) => {
    const count = add('sold', parseItems(bought), Number(reservations));
    if (byUser) units.set(user as UserRef, (units.get(user as UserRef) ?? 0) + count);
  });

  for (const { sku, held, sold } of items) {
    const sum = sums.get(sku)!;
    if (sum.held !== held || sum.sold !== sold) {
      throw disagreement(saleId, `${sku} counts ${held} held and ${sold} sold, its reservations ${sum.held} and ${sum.sold}`);
    }
  }
  const snapshot: SaleSnapshot = {
    saleId,
    terms,
    status: SaleStatus.parse(row.status),
    seq: Number(row.seq) as Seq,
    items,
    live,
    orders,
    bought: [...units].map(([user, count]) => ({ user, units: count })),
  };
  return { kind: 'loaded', saleNo, head: row.head, wasSettled: !row.active, snapshot } as const;
}

/** Most reservations of a sale ask for the same, so that each distinct text is parsed once and shared. */
function itemsParser(): (text: string) => readonly RequestedItem[] {
  const PARSED_MAX = 100_000;
  const parsed = new Map<string, readonly RequestedItem[]>();
  return (text) => {
    let items = parsed.get(text);
    if (items === undefined) {
      items = Object.freeze(JSON.parse(text) as RequestedItem[]);
      if (parsed.size < PARSED_MAX) parsed.set(text, items);
    }
    return items;
  };
}

function disagreement(saleId: SaleId, what: string): TerminalFault {
  return new TerminalFault(
    'counters_disagree',
    `sale ${saleId}: ${what} (I2). Someone else wrote to the ledger, or it was restored in part. Nothing is decided on this sale until ` +
      'it agrees again: see "A line that halted" in docs/OPERATIONS.md.',
  );
}
