import { Counter, Gauge } from 'prom-client';
import type { Metrics } from '#shared/telemetry/metrics.ts';
import type { Follower } from './follower.ts';
import type { FollowedLogPorts } from './followed-log.ts';

/** Counts what is followed and signed. */
export function countLogs(metrics: Metrics): FollowedLogPorts['observe'] {
  const registers = [metrics];
  const followed = new Counter({ name: 'firstcome_audit_events', help: 'Events checked and put into their tree', registers });
  const signed = new Counter({ name: 'firstcome_audit_checkpoints', help: 'Checkpoints signed', registers });
  return { followed: (events) => followed.inc(events), signed: () => signed.inc() };
}

/** Shows how the follower stands whenever someone looks. */
export function showFollower(metrics: Metrics, follower: Pick<Follower, 'leads' | 'behind' | 'faults'>): void {
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name,
      help,
      registers: [metrics],
      collect() {
        this.set(value());
      },
    });
  gauge('firstcome_audit_leads', '1 where this copy follows and signs', () => (follower.leads() ? 1 : 0));
  gauge('firstcome_audit_events_behind', 'Events decided and not in their tree at the newest pass', () => follower.behind());
  new Gauge({
    name: 'firstcome_audit_log_faults',
    help: 'Sales whose log is not followed or not signed any further; /readyz names them',
    labelNames: ['code'],
    registers: [metrics],
    collect() {
      this.reset();
      for (const { code } of follower.faults().values()) this.inc({ code });
    },
  });
}
