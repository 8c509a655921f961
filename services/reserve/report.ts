import { SaleId } from '#schemas/ids.ts';
import { json, type Outcome } from '#shared/http/answer.ts';
import { problem } from '#shared/http/problem.ts';
import { param, type Exchange } from '#shared/http/route.ts';
import type { ReportReads } from '#shared/ledger/read/report.ts';
import type { SaleReads } from '#shared/ledger/read/sales.ts';
import { availabilityItem } from './sale-view.ts';

/**
 * `GET /v1/sales/{sale_id}/report`: the reconciliation. One report is made at a
 * time, because each reads a whole log and buyers come first; those who ask while
 * a sale's is made are given that one.
 */
export function createReportHandler(sales: SaleReads, reads: ReportReads): (exchange: Exchange) => Promise<Outcome> {
  const inWork = new Map<string, Promise<Outcome>>();
  let queue: Promise<unknown> = Promise.resolve();

  async function report(saleId: string): Promise<Outcome> {
    const sale = await sales.byId(saleId);
    if (sale === null) return problem('sale_not_found', 'no sale has this id');
    // Of the sale above only what never changes is told: the rest is of the moment of the figures.
    const figures = await reads.figures(sale);
    const { ordersByStatus: orders } = figures;
    const amountIn = (status: string) => orders.find((row) => row.status === status)?.amount ?? 0;
    return json(
      200,
      {
        sale_id: sale.sale_id,
        status: figures.status,
        as_of_seq: figures.seq,
        events: figures.seq,
        items: figures.items.map(availabilityItem),
        reservations_by_status: Object.fromEntries(figures.reservationsByStatus.map(({ status, n }) => [status, n])),
        payments: {
          orders_by_status: Object.fromEntries(orders.map(({ status, n }) => [status, n])),
          captured_amount: amountIn('paid') + amountIn('refunding') + amountIn('refunded'),
          refunded_amount: amountIn('refunded'),
          currency: sale.terms.items[0]!.currency,
        },
        fairness: figures.fairness,
        invariants: figures.invariants,
      },
      { 'cache-control': 'private, no-store' },
    );
  }

  return async (exchange) => {
    const saleId = param(exchange, 'saleId');
    if (!SaleId.safeParse(saleId).success) return problem('sale_not_found', 'no sale has this id');
    const known = inWork.get(saleId);
    if (known !== undefined) return known;
    const made = queue.then(() => report(saleId)).finally(() => inWork.delete(saleId));
    queue = made.catch(() => undefined);
    inWork.set(saleId, made);
    return made;
  };
}
