import { Counter, Gauge, Histogram } from 'prom-client';
import type { Metrics } from '#shared/telemetry/metrics.ts';
import type { FollowerFigures } from './follower.ts';
import type { Observer } from './observer.ts';
import type { PartitionStatus } from './ownership.ts';

export interface WriterMetrics {
  readonly observer: Observer;
  /** Records on each line that are not decided yet, as Kafka last said. */
  readonly setLag: (partition: number, records: number) => void;
}

/** The writer's figures. `status` and `following` are asked at each scrape. */
export function createWriterMetrics(
  metrics: Metrics,
  status: () => readonly PartitionStatus[],
  following: () => FollowerFigures,
): WriterMetrics {
  const registers = [metrics];
  const decisions = new Counter({
    name: 'firstcome_decisions_total',
    help: 'Committed decisions, by event type and, where it was a refusal, its reason.',
    labelNames: ['outcome'] as const,
    registers,
  });
  const records = new Counter({
    name: 'firstcome_writer_records_total',
    help: 'Records of the line that were decided and committed.',
    registers,
  });
  const batchRecords = new Histogram({
    name: 'firstcome_writer_batch_records',
    help: 'Records decided in one transaction.',
    buckets: [1, 3, 10, 30, 100, 300, 1_000, 2_000],
    registers,
  });
  const commitSeconds = new Histogram({
    name: 'firstcome_writer_commit_seconds',
    help: 'From handing a batch to the ledger to its COMMIT.',
    buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5],
    registers,
  });
  const takeovers = new Counter({ name: 'firstcome_writer_takeovers_total', help: 'Partitions taken over.', registers });
  const ends = new Counter({
    name: 'firstcome_writer_tenures_ended_total',
    help: 'Tenures that ended, by how.',
    labelNames: ['how'] as const,
    registers,
  });
  const passed = new Counter({
    name: 'firstcome_writer_passed_records_total',
    help: 'Records passed because they belong to no sale and the line has none that is active.',
    registers,
  });
  const lag = new Gauge({
    name: 'firstcome_writer_lag_records',
    help: 'Records on the line that are not decided yet.',
    labelNames: ['partition'] as const,
    registers,
  });
  new Gauge({
    name: 'firstcome_writer_partitions',
    help: 'Partitions by what this process is to them.',
    labelNames: ['kind'] as const,
    registers,
    collect() {
      const counts = { owned: 0, standby: 0, taking: 0, halted: 0 };
      for (const { kind } of status()) counts[kind]++;
      for (const [kind, count] of Object.entries(counts)) this.set({ kind }, count);
    },
  });
  const halted = new Gauge({
    name: 'firstcome_writer_halted',
    help: '1 for each partition that is halted until a person has looked.',
    labelNames: ['partition', 'code'] as const,
    registers,
    collect() {
      halted.reset();
      for (const entry of status())
        if (entry.kind === 'halted') this.set({ partition: String(entry.partition), code: entry.fault.code }, 1);
    },
  });
  const perPartition = (name: string, help: string, value: (owned: Extract<PartitionStatus, { kind: 'owned' }>) => number) => {
    const gauge = new Gauge({
      name,
      help,
      labelNames: ['partition'] as const,
      registers,
      collect() {
        gauge.reset();
        for (const entry of status())
          if (entry.kind === 'owned' && entry.figures.hotSales > 0) gauge.set({ partition: String(entry.partition) }, value(entry));
      },
    });
  };
  new Gauge({
    name: 'firstcome_writer_followed_sales',
    help: 'Sales of partitions in standby that are kept in memory, or being loaded for it.',
    registers,
    collect() {
      this.set(following().sales);
    },
  });
  new Gauge({
    name: 'firstcome_writer_follow_lag_events',
    help: 'Events of followed sales that were committed and not followed at the last look: what a takeover has to catch up with.',
    registers,
    collect() {
      this.set(following().lagEvents);
    },
  });
  perPartition('firstcome_writer_queue_records', 'Records read from the line and not decided yet.', ({ figures }) => figures.queueRecords);
  perPartition('firstcome_writer_epoch', 'The epoch under which the partition is owned.', ({ epoch }) => epoch);
  perPartition('firstcome_writer_next_offset', 'The next offset to decide.', ({ figures }) => figures.nextOffset);

  return {
    observer: {
      committed(batch) {
        records.inc(batch.records);
        for (const [outcome, count] of batch.outcomes) decisions.inc({ outcome }, count);
        if (batch.records > 0) batchRecords.observe(batch.records);
        if (batch.commitMs > 0) commitSeconds.observe(batch.commitMs / 1_000);
      },
      tookOver() {
        takeovers.inc();
      },
      ended(_partition, how) {
        ends.inc({ how });
      },
      passed() {
        passed.inc();
      },
    },
    setLag(partition, count) {
      lag.set({ partition: String(partition) }, count);
    },
  };
}
