import type { SaleId, SaleNo } from '#schemas/ids.ts';
import { refuse } from '#shared/http/problem.ts';
import { param, type Exchange } from '#shared/http/route.ts';

/** Finds a sale of which something is decided. */
export interface AuditedSales {
  find(saleId: string): AuditedSale | null | Promise<AuditedSale | null>;
}

export interface AuditedSale {
  readonly saleId: SaleId;
  readonly saleNo: SaleNo;
}

/** The sale that the path names. Refuses (404) one that is not there. */
export async function auditedSale(exchange: Exchange, sales: AuditedSales): Promise<AuditedSale> {
  return (await sales.find(param(exchange, 'saleId'))) ?? refuse('sale_not_found', 'no sale has this id');
}
