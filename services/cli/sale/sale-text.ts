import { pairs, table } from '../table.ts';
import type { Availability, Report, Sale } from './sale-calls.ts';

export function saleText(sale: Sale, availability: Availability | null): string {
  const counts = new Map(availability?.items.map((item) => [item.sku, item]));
  return [
    pairs([
      ['id', sale.id],
      ['name', sale.name],
      ['status', sale.status],
      ['starts', sale.starts_at],
      ['ends', sale.ends_at],
    ]),
    '',
    table(
      ['sku', 'name', 'price', 'total', 'held', 'sold', 'available'],
      sale.items.map((item) => {
        const count = counts.get(item.sku);
        const price = `${(item.unit_price / 100).toFixed(2)} ${item.currency}`;
        return [item.sku, item.name, price, count?.total ?? item.quantity, count?.held, count?.sold, count?.available];
      }),
    ),
  ].join('\n');
}

export function salesText(sales: readonly Sale[]): string {
  return table(
    ['id', 'status', 'starts', 'ends', 'items', 'name'],
    sales.map((sale) => [sale.id, sale.status, sale.starts_at, sale.ends_at, sale.items.length, sale.name]),
  );
}

export function reportText(report: Report): string {
  const flat = (record: Readonly<Record<string, unknown>>): [string, string | number][] =>
    Object.entries(record).map(([name, value]) => [
      name,
      typeof value === 'number' ? value : typeof value === 'string' ? value : JSON.stringify(value),
    ]);
  const section = (title: string, text: string): string => `${title}\n${text.replaceAll(/^/gm, '  ')}`;
  return [
    section(
      'Items',
      table(
        ['sku', 'total', 'held', 'sold', 'available'],
        report.items.map((item) => [item.sku, item.total, item.held, item.sold, item.available ?? item.total - item.held - item.sold]),
      ),
    ),
    section('Reservations', pairs([...flat(report.reservations_by_status), ['events in the log', report.events]])),
    section('Payments', pairs(flat(report.payments))),
    section('Fairness', pairs(flat(report.fairness))),
    section('Invariants', invariantsText(report)),
  ].join('\n\n');
}

export function invariantsText(report: Report): string {
  return table(
    ['id', 'holds', 'detail'],
    report.invariants.map((invariant) => [invariant.id, verdict(invariant), invariant.detail ?? '']),
  );
}

function verdict(invariant: Report['invariants'][number]): string {
  if (invariant.checked === false) return 'not checked';
  return invariant.holds ? 'yes' : 'NO';
}
