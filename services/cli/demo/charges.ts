/** The payment gateway's own books: what it captured and gave back, whatever anyone else says. */

export interface Charge {
  readonly id: string;
  /** The order's id. */
  readonly reference: string;
  readonly amount: number;
  readonly status: 'succeeded' | 'refunded';
}

const pageSize = 1_000;

/** Charges for these orders, read page by page from the simulated gateway; `orders` is asked which to keep. */
export async function chargesFor(gatewayUrl: string, orders: { has(orderId: string): boolean }): Promise<readonly Charge[]> {
  const charges: Charge[] = [];
  let cursor: string | number | null = 0;
  while (cursor !== null) {
    const response: Response = await fetch(`${gatewayUrl}/v1/charges?limit=${pageSize}&cursor=${cursor}`, {
      signal: AbortSignal.timeout(10_000),
    });
    if (!response.ok)
      throw new Error(`The simulated gateway at ${gatewayUrl} answered ${response.status}. Is it up? Run: firstcome status`);
    const page = (await response.json()) as { data: Charge[]; next_cursor: string | number | null };
    charges.push(...page.data.filter((charge) => orders.has(charge.reference)));
    cursor = page.next_cursor;
  }
  return charges;
}
