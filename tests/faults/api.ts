/**
 * A client of the HTTP contract for tests of the whole system: one function a call,
 * answers as they came. Times out on its own, so that a test never hangs on a server
 * that does not answer.
 */

const answerWithinMs = 45_000;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // The tests look into bodies of every shape; what is missing is undefined and fails the expectation.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly body: any;
  readonly tookMs: number;
}

export interface CallOptions {
  readonly user?: string;
  readonly scope?: string;
  readonly key?: string;
  readonly body?: unknown;
  readonly prefer?: string;
  readonly withinMs?: number;
}

export async function call(baseUrl: string, method: string, path: string, options: CallOptions = {}): Promise<Answer> {
  const headers: Record<string, string> = {};
  if (options.user !== undefined) headers['x-user-id'] = options.user;
  if (options.scope !== undefined) headers['x-scope'] = options.scope;
  if (options.key !== undefined) headers['idempotency-key'] = options.key;
  if (options.prefer !== undefined) headers['prefer'] = options.prefer;
  if (options.body !== undefined) headers['content-type'] = 'application/json';
  const from = performance.now();
  const response = await fetch(baseUrl + path, {
    method,
    headers,
    signal: AbortSignal.timeout(options.withinMs ?? answerWithinMs),
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === '' ? undefined : JSON.parse(text),
    tookMs: performance.now() - from,
  };
}

export interface SaleOptions {
  readonly quantity: number;
  readonly sku?: string;
  readonly extra?: Record<string, unknown>;
}

/** An open sale of one item, for an hour. */
export async function openSale(baseUrl: string, options: SaleOptions): Promise<string> {
  const answer = await call(baseUrl, 'POST', '/v1/sales', {
    user: 'operator',
    scope: 'operator',
    body: {
      name: 'test sale',
      starts_at: new Date(Date.now() - 60_000).toISOString(),
      ends_at: new Date(Date.now() + 3_600_000).toISOString(),
      items: [{ sku: options.sku ?? 'unit', name: 'A unit', unit_price: 4900, currency: 'EUR', quantity: options.quantity }],
      ...options.extra,
    },
  });
  if (answer.status !== 201) throw new Error(`the sale was not created: ${String(answer.status)} ${JSON.stringify(answer.body)}`);
  return answer.body.id as string;
}

/** Asks for one unit and waits for the decision. */
export function reserve(baseUrl: string, saleId: string, user: string, key: string, prefer = 'wait=30'): Promise<Answer> {
  return call(baseUrl, 'POST', `/v1/sales/${saleId}/reservations`, { user, key, prefer, body: { sku: 'unit', quantity: 1 } });
}

/** The whole check of the sale in its report: ids of the invariants that do not hold. */
export async function brokenInvariants(baseUrl: string, saleId: string): Promise<string[]> {
  const report = await call(baseUrl, 'GET', `/v1/sales/${saleId}/report`, { user: 'operator', scope: 'operator' });
  if (report.status !== 200) return [`report answered ${String(report.status)}`];
  return (report.body.invariants as { id: string; holds: boolean; checked: boolean }[])
    .filter((i) => i.checked && !i.holds)
    .map((i) => i.id);
}
