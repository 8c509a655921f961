import { epochMs } from '#shared/proof/utc.ts';
import { encodeCommand } from '#shared/line/encode.ts';
import { runSchedule } from '#services/scheduler/schedule.ts';
import { createLineEnqueuer } from './enqueuer.ts';
import { silentLog } from './payment.ts';
import { createProcess, type SimProcess } from './process.ts';
import type { World } from './world.ts';

/** A scheduler process: the real schedule. It always leads: two for a moment do no harm, which is what a new one beside a frozen one tries. */
export function startScheduler(world: World, name: string): SimProcess {
  const process = createProcess(world, name);
  world.note(name, 'starts');
  const enqueuer = createLineEnqueuer(world, process, 'scheduler produce');
  const stopped = new AbortController();
  process.onKill(() => {
    stopped.abort();
  });
  const ignore = (): void => undefined;
  runSchedule(
    {
      now: process.now,
      sleep: (ms) => new Promise((resolve) => process.schedule(ms, resolve)),
      holdsLeadership: () => Promise.resolve(true),
      unsettledSales: () => process.call('scheduler read', 'ledger', () => unsettledSales(world)),
      releaseUnscheduledLines: () => Promise.resolve([]),
      enqueue: (partition, command) => enqueuer.enqueue(partition, encodeCommand(command)),
      log: silentLog,
      observe: { leading: ignore, sales: ignore, command: ignore, second: ignore },
    },
    stopped.signal,
  ).catch((error: unknown) => {
    world.violated('the scheduler crashed', String(error));
  });
  return process;
}

function unsettledSales({ ledger }: World) {
  return Array.from(ledger.lines).flatMap(([saleId, { saleNo, partition }]) => {
    const sale = ledger.sales.get(saleNo);
    const terms = ledger.terms.get(saleNo)?.terms;
    if (sale === undefined || terms === undefined || sale.settled) return [];
    return [{ saleId, saleNo, partition, status: sale.status, startsAt: epochMs(terms.starts_at), endsAt: epochMs(terms.ends_at) }];
  });
}
