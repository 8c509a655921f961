import { Counter, Gauge, Histogram } from 'prom-client';
import type { Backlog } from '#shared/payments/backlog.ts';
import type { Metrics } from '#shared/telemetry/metrics.ts';

/** What operators see of payments. */
export interface PaymentMetrics {
  readonly observeCall: (kind: 'charge' | 'refund', outcome: string, seconds: number) => void;
  readonly observeReport: (type: string) => void;
  readonly setInFlight: (steps: number) => void;
  readonly setGatewayAway: (away: boolean) => void;
  readonly setBacklog: (backlog: Backlog) => void;
}

export function paymentMetrics(metrics: Metrics): PaymentMetrics {
  const registers = [metrics];
  const attempts = new Counter({
    name: 'firstcome_payment_attempts',
    help: 'Calls to the payment gateway by outcome',
    labelNames: ['kind', 'outcome'],
    registers,
  });
  const seconds = new Histogram({
    name: 'firstcome_payment_gateway_seconds',
    help: 'Time from a call to the payment gateway to its answer or its time limit',
    labelNames: ['kind'],
    buckets: [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  });
  const reports = new Counter({
    name: 'firstcome_payment_reports',
    help: 'Results put on the line, repetitions included',
    labelNames: ['type'],
    registers,
  });
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers });
  const inFlight = gauge('firstcome_payment_steps_in_flight', 'Payments being worked on by this process');
  const away = gauge('firstcome_payment_gateway_away', '1 while calls are held back because the gateway does not answer');
  const pending = gauge('firstcome_payments_pending', 'Payments with a step to be taken, over all processes');
  const manual = gauge('firstcome_payments_manual', 'Payments on the manual-intervention list');
  const overdue = gauge('firstcome_payments_overdue_seconds', 'How long the longest waiting step has been due');
  return {
    observeCall(kind, outcome, callSeconds) {
      attempts.inc({ kind, outcome });
      seconds.observe({ kind }, callSeconds);
    },
    observeReport: (type) => reports.inc({ type }),
    setInFlight: (steps) => inFlight.set(steps),
    setGatewayAway: (value) => away.set(value ? 1 : 0),
    setBacklog(backlog) {
      pending.set(backlog.pending);
      manual.set(backlog.manual);
      overdue.set(backlog.overdueSeconds);
    },
  };
}
