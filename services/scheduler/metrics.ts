import { Counter, Gauge } from 'prom-client';
import type { Metrics } from '#shared/telemetry/metrics.ts';
import type { Observe } from './schedule.ts';

/** What operators see of the scheduler. */
export function schedulerMetrics(metrics: Metrics): Observe {
  const registers = [metrics];
  const leading = new Gauge({ name: 'firstcome_scheduler_leading', help: '1 where this process is the active scheduler', registers });
  const sales = new Gauge({ name: 'firstcome_scheduler_unsettled_sales', help: 'Sales that are ticked', registers });
  const commands = new Counter({
    name: 'firstcome_scheduler_commands',
    help: 'Commands for the lines; placed=false: the line was away',
    labelNames: ['kind', 'placed'],
    registers,
  });
  const seconds = new Counter({
    name: 'firstcome_scheduler_seconds',
    help: 'Seconds led; worked=false: the ledger was away',
    labelNames: ['worked'],
    registers,
  });
  return {
    leading: (leads) => leading.set(leads ? 1 : 0),
    sales: (unsettled) => sales.set(unsettled),
    command: (kind, placed) => commands.inc({ kind, placed: String(placed) }),
    second: (worked) => seconds.inc({ worked: String(worked) }),
  };
}
