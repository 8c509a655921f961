import type { Availability, Report } from '../sale/sale-calls.ts';
import type { Buyer } from './buyer.ts';
import type { Charge } from './charges.ts';
import type { OrderRow, ReservationRow } from './ledger-view.ts';

/** Compares what buyers were told with the ledger, the ledger with the report, and payments with the gateway's books. Pure. */

export interface Evidence {
  readonly buyers: readonly Buyer[];
  /** Id of a buyer's reservation: a function of sale, user and key, so known even where no answer came. */
  readonly reservationIdOf: (buyer: Buyer) => string;
  readonly reservations: ReadonlyMap<string, ReservationRow>;
  readonly orders: ReadonlyMap<string, OrderRow>;
  readonly charges: readonly Charge[];
  readonly report: Report;
  readonly availability: Availability;
  readonly unitsTotal: number;
}

export interface Check {
  readonly what: string;
  readonly expected: number;
  readonly found: number;
  readonly ok: boolean;
  /** The first few that are off. */
  readonly examples: readonly string[];
}

const examplesMax = 3;

/** Statuses a row may have reached after its buyer was told this. */
const AFTER: Readonly<Record<string, readonly string[]>> = {
  held: ['held', 'paying', 'confirmed', 'released', 'refunding', 'refunded'],
  released: ['released'],
  waitlisted: ['waitlisted', 'held', 'paying', 'confirmed', 'released', 'rejected', 'refunding', 'refunded'],
};

export function reconcile(evidence: Evidence): readonly Check[] {
  return [...requestChecks(evidence), ...stockChecks(evidence), ...moneyChecks(evidence)];
}

function requestChecks({ buyers, reservations, orders, reservationIdOf, report }: Evidence): Check[] {
  const rowOf = (buyer: Buyer): ReservationRow | undefined => reservations.get(reservationIdOf(buyer));
  const asked = buyers.filter((buyer) => buyer.attempts > 0);
  const answered = asked.filter((buyer) => buyer.answer !== null);
  const heldTold = answered.filter((buyer) => buyer.answer === 'held' || buyer.offered);
  const waitlistedTold = answered.filter((buyer) => buyer.answer === 'waitlisted');
  const releasedTold = answered.filter((buyer) => buyer.answer === 'released');
  const refusedTold = answered.filter((buyer) => !(buyer.answer! in AFTER));
  const paidTold = asked.filter((buyer) => buyer.orderStatus === 'paid');
  const ordered = asked.filter((buyer) => buyer.orderId !== null);
  const inReport = Object.values(report.reservations_by_status).reduce((sum, n) => sum + n, 0);
  const every = (what: string, list: readonly Buyer[], holds: (buyer: Buyer) => boolean): Check =>
    everyOf(what, list, holds, (buyer) => describe(buyer, rowOf(buyer)));
  return [
    every('requests made were answered with a decision', asked, (buyer) => buyer.answer !== null),
    every('requests answered have one row in the ledger', answered, (buyer) => rowOf(buyer) !== undefined),
    equal(
      'rows in the ledger belong to a request that was made',
      reservations.size,
      asked.filter((buyer) => rowOf(buyer) !== undefined).length,
    ),
    equal('rows in the ledger stand in the report', reservations.size, inReport),
    every('told held: found so, or where that led (I6)', heldTold, (buyer) => AFTER['held']!.includes(rowOf(buyer)?.status ?? '')),
    every('told released: found so', releasedTold, (buyer) => AFTER['released']!.includes(rowOf(buyer)?.status ?? '')),
    every('told waitlisted: found so, or where that led', waitlistedTold, (buyer) =>
      AFTER['waitlisted']!.includes(rowOf(buyer)?.status ?? ''),
    ),
    every(
      'told refused: rejected for that reason',
      refusedTold,
      (buyer) => rowOf(buyer)?.status === 'rejected' && rowOf(buyer)?.reason === buyer.answer,
    ),
    every('told of an order: found', ordered, (buyer) => orders.has(buyer.orderId!)),
    every(
      'told paid: order paid, reservation confirmed (I6)',
      paidTold,
      (buyer) => orders.get(buyer.orderId!)?.status === 'paid' && rowOf(buyer)?.status === 'confirmed',
    ),
  ];
}

function stockChecks({ reservations, report, availability, unitsTotal }: Evidence): Check[] {
  const status = (name: string): number => [...reservations.values()].filter((row) => row.status === name).length;
  const sum = (of: 'total' | 'held' | 'sold'): number => report.items.reduce((all, item) => all + item[of], 0);
  const left = availability.items.reduce((all, item) => all + item.available, 0);
  return [
    equal('units on sale', unitsTotal, sum('total')),
    equal('units sold are confirmed reservations', status('confirmed'), sum('sold')),
    equal('units held are reservations held or paying', status('held') + status('paying'), sum('held')),
    equal('units sold, held and available are all there are', unitsTotal, sum('sold') + sum('held') + left),
  ];
}

function moneyChecks({ reservations, orders, charges }: Evidence): Check[] {
  const kept = new Map<string, number>();
  for (const charge of charges) if (charge.status === 'succeeded') kept.set(charge.reference, (kept.get(charge.reference) ?? 0) + 1);
  const captured = new Set(charges.map((charge) => charge.reference));
  const all = [...orders.values()];
  const paid = all.filter((order) => order.status === 'paid');
  const notPaid = all.filter((order) => order.status === 'failed' || order.status === 'refunded');
  const of = (what: string, list: readonly OrderRow[], holds: (order: OrderRow) => boolean): Check =>
    everyOf(what, list, holds, (order) => `order ${order.id} ${order.status}, charges kept ${kept.get(order.id) ?? 0}`);
  return [
    of('paid orders were captured exactly once (I9)', paid, (order) => kept.get(order.id) === 1),
    of('failed and refunded orders keep no money (I9)', notPaid, (order) => !kept.has(order.id)),
    of(
      'refunded orders were captured and given back (I9)',
      all.filter((order) => order.status === 'refunded'),
      (order) => captured.has(order.id),
    ),
    of('paid orders are confirmed reservations', paid, (order) => reservations.get(order.reservationId)?.status === 'confirmed'),
    equal(
      'money the gateway kept is the money of paid orders',
      paid.reduce((sum, order) => sum + order.amount, 0),
      charges.reduce((sum, charge) => sum + (charge.status === 'succeeded' ? charge.amount : 0), 0),
    ),
    equal('orders without a last word', 0, all.filter((order) => order.status === 'pending' || order.status === 'refunding').length),
  ];
}

function equal(what: string, expected: number, found: number): Check {
  return { what, expected, found, ok: expected === found, examples: [] };
}

function everyOf<T>(what: string, list: readonly T[], holds: (one: T) => boolean, describeOne: (one: T) => string): Check {
  const off = list.filter((one) => !holds(one));
  return {
    what,
    expected: list.length,
    found: list.length - off.length,
    ok: off.length === 0,
    examples: off.slice(0, examplesMax).map(describeOne),
  };
}

function describe(buyer: Buyer, row: ReservationRow | undefined): string {
  const found = row === undefined ? 'no row' : `${row.status}${row.reason === null ? '' : ` (${row.reason})`}`;
  return `buyer ${buyer.index}: told ${buyer.answer ?? 'nothing'}${buyer.orderStatus === null ? '' : `, order ${buyer.orderStatus}`}; ledger: ${found}`;
}
