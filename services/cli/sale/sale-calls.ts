import { ApiRefusal, type Call } from '../api-client.ts';

/** A sale, its availability and its report as the API tells them. Fields a newer server adds are kept. */

/** A report reads the whole log. */
const reportMs = 300_000;

export interface SaleItemBody {
  readonly sku: string;
  readonly name: string;
  readonly unit_price: number;
  readonly currency: string;
  readonly quantity: number;
}

export interface NewSale {
  readonly name: string;
  readonly starts_at: string;
  readonly ends_at: string;
  readonly items: readonly SaleItemBody[];
  readonly per_user_limit?: number;
  readonly hold_seconds?: number;
  readonly payment_seconds?: number;
  readonly waitlist_limit?: number;
  readonly late_payment?: 'refund' | 'reacquire';
  readonly on_payment_failure?: 'keep_hold' | 'release';
  readonly retention_years?: number;
}

export interface Sale {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly starts_at: string;
  readonly ends_at: string;
  readonly items: readonly SaleItemBody[];
}

export interface Availability {
  readonly sale_id: string;
  readonly status: string;
  readonly as_of_seq: number;
  readonly items: readonly { sku: string; total: number; held: number; sold: number; available: number }[];
}

export interface Invariant {
  readonly id: string;
  readonly holds: boolean;
  readonly checked?: boolean | string;
  readonly detail?: string;
}

export interface Report {
  readonly invariants: readonly Invariant[];
  readonly reservations_by_status: Readonly<Record<string, number>>;
  readonly items: readonly { sku: string; total: number; held: number; sold: number; available?: number }[];
  readonly payments: Readonly<Record<string, unknown>>;
  readonly fairness: Readonly<Record<string, unknown>>;
  readonly events: number;
}

export async function createSale(call: Call, sale: NewSale): Promise<Sale> {
  return (await call<Sale>('POST', '/v1/sales', sale)).body;
}

export async function showSale(call: Call, saleId: string): Promise<Sale> {
  return (await call<Sale>('GET', `/v1/sales/${encodeURIComponent(saleId)}`)).body;
}

export async function listSales(call: Call, status: string | undefined): Promise<readonly Sale[]> {
  const query = status === undefined ? '?limit=100' : `?limit=100&status=${encodeURIComponent(status)}`;
  return (await call<{ data: Sale[] }>('GET', `/v1/sales${query}`)).body.data;
}

export async function availabilityOf(call: Call, saleId: string): Promise<Availability> {
  return (await call<Availability>('GET', `/v1/sales/${encodeURIComponent(saleId)}/availability`)).body;
}

export async function changeSale(call: Call, saleId: string, verb: 'open' | 'pause' | 'resume' | 'close'): Promise<Sale> {
  return (await call<Sale>('POST', `/v1/sales/${encodeURIComponent(saleId)}/${verb}`)).body;
}

export async function changeStock(call: Call, saleId: string, sku: string, delta: number): Promise<unknown> {
  return (await call('POST', `/v1/sales/${encodeURIComponent(saleId)}/stock`, { sku, delta })).body;
}

/**
 * The server makes one report at a time and goes on with it when a caller's time is
 * over: asking again joins the one that is being made, until `reportMs` have passed.
 */
export async function reportOf(call: Call, saleId: string): Promise<Report> {
  const deadline = performance.now() + reportMs;
  for (;;) {
    try {
      return (await call<Report>('GET', `/v1/sales/${encodeURIComponent(saleId)}/report`, undefined, { timeoutMs: reportMs })).body;
    } catch (error) {
      const again = error instanceof ApiRefusal && (error.status === 503 || error.status === 504);
      if (!again || performance.now() > deadline) throw error;
    }
  }
}
