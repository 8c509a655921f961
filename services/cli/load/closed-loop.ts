import { createHttpPool } from '#shared/load/http-pool.ts';

/** A few clients who never pause: says what a machine can answer, never how long a crowd would wait. */

export interface ClosedLoopOptions {
  readonly host: string;
  readonly port: number;
  readonly saleId: string;
  readonly sku: string;
  readonly connections: number;
  readonly seconds: number;
  /** Header lines of a buyer. */
  readonly identity: (userId: string) => string;
  readonly run: string;
}

const requestMs = 20_000;

/** Decisions a second in the second half of the time; the first half warms up. */
export async function measureClosedLoop(options: ClosedLoopOptions): Promise<number> {
  const { host, port, connections, seconds, identity, run } = options;
  const pool = createHttpPool({ host, port, connectionsMax: connections, timeoutMs: requestMs });
  const path = `/v1/sales/${options.saleId}/reservations`;
  const body = JSON.stringify({ sku: options.sku, quantity: 1 });
  const startedAt = performance.now();
  const countFrom = startedAt + seconds * 500;
  const until = startedAt + seconds * 1_000;
  let sent = 0;
  let counted = 0;
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (performance.now() < until) {
        const user = `${run}-${(sent += 1)}`;
        const decided = await new Promise<boolean>((resolve) => {
          pool.send({ method: 'POST', path, headers: `${identity(user)}Idempotency-Key: ${user}\r\n`, body }, (answer) =>
            resolve(answer.kind === 'answered' && answer.status === 201),
          );
        });
        if (decided && performance.now() >= countFrom) counted += 1;
      }
    }),
  );
  const elapsed = (performance.now() - countFrom) / 1_000;
  pool.close();
  return counted / elapsed;
}
