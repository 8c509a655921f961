import type { EpochMs } from '#schemas/ids.ts';
import type { WriterLedger } from '#shared/ledger/ledger.ts';
import type { EventPublisher, LineReader, ParsedCommand } from '#shared/line/line.ts';
import type { Announce } from '#shared/replies/replies.ts';
import type { Observer } from './observer.ts';

/**
 * Everything the writer touches outside its own memory. Nothing else in this folder
 * but `main.ts` reads a clock, sets a timer or knows a server, so that the whole
 * writer runs under a simulator that decides what happens when.
 */
export interface WriterPorts {
  readonly ledger: WriterLedger;
  readonly line: Pick<LineReader, 'open' | 'close' | 'pause' | 'resume' | 'watermarks' | 'fetchOne'>;
  readonly parse: (bytes: Buffer) => ParsedCommand;
  readonly announce: Announce;
  readonly publish: EventPublisher['publish'];
  /** A tenure begins to publish: failures of an earlier one no longer count. */
  readonly startPublishing: EventPublisher['startOver'];
  readonly now: () => EpochMs;
  /** Runs `run` after `ms`; the returned function calls it off. */
  readonly schedule: (ms: number, run: () => void) => () => void;
  readonly observer: Observer;
  readonly log: WriterLog;
}

/** pino's logger fits. */
export interface WriterLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Bounds of one partition's loop; the unit stands in each name. */
export interface Limits {
  /** Records of the line held in memory before the source is paused; it goes on at half of that. */
  readonly queueRecordsMax: number;
  readonly queueBytesMax: number;
  /** Records decided in one transaction while the line keeps up. */
  readonly batchRecordsMax: number;
  /** The same when more than one batch waits: fewer, larger transactions. */
  readonly backlogBatchRecordsMax: number;
  /** The first batch of a tenure: small, so that decisions go on soon after a takeover, when code and caches are cold and many records wait. */
  readonly firstBatchRecordsMax: number;
  /** A batch is cut after the record with which it reaches so many events (one tick can expire many holds). */
  readonly batchEventsMax: number;
  /** Transactions of a partition under way at once. */
  readonly commitsInFlightMax: number;
  /** While one transaction is under way, a second one begins only for so many records: a few wait for the first, they would cost a whole transaction. */
  readonly overlapRecordsMin: number;
  /** How long an offset that moved without an event may stay uncommitted. */
  readonly lazyCommitMs: number;
  /** Decisions kept in memory behind those that still live; beyond it a retry is looked up in the ledger. */
  readonly rememberedEventsMax: number;
  /** Committed events that are not acknowledged by Kafka yet; at the bound deciding waits. */
  readonly unpublishedEventsMax: number;
  readonly unpublishedBatchesMax: number;
  /** How often the sales of partitions that others own are looked at. */
  readonly followEveryMs: number;
  /** By so many events each of them is moved on at a look: evenly, for it shares the cores with their owner. More than `rushEventsMin`, or the lag would grow. */
  readonly followEventsPace: number;
  /** By so many where nothing happens in it any more, and at most where it is too far behind. */
  readonly followEventsMax: number;
  /** A sale that moved by so many events between two looks is in a rush. */
  readonly rushEventsMin: number;
  /** After so many looks with fewer its rush is over. */
  readonly calmLooksMin: number;
  /** After so many looks without any event its owner is idle, or gone. */
  readonly stillLooksMin: number;
  /**
   * So far a sale in a rush may be left behind, because its owner may need the processor more. A standby catches up with
   * that much while the lease of an owner that is gone runs out, and in less than a second where it was released.
   */
  readonly followLagEventsMax: number;
  /** How far a record's broker time may be ahead of the own clock. */
  readonly clockAheadMsMax: number;
}

export const DEFAULT_LIMITS: Limits = {
  queueRecordsMax: 6_000,
  queueBytesMax: 32 * 1024 * 1024,
  batchRecordsMax: 1_000,
  backlogBatchRecordsMax: 2_000,
  firstBatchRecordsMax: 200,
  batchEventsMax: 4_000,
  commitsInFlightMax: 2,
  overlapRecordsMin: 100,
  lazyCommitMs: 5_000,
  rememberedEventsMax: 50_000,
  unpublishedEventsMax: 50_000,
  unpublishedBatchesMax: 512,
  followEveryMs: 250,
  followEventsPace: 1_500,
  followEventsMax: 50_000,
  rushEventsMin: 1_000,
  calmLooksMin: 8,
  stillLooksMin: 2,
  followLagEventsMax: 100_000,
  clockAheadMsMax: 60_000,
};
