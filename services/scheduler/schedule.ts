import type { Command } from '#schemas/command.ts';
import type { EpochMs, Partition, SaleId } from '#schemas/ids.ts';
import type { UnsettledSale } from '#shared/ledger/lines.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { commandOf } from './command.ts';
import { plan, type PlannedCommand } from './plan.ts';

export interface SchedulePorts {
  readonly now: () => EpochMs;
  /** Runs at the earliest `ms` from now, or at once when the schedule is stopped. */
  readonly sleep: (ms: number, stopped: AbortSignal) => Promise<void>;
  readonly holdsLeadership: () => Promise<boolean>;
  readonly unsettledSales: () => Promise<readonly UnsettledSale[]>;
  readonly releaseUnscheduledLines: () => Promise<readonly string[]>;
  readonly enqueue: (partition: Partition, command: Command) => Promise<unknown>;
  readonly log: Pick<Log, 'info' | 'warn'>;
  readonly observe: Observe;
}

export interface Observe {
  readonly leading: (leading: boolean) => void;
  readonly sales: (unsettled: number) => void;
  readonly command: (kind: PlannedCommand['kind'], placed: boolean) => void;
  readonly second: (worked: boolean) => void;
}

const secondMs = 1_000;
const releaseEveryMs = 60_000;

/**
 * Once a second: if this process leads, does what the plan of that second says. What
 * cannot be put on its line is left to a later second; where ledger or line are away
 * it waits for them. A second that takes longer than one delays the next, so that
 * there is never more than one at a time. Ends when `stopped` is.
 */
export async function runSchedule(ports: SchedulePorts, stopped: AbortSignal): Promise<void> {
  const asked = new Map<SaleId, { open: EpochMs | null; close: EpochMs | null }>();
  let led = false;
  let releasedAt = 0;

  async function place(command: PlannedCommand, now: EpochMs): Promise<void> {
    const { kind, sale } = command;
    try {
      await ports.enqueue(sale.partition, commandOf(command, now));
    } catch (error) {
      ports.observe.command(kind, false);
      if (kind !== 'tick') ports.log.warn({ err: error, sale_id: sale.saleId, kind }, 'a sale could not be told to change; trying again');
      return;
    }
    ports.observe.command(kind, true);
    if (kind === 'tick') return;
    ports.log.info({ sale_id: sale.saleId, kind }, 'put on the line of the sale');
    asked.set(sale.saleId, { open: null, close: null, ...asked.get(sale.saleId), [kind]: now });
  }

  async function second(now: EpochMs): Promise<void> {
    const sales = await ports.unsettledSales();
    ports.observe.sales(sales.length);
    const known = new Set(sales.map((sale) => sale.saleId));
    for (const saleId of asked.keys()) if (!known.has(saleId)) asked.delete(saleId);

    const planned = plan(
      now,
      sales.map((sale) => ({
        ...sale,
        openAskedAt: asked.get(sale.saleId)?.open ?? null,
        closeAskedAt: asked.get(sale.saleId)?.close ?? null,
      })),
    );
    await Promise.all(planned.map((command) => place(command, now)));

    if (now - releasedAt < releaseEveryMs) return;
    const released = await ports.releaseUnscheduledLines();
    releasedAt = now;
    if (released.length > 0) ports.log.info({ sale_ids: released }, 'released lines that never got their sale');
  }

  while (!stopped.aborted) {
    const startedAt = ports.now();
    const leads = await ports.holdsLeadership();
    ports.observe.leading(leads);
    if (leads !== led) ports.log.info({ leads }, leads ? 'this scheduler is the active one' : 'this scheduler is on standby');
    led = leads;
    if (leads) {
      try {
        await second(startedAt);
        ports.observe.second(true);
      } catch (error) {
        ports.observe.second(false);
        ports.log.warn({ err: error }, 'a second was missed; going on with the next');
      }
    }
    await ports.sleep(Math.max(0, startedAt + secondMs - ports.now()), stopped);
  }
}
