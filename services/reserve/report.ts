import { SaleId } from '#schemas/ids.ts';
import { json, type Outcome } from '#shared/http/answer.ts';
import { problem } from '#shared/http/problem.ts';
import { param, type Exchange } from '#shared/http/route.ts';
import { INVARIANT_CHECKS, type InvariantCheck } from '#shared/ledger/read/invariants.ts';
import type { ReportReads } from '#shared/ledger/read/report.ts';
import type { SaleReads } from '#shared/ledger/read/sales.ts';
import { availabilityItem } from './sale-view.ts';

interface Invariant {
  readonly id: string;
  readonly holds: boolean;
  readonly checked: boolean;
  readonly detail?: string;
}

/**
 * `GET /v1/sales/{sale_id}/report`: the reconciliation. One report is made at a
 * time, because each reads a whole log and buyers come first; those who ask while
 * a sale's is made are given that one.
 */
export function createReportHandler(sales: SaleReads, reads: ReportReads): (exchange: Exchange) => Promise<Outcome> {
  const inWork = new Map<string, Promise<Outcome>>();
  let queue: Promise<unknown> = Promise.resolve();

  async function check({ id, statement, detail }: InvariantCheck, saleNo: number): Promise<Invariant> {
    // Nothing says that it is broken, and nothing here could: that is what `checked` tells.
    if (statement === null) return { id, holds: true, checked: false, ...(detail === undefined ? {} : { detail }) };
    const violations = await reads.violations(statement, saleNo);
    if (violations.length > 0) return { id, holds: false, checked: true, detail: violations.map((one) => one.detail).join('; ') };
    return { id, holds: true, checked: true, ...(detail === undefined ? {} : { detail }) };
  }

  async function report(saleId: string): Promise<Outcome> {
    const sale = await sales.byId(saleId);
    if (sale === null) return problem('sale_not_found', 'no sale has this id');
    const saleNo = sale.sale_no;
    // One after the other: a report takes one connection of the pool, not all of them.
    const byStatus = await reads.reservationsByStatus(saleNo);
    const orders = await reads.ordersByStatus(saleNo);
    const fairness = await reads.fairness(saleNo);
    const invariants: Invariant[] = [];
    for (const one of INVARIANT_CHECKS) invariants.push(await check(one, saleNo));
    const amountIn = (status: string) => orders.find((row) => row.status === status)?.amount ?? 0;
    return json(
      200,
      {
        sale_id: sale.sale_id,
        status: sale.status,
        as_of_seq: sale.seq,
        events: sale.seq,
        items: sale.items.map(availabilityItem),
        reservations_by_status: Object.fromEntries(byStatus.map(({ status, n }) => [status, n])),
        payments: {
          orders_by_status: Object.fromEntries(orders.map(({ status, n }) => [status, n])),
          captured_amount: amountIn('paid') + amountIn('refunding') + amountIn('refunded'),
          refunded_amount: amountIn('refunded'),
          currency: sale.terms.items[0]!.currency,
        },
        fairness,
        invariants,
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
