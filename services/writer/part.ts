import type { Command } from '#schemas/command.ts';
import type { OrderId, RequestKey, ReservationId } from '#schemas/ids.ts';
import type { Lookup, WriterLedger } from '#shared/ledger/ledger.ts';
import type { LineRecord, ParsedCommand } from '#shared/line/line.ts';
import { unknownTo } from '#shared/sale/learn.ts';
import type { Known } from '#shared/sale/snapshot.ts';
import type { HotSale } from './hot-sale.ts';
import type { HotSales } from './sales.ts';

/** Records taken from the queue together, on their way to being decided. */
export interface Part {
  readonly records: readonly LineRecord[];
  readonly commands: readonly ParsedCommand[];
  /** What the ledger answered; the core takes it in right before the part is decided. */
  known: readonly { readonly sale: HotSale; readonly known: Known }[];
  /** Everything its decisions need is in memory or in `known`. */
  ready: boolean;
  /** How many of its records are decided. */
  decided: number;
}

/** Reads the records' bytes; a tombstone is as malformed as any other bytes without meaning. */
export function parsePart(records: readonly LineRecord[], parse: (bytes: Buffer) => ParsedCommand): Part {
  const commands = records.map((record) => parse(record.value ?? NO_BYTES));
  return { records, commands, known: [], ready: false, decided: 0 };
}
const NO_BYTES = Buffer.alloc(0);

/**
 * Brings into memory what deciding the part needs: sales that are not there, and
 * answers to what the core cannot know. Resolves at once where nothing is needed
 * (`null`), so that a tick or a known request costs no round trip.
 */
export function lookUpPart(part: Part, sales: HotSales, ledger: WriterLedger): Promise<void> | null {
  const absent = new Set<Command['sale_id']>();
  for (const parsed of part.commands) if (parsed.ok && sales.get(parsed.command.sale_id) === undefined) absent.add(parsed.command.sale_id);
  if (absent.size > 0) return loadThenLookUp(part, absent, sales, ledger);
  const lookups = lookupsOf(part, sales);
  return lookups.length === 0 ? null : prefetchAll(part, lookups, ledger);
}

async function loadThenLookUp(part: Part, absent: ReadonlySet<Command['sale_id']>, sales: HotSales, ledger: WriterLedger): Promise<void> {
  for (const saleId of absent) await sales.load(saleId);
  await prefetchAll(part, lookupsOf(part, sales), ledger);
}

async function prefetchAll(part: Part, lookups: readonly SaleLookup[], ledger: WriterLedger): Promise<void> {
  part.known = await Promise.all(lookups.map(async ({ sale, lookup }) => ({ sale, known: await ledger.prefetch(lookup) })));
}

interface SaleLookup {
  readonly sale: HotSale;
  readonly lookup: Lookup;
}

function lookupsOf(part: Part, sales: HotSales): SaleLookup[] {
  const bySale = new Map<HotSale, References>();
  for (const parsed of part.commands) {
    if (!parsed.ok) continue;
    const sale = sales.get(parsed.command.sale_id);
    if (sale === undefined) continue;
    const { command } = parsed;
    const mayHold = (id: string): boolean => sale.ids === null || sale.ids.mayHold(id);
    // Nearly every request of a sale seen from its birth ends here, so this comes before all else.
    if (command.type === 'reservation.create' && !mayHold(command.reservation_id)) continue;
    const unknown = unknownTo(sale.state, command);
    const asked = (id: string | undefined): id is string => id !== undefined && mayHold(id);
    let references = bySale.get(sale);
    if (references === undefined) {
      references = { reservationKeys: new Set(), orderKeys: new Set(), requestKeys: new Set(), reservations: new Set(), orders: new Set() };
      bySale.set(sale, references);
    }
    if (asked(unknown.reservationKey)) references.reservationKeys.add(unknown.reservationKey);
    if (asked(unknown.orderKey)) references.orderKeys.add(unknown.orderKey);
    // Operators' keys say which sale they are for only by their route: always asked.
    if (unknown.requestKey !== undefined) references.requestKeys.add(unknown.requestKey);
    if (asked(unknown.reservation)) references.reservations.add(unknown.reservation);
    if (asked(unknown.order)) references.orders.add(unknown.order);
  }
  const lookups: SaleLookup[] = [];
  for (const [sale, { reservationKeys, orderKeys, requestKeys, reservations, orders }] of bySale) {
    if (reservationKeys.size + orderKeys.size + requestKeys.size + reservations.size + orders.size === 0) continue;
    lookups.push({
      sale,
      lookup: {
        saleNo: sale.saleNo,
        reservationKeys: [...reservationKeys],
        orderKeys: [...orderKeys],
        requestKeys: [...requestKeys],
        reservations: [...reservations],
        orders: [...orders],
      },
    });
  }
  return lookups;
}

interface References {
  readonly reservationKeys: Set<ReservationId>;
  readonly orderKeys: Set<OrderId>;
  readonly requestKeys: Set<RequestKey>;
  readonly reservations: Set<ReservationId>;
  readonly orders: Set<OrderId>;
}
