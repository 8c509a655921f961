import { randomUUID } from 'node:crypto';

/** The API as its clients see it, at FIRSTCOME_URL. */

/** An answer's body: each test says what it expects of it. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Json = any;

export interface Caller {
  readonly user: string;
  readonly scope?: string;
}

export interface CallOptions {
  readonly as?: Caller | undefined;
  readonly key?: string | undefined;
  readonly prefer?: string | undefined;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Json;
}

const base = process.env['FIRSTCOME_URL'] ?? 'http://localhost:8080';

export async function call(
  method: 'GET' | 'POST' | 'PUT',
  path: string,
  { as, key, prefer, body, headers }: CallOptions = {},
): Promise<Reply> {
  const response = await fetch(base + path, {
    method,
    headers: {
      ...(as === undefined ? {} : { 'x-user-id': as.user }),
      ...(as?.scope === undefined ? {} : { 'x-scope': as.scope }),
      ...(key === undefined ? {} : { 'idempotency-key': key }),
      ...(prefer === undefined ? {} : { prefer }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = /[/+]json\b/.test(response.headers.get('content-type') ?? '');
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
}

export const newKey = (): string => randomUUID();
/** A buyer nobody else is. */
export const newBuyer = (): Caller => ({ user: `buyer-${randomUUID()}` });
export const operator: Caller = { user: 'operator-of-the-tests', scope: 'operator' };
export const auditor: Caller = { user: 'auditor-of-the-tests', scope: 'auditor' };

const dayMs = 86_400_000;
export const item = (sku: string, quantity: number, unit_price = 100) => ({
  sku,
  name: `Item ${sku}`,
  unit_price,
  currency: 'EUR',
  quantity,
});

/** Terms of a sale that opens at once. */
export function terms(overrides: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    name: 'A sale of the tests',
    starts_at: new Date(Date.now() - 60_000).toISOString(),
    ends_at: new Date(Date.now() + dayMs).toISOString(),
    items: [item('a', 10), item('b', 5, 250)],
    ...overrides,
  };
}

export const notYet = () => ({ starts_at: new Date(Date.now() + dayMs / 2).toISOString() });

const opened: string[] = [];

/** A new sale; its id. */
export async function newSale(overrides: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const { status, body } = await call('POST', '/v1/sales', { as: operator, key: newKey(), body: terms(overrides) });
  if (status !== 201) throw new Error(`the sale was not created: ${JSON.stringify(body)}`);
  opened.push(body.id as string);
  return body.id as string;
}

/** Closes what `newSale` opened, so that the lines become free. */
export async function closeSales(): Promise<void> {
  await Promise.all(opened.splice(0).map((id) => call('POST', `/v1/sales/${id}/close`, { as: operator })));
}

export const change = (saleId: string, transition: string): Promise<Reply> =>
  call('POST', `/v1/sales/${saleId}/${transition}`, { as: operator });

/** The reconciliation; it is read from the database, so it holds all that was answered before. */
export async function report(saleId: string): Promise<Json> {
  const { status, body } = await call('GET', `/v1/sales/${saleId}/report`, { as: operator });
  if (status !== 200) throw new Error(`no report: ${JSON.stringify(body)}`);
  return body;
}

/** Invariants that are broken; empty where all is well. */
export const broken = (ofReport: Json): unknown[] => ofReport.invariants.filter((one: { holds: boolean }) => !one.holds);

export const reserve = (saleId: string, as: Caller, body: unknown, options: CallOptions = {}): Promise<Reply> =>
  call('POST', `/v1/sales/${saleId}/reservations`, { as, key: newKey(), body, ...options });

/** Runs `count` of `work` with at most `atOnce` under way. */
export async function inParallel<T>(count: number, atOnce: number, work: (n: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let n = next++; n < count; n = next++) results[n] = await work(n);
    }),
  );
  return results;
}
