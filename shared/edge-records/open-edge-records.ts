import { Counter, Gauge } from 'prom-client';
import { openPool } from '#shared/ledger/connections.ts';
import { createEdgeRecordWrites, type AttemptRow, type BuyerRow } from '#shared/ledger/edge-records.ts';
import type { Log } from '#shared/telemetry/log.ts';
import type { Metrics } from '#shared/telemetry/metrics.ts';
import { createNoteAttempt, type NoteAttempt } from './attempts.ts';
import { createNoteBuyer, type NoteBuyer } from './buyers.ts';
import { createKeyedHashes } from './keyed-hash.ts';
import { createRecentlySeen } from './recently-seen.ts';
import { createWriteBehind, type WriteBehind, type WriteBehindLimits } from './write-behind.ts';

/** What a process of the edge notes beside its answers: whose pseudonyms stand in the line, and who never got there. */
export interface EdgeRecords {
  readonly noteBuyer: NoteBuyer;
  readonly noteAttempt: NoteAttempt;
  /** Writes what waits and closes the connection, for little more than a second. */
  close(): Promise<void>;
}

export interface OpenEdgeRecordsOptions {
  readonly databaseUrl: string;
  readonly service: string;
  /** USER_REF_SECRET. */
  readonly secret: string;
  readonly metrics: Metrics;
  /** Told of writes that failed, now and then, and of what was lost at the end. */
  readonly log: Log;
}

const beatMs = 1_000;
/** Ten thousand new buyers a second: more than one process can put on the line. */
const buyerLimits: WriteBehindLimits = { everyMs: beatMs, rowsAtOnceMax: 1_000, statementsABeatMax: 10, rowsWaitingMax: 20_000 };
/** Two thousand a second: who sends more in vain is counted, and does not fill the disk. */
const attemptLimits: WriteBehindLimits = { everyMs: beatMs, rowsAtOnceMax: 1_000, statementsABeatMax: 2, rowsWaitingMax: 5_000 };
/** Some 100 bytes each. */
const buyersSeenMax = 100_000;
/** One, so that what is noted here never takes a connection from whoever answers. */
const connectionsMax = 1;
const flushMsMax = 1_000;
const disconnectMsMax = 250;
const faultEveryMs = 10_000;

export function openEdgeRecords({ databaseUrl, service, secret, metrics, log }: OpenEdgeRecordsOptions): EdgeRecords {
  let faultToldAt = 0;
  const onFault = (error: unknown): void => {
    if (Date.now() - faultToldAt < faultEveryMs) return;
    faultToldAt = Date.now();
    log.warn({ err: error }, 'buyers and attempts could not be noted now; what was let go is counted in firstcome_edge_records_dropped');
  };
  const pool = openPool(databaseUrl, `${service}-edge-records`, connectionsMax, onFault);
  const writes = createEdgeRecordWrites(pool);
  const labelled = { registers: [metrics] };
  const written = new Counter({
    name: 'firstcome_edge_records_written',
    help: 'Rows about buyers and attempts that were written',
    labelNames: ['kind'],
    ...labelled,
  });
  const dropped = new Counter({
    name: 'firstcome_edge_records_dropped',
    help: 'Rows about buyers and attempts that were let go instead of written',
    labelNames: ['kind', 'reason'],
    ...labelled,
  });

  const behind = <Row>(kind: string, limits: WriteBehindLimits, write: (rows: readonly Row[]) => Promise<void>): WriteBehind<Row> => {
    const writtenOfKind = written.labels(kind);
    return createWriteBehind<Row>({
      limits,
      write,
      onWritten: (rows) => writtenOfKind.inc(rows),
      onDropped(rows, reason) {
        dropped.inc({ kind, reason }, rows);
        // Nobody asks for the metrics of a process that has ended.
        if (reason === 'stopped')
          log.warn({ kind, rows }, 'rows about buyers or attempts were lost: PostgreSQL did not take them before the end');
      },
      onFault,
    });
  };
  const buyers = behind<BuyerRow>('buyer', buyerLimits, writes.buyers);
  const attempts = behind<AttemptRow>('attempt', attemptLimits, writes.attempts);
  new Gauge({
    name: 'firstcome_edge_records_waiting',
    help: 'Rows about buyers and attempts that wait to be written',
    labelNames: ['kind'],
    ...labelled,
    collect() {
      this.set({ kind: 'buyer' }, buyers.waiting());
      this.set({ kind: 'attempt' }, attempts.waiting());
    },
  });

  return {
    noteBuyer: createNoteBuyer({ behind: buyers, seen: createRecentlySeen(buyersSeenMax), now: Date.now }),
    noteAttempt: createNoteAttempt(attempts, createKeyedHashes(secret)),
    async close() {
      await Promise.all([buyers.close(flushMsMax), attempts.close(flushMsMax)]);
      // A statement that is still under way would be waited for.
      let timer: NodeJS.Timeout | undefined;
      await Promise.race([pool.end(), new Promise<void>((resolve) => (timer = setTimeout(resolve, disconnectMsMax)))]);
      clearTimeout(timer);
    },
  };
}
